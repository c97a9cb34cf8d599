package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
)

// maxCommand is the longest command that a server can be set up to take (max_allowed_packet).
const maxCommand = 1 << 30

// LastStmt is the statement id that stands for the statement prepared last:
// page com_stmt_execute#specific-1-statement-id-value.
const LastStmt uint32 = 0xffffffff

// pending is a command whose answer hasn't been read to its end.
type pending struct {
	command byte
	seq     byte      // the number that the answer begins with
	stmt    *Stmt     // of an execution, of a bulk
	infile  io.Reader // what SendQueryInfile offers
	older   bool      // of a prepare: there was one before it that LastStmt may stand for if it fails
}

// SendQuery queues a statement in the text protocol, answered by ReadResult: page com_query.
func (c *Conn) SendQuery(text string) { c.SendQueryInfile(text, nil) }

// SendQueryInfile is SendQuery of a LOAD DATA LOCAL INFILE, for a connection with Config.LocalInfile: when the server asks
// for a file, whatever its name, ReadResult sends what file reads, once. If file fails, the connection does, too, so that
// the server doesn't take a part for the whole. Nothing may be sent after it before its answer is read: the server would
// take that for the file.
func (c *Conn) SendQueryInfile(text string, file io.Reader) {
	at := c.begin(comQuery, len(text))
	c.out = append(c.out, text...)
	c.end(at, pending{command: comQuery, infile: file})
}

// SendPrepare queues a prepare, answered by ReadPrepared: page com_stmt_prepare.
func (c *Conn) SendPrepare(text string) {
	at := c.begin(comStmtPrepare, len(text))
	c.out = append(c.out, text...)
	c.end(at, pending{command: comStmtPrepare, older: c.hasLast})
	c.hasLast = true
}

// SendExecute queues an execution of st, answered by ReadResult: page com_stmt_execute. No cursor is used:
// the server sends the rows as it makes them.
func (c *Conn) SendExecute(st *Stmt, p Params) { c.execute(st.ID, st, p) }

// SendPrepareExecute queues a prepare and the execution of what it prepares, without waiting in between. ReadPrepared and
// then ReadResult read the two answers; if the prepare fails, so does the execution.
//
// It returns false and queues nothing where that can't be had or isn't safe: the server needs CapBulk, and no statement
// may be left that was prepared last on this connection. For if a prepare fails for max_prepared_stmt_count (error 1461),
// MariaDB goes on to execute the statement that was prepared before it, with these parameters (seen in 10.11). So it's for
// a connection's first statement, and for statements that are closed at once, by SendCloseStmt(LastStmt) in the same
// flush.
func (c *Conn) SendPrepareExecute(text string, p Params) bool {
	if c.caps&CapBulk == 0 || c.hasLast {
		return false
	}
	c.SendPrepare(text)
	c.execute(LastStmt, nil, p)
	return true
}

func (c *Conn) execute(id uint32, st *Stmt, p Params) {
	at := c.begin(comStmtExecute, 10+len(p.Nulls)+len(p.Types)+len(p.Values))
	c.out = binary.LittleEndian.AppendUint32(c.out, id)
	c.out = append(c.out, 0, 1, 0, 0, 0) // no cursor; iterations, always 1
	if len(p.Types) > 0 {
		c.out = append(c.out, p.Nulls...)
		c.out = append(c.out, 1) // types follow
		c.out = append(c.out, p.Types...)
		c.out = append(c.out, p.Values...)
	}
	c.end(at, pending{command: comStmtExecute, stmt: st})
}

// SendBulk queues one execution of st for each row, answered by ReadResult: page com_stmt_bulk_execute. types are as in
// Params. A row is for each parameter an indicator (BulkValue, …) and, after BulkValue, the value. With unit the answer is
// a result set, in the binary protocol, of each row's insert id and affected rows. Only for servers with CapBulk, and
// CapBulkUnitResults for unit. The server executes the rows in order and stops at the first that fails, without telling
// which.
func (c *Conn) SendBulk(st *Stmt, types, rows []byte, unit bool) {
	flags := uint16(128) // types follow
	if unit {
		flags |= 64
	}
	at := c.begin(comStmtBulk, 6+len(types)+len(rows))
	c.out = binary.LittleEndian.AppendUint32(c.out, st.ID)
	c.out = binary.LittleEndian.AppendUint16(c.out, flags)
	c.out = append(c.out, types...)
	c.out = append(c.out, rows...)
	c.end(at, pending{command: comStmtBulk, stmt: st})
}

// SendCloseStmt queues the end of a prepared statement, or of LastStmt, which isn't answered:
// page com_stmt_close.
func (c *Conn) SendCloseStmt(id uint32) {
	at := c.begin(comStmtClose, 4)
	c.out = binary.LittleEndian.AppendUint32(c.out, id)
	c.end(at, pending{})
	if id == LastStmt || id == c.lastID && !c.preparing() {
		c.hasLast = false
	}
}

// preparing tells whether the answer to a prepare is awaited.
func (c *Conn) preparing() bool {
	return slices.ContainsFunc(c.pending, func(p pending) bool { return p.command == comStmtPrepare })
}

// SendResetStmt queues the reset of a prepared statement (its cursor and long data), answered by ReadResult:
// page com_stmt_reset.
func (c *Conn) SendResetStmt(id uint32) {
	at := c.begin(comStmtReset, 4)
	c.out = binary.LittleEndian.AppendUint32(c.out, id)
	c.end(at, pending{command: comStmtReset})
}

// SendPing queues a ping, answered by ReadResult: page com_ping.
func (c *Conn) SendPing() { c.end(c.begin(comPing, 0), pending{command: comPing}) }

// SendReset queues the reset of the session, answered by ReadResult: the transaction is rolled back, prepared statements,
// temporary tables, locks and variables go, the database stays. See page com_reset_connection.
func (c *Conn) SendReset() {
	c.end(c.begin(comResetConnection, 0), pending{command: comResetConnection})
}

// SendInitDB queues a change of the default database, answered by ReadResult: page com_init_db.
func (c *Conn) SendInitDB(name string) {
	at := c.begin(comInitDB, len(name))
	c.out = append(c.out, name...)
	c.end(at, pending{command: comInitDB})
}

// SendQuit queues the end of the session, which isn't answered: page com_quit.
func (c *Conn) SendQuit() { c.end(c.begin(comQuit, 0), pending{}) }

// begin begins a packet of about size bytes and returns where its header is.
func (c *Conn) begin(command byte, size int) int {
	c.in.relax()
	at := len(c.out)
	c.out = slices.Grow(c.out, 5+size)
	c.out = append(c.out, 0, 0, 0, 0, command)
	return at
}

// end completes the packet that begins at, and notes that an answer is awaited if p names a command.
func (c *Conn) end(at int, p pending) {
	if len(c.out)-at-4 > c.longest {
		c.outErr, c.out = ErrTooLarge, c.out[:at]
	} else {
		c.out, p.seq = frame(c.out, at, 0)
	}
	if p.command != 0 {
		c.pending = append(c.pending, p)
	}
}

// frame writes the headers of the packet that begins at and ends with out: page 0-packet. Of 16 MiB and
// more it makes several frames. It returns the number that the next frame has.
func frame(out []byte, at int, seq byte) ([]byte, byte) {
	n := len(out) - at - 4
	more := n / maxFrame // frames beside the last
	for range more {
		out = append(out, 0, 0, 0, 0)
	}
	for i := more; i >= 0; i-- { // from the end, each chunk goes to its place
		from := at + 4 + i*maxFrame
		size := min(n-i*maxFrame, maxFrame)
		copy(out[from+4*i:], out[from:from+size])
		head := out[from+4*i-4:]
		head[0], head[1], head[2], head[3] = byte(size), byte(size>>8), byte(size>>16), seq+byte(i)
	}
	return out, seq + byte(more) + 1
}

// Flush sends what's queued, in one write. After a time-out it may be called again and goes on, but not with TLS. With
// ErrTooLarge nothing of what was queued was sent, closes of statements included, and no answer to it is awaited.
func (c *Conn) Flush() error {
	if c.failed != nil {
		return c.failed
	}
	if err := c.outErr; err != nil {
		if c.sent > 0 { // a part of what was queued before is out
			c.failed = err
			return err
		}
		c.outErr, c.out = nil, c.out[:0]
		c.pending = c.pending[:c.flushed]
		c.hasLast = true // a close may have been dropped with the rest
		return err
	}
	c.flushed = len(c.pending)
	for c.sent < len(c.out) {
		n, err := c.net.Write(c.out[c.sent:])
		c.sent += n
		if err != nil && c.net != net.Conn(c.sock) {
			c.failed = err // TLS can't go on
		}
		if err != nil {
			return c.fail(err)
		}
	}
	c.out, c.sent = c.out[:0], 0
	if n := len(c.pending); cap(c.out) > keepSize && (n == 0 || c.pending[n-1].command != comStmtBulk) {
		c.out = nil // behind a bulk comes another, or what ends its transaction
	}
	return nil
}

// fail notes an error after which the connection is of no more use, which a time-out isn't.
func (c *Conn) fail(err error) error {
	var network net.Error
	if timeout := errors.As(err, &network) && network.Timeout(); c.failed == nil && !timeout {
		c.failed = err
	}
	return err
}
