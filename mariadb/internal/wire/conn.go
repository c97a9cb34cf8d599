package wire

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"net"
	"sync/atomic"
)

// Config says where a server is and how to log in. Connect doesn't change it: connections may share one.
type Config struct {
	Network string // "tcp" or "unix"
	Address string // host:port, or the path of a socket

	User, Password string
	Database       string // "": none

	// TLS is used if the server offers it; nil: never. It has to name the server (or to skip verification on purpose).
	TLS *tls.Config
	// TLSRequired makes Connect fail with ErrNoTLS, before anything but the TCP handshake, if the server has no TLS.
	TLSRequired bool

	// Collation of the connection; 0: CollationUTF8MB4. The values that this package passes on are in its character set.
	Collation byte
	// Attributes are what the server shows of its clients in performance_schema: "_client_name", "program_name", …
	Attributes map[string]string

	FoundRows       bool // AffectedRows counts the rows that an UPDATE matched, changed or not
	MultiStatements bool // a query may be several statements
	LocalInfile     bool // tells the server that SendQueryInfile may be used; nothing is ever sent but by that

	// Cleartext lets the password be sent as it is to a server that asks for it (PAM, LDAP), in the open where there's no
	// TLS.
	Cleartext bool
	// ServerKey encrypts the password for caching_sha2_password and sha256_password where there's no TLS.
	ServerKey *rsa.PublicKey
	// FetchServerKey takes that key from the server itself: whoever can stand between may then read the password.
	FetchServerKey bool

	// MaxPacket bounds the packets accepted, in bytes; 0: 1 GiB, more than which no server sends.
	MaxPacket int

	// Dial connects; nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Conn is a connection, logged in. One goroutine at a time may use it; Written, NetConn and Close may be called by others,
// too.
type Conn struct {
	sock *socket
	net  net.Conn // sock, or the TLS above it

	in      reader
	out     []byte // packets queued, whole
	sent    int    // how many bytes of out have left
	longest int    // bytes of a command: maxCommand
	outErr  error  // what makes the next Flush fail before it sends anything
	pending []pending
	hasLast bool   // LastStmt may stand for a statement
	lastID  uint32 // of the statement that was prepared last, as far as answers were read
	flushed int    // how many of pending are sent
	failed  error  // why the connection is of no more use

	id      uint32
	version string
	caps    uint64
	status  uint16
	tracked Tracked

	// The answer that is being read.
	state    state
	count    int      // of the columns that the answer announced
	prep     *Stmt    // what a prepare has told so far
	prepCols int      // how many columns it announced
	cols     []Column // as far as they have come
	further  bool     // the result isn't its answer's first
	refused  bool     // a file was asked for and not sent
	result   Result
}

// NetConn returns the connection on which deadlines are set: TLS or plain. Nobody but this package reads or writes it.
func (c *Conn) NetConn() net.Conn { return c.net }

// TLS returns the state of the connection's TLS; false if it has none.
func (c *Conn) TLS() (tls.ConnectionState, bool) {
	if t, ok := c.net.(*tls.Conn); ok {
		return t.ConnectionState(), true
	}
	return tls.ConnectionState{}, false
}

// Written returns how many bytes the operating system has taken so far, TLS's own included. It may be called at any time.
func (c *Conn) Written() int64 { return c.sock.written.Load() }

// Received returns how many bytes have arrived so far, TLS's own included. It may be called at any time.
func (c *Conn) Received() int64 { return c.sock.read.Load() }

// ID returns the connection's number, which KILL takes.
func (c *Conn) ID() uint32 { return c.id }

// ServerVersion returns the server's version such as "10.11.19-MariaDB", without the "5.5.5-" that MariaDB puts before it
// for the sake of old replicas.
func (c *Conn) ServerVersion() string { return c.version }

// Capabilities returns what server and client both offer (the Cap constants).
func (c *Conn) Capabilities() uint64 { return c.caps }

// Status returns the flags of the last OK or end of rows (the Status constants). An error packet tells none: then it's
// older.
func (c *Conn) Status() uint16 { return c.status }

// Tracked returns what the server has told of the session's state. It's valid until the next read.
func (c *Conn) Tracked() *Tracked { return &c.tracked }

// Failed returns why the connection is of no more use: the network failed, or the server broke the protocol. Nil: it's
// usable.
func (c *Conn) Failed() error { return c.failed }

// Awaited returns how many answers have been asked for and not been read to their end.
func (c *Conn) Awaited() int { return len(c.pending) }

// Close closes the socket at once, without TLS's farewell, which may block. Call SendQuit and Flush first (with a
// deadline) for the server to count no aborted client.
func (c *Conn) Close() error { return c.sock.Close() }

// Tracked is the state of a session as the server tells it, in which only what the server was asked to track is filled:
// session_track_schema, session_track_system_variables, session_track_transaction_info.
// See page ok_packet#session-change-type.
type Tracked struct {
	Schema          string            // the default database; "" if none was told
	Variables       map[string]string // system variables that changed since the login, last_gtid among them if it's tracked
	GTID            string            // of the last transaction that this session committed
	Transaction     string            // eight characters such as "T_______": see session_track_transaction_info
	Characteristics string            // the statements that would begin a transaction such as this
	Changes         uint64            // how many packets told a change
}

// Column describes a column of a result, or a parameter: page result-set-packets#column-definition-packet.
type Column struct {
	Name, OrgName      string // the alias, and the table's own name for it ("" if it's an expression)
	Table, OrgTable    string
	Schema             string
	Type               byte // one of the Type constants
	Flags              uint16
	Charset            uint16 // a collation's number: CharsetBinary is bytes or a number
	Length             uint32 // the most that can be displayed, in bytes
	Decimals           byte   // digits after the point; 31: not fixed
	ExtType, ExtFormat string // MariaDB's own: type "uuid", "inet6", "point", …; format "json"
}

// Stmt is a prepared statement. It belongs to the connection that prepared it.
type Stmt struct {
	ID       uint32
	Params   []Column // the server knows little of them: mostly their number counts
	Columns  []Column // of the result, as last told; empty if there's none (or if it isn't known before execution: CALL)
	Warnings uint16

	told []Column // of the last result set, a bulk's or an execution's: what the server leaves out next
}

// Params are the arguments of an execution in the binary protocol: page com_stmt_execute. The zero value is
// no parameters. The bytes are copied when they're queued.
type Params struct {
	Nulls  []byte // a bit for each parameter, (n+7)/8 bytes, the first parameter in the lowest bit
	Types  []byte // two bytes for each: a Type constant, and 0 or ParamUnsigned
	Values []byte // of those that aren't NULL
}

// OK is how a statement ended.
type OK struct {
	AffectedRows uint64
	LastInsertID uint64
	Status       uint16 // the Status constants
	Warnings     uint16
	Info         []byte // such as "Rows matched: 1  Changed: 1  Warnings: 0"; valid until the next read
}

// Result is one answer, or one of the several of a CALL or a script.
type Result struct {
	// Columns is nil if the statement returned no rows: then OK is filled. Otherwise ReadRow returns the rows, and OK is
	// filled once it has returned the last. The slice isn't reused and may be kept.
	Columns []Column
	Binary  bool // the rows are in the binary protocol; otherwise text
	OK      OK
	// More says that another result follows, to be read by another ReadResult. With rows it's known at their end.
	More bool
}

// socket counts the bytes that cross a network connection, below TLS.
type socket struct {
	net.Conn
	written atomic.Int64 // bytes that the operating system took
	read    atomic.Int64
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.written.Add(int64(n))
	return n, err
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.read.Add(int64(n))
	return n, err
}
