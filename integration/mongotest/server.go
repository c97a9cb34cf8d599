// Package mongotest is a MongoDB replica set for tests, scripted and in memory: what a real one does rarely, and never when a
// test asks for it, happens here at the command that the test names.
//
//	server := mongotest.Start(t)
//	db, err := mongodb.Open(ctx, plinth.Options{URL: server.URL()})
//	…
//	server.Fail(mongotest.Failure{Command: "commitTransaction", Applied: true, Close: true}) // the reply is lost
//	err = transfer(ctx, db)
//	got := server.Documents("accounts")
//
// It's written from the public specifications, each named where it's used, for the driver's side is tested against the
// same. It has sessions, transactions with snapshot isolation, retryable writes, elections, cursors, and enough of the
// language for such tests; what it lacks it refuses by name. What it answers is no proof of what MongoDB would.
package mongotest

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// SetName is the replica set's name.
const SetName = "plinth"

// Database is the database that URL names.
const Database = "test"

// An Option changes what Start starts.
type Option func(*Server)

// Members is how many members the replica set has; 1 unless it's given. The first is the primary.
func Members(n int) Option {
	return func(s *Server) { s.members = make([]*Member, n) }
}

// Standalone makes a server that is in no replica set: it has sessions, but neither transactions nor retryable writes.
func Standalone() Option { return func(s *Server) { s.standalone = true } }

// Advertise makes hello name these addresses ("host:port") instead of the members' own, in their order: those of proxies,
// through which a driver that discovers the set is to go.
func Advertise(addresses ...string) Option { return func(s *Server) { s.advertised = addresses } }

// Server is a replica set in this process. Its methods may be called by many goroutines at once.
type Server struct {
	standalone bool
	advertised []string
	members    []*Member
	process    bson.ObjectID     // topologyVersion's
	passwords  map[string]string // by user; nil: nobody is asked
	done       chan struct{}     // closed with the test
	running    sync.WaitGroup

	// One lock for everything: a test's replica set isn't there to be fast.
	mu       sync.Mutex
	primary  int           // -1: none
	term     int           // of elections
	topology int64         // topologyVersion's counter
	changed  chan struct{} // closed when topology counts on
	faults   []*Failure
	commands []Command
	busy     int           // commands that have come in and aren't done
	news     chan struct{} // closed when a command has come in or is done, for Await
	cursors  map[int64]*cursor
	ids      int64 // of cursors, connections and replies
	sessions map[string]*session
	store    store
}

// Member is one mongod of the set.
type Member struct {
	server   *Server
	index    int
	listener net.Listener
	addr     string
	alive    bool
	conns    map[*conn]struct{}
	lag      int64 // what its reads see; -1: the newest
}

// Start starts a replica set that ends with the test. Every goroutine of it has ended when the test has.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Listen(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// end closes what a member has open. The lock is held.
func (m *Member) end() {
	m.alive = false
	_ = m.listener.Close()
	for c := range m.conns {
		_ = c.Close()
	}
}

func (m *Member) accept() {
	for {
		raw, err := m.listener.Accept()
		if err != nil {
			return
		}
		s := m.server
		s.mu.Lock()
		s.ids++
		c := &conn{Conn: raw, member: m, id: s.ids, in: make(chan message), gone: make(chan struct{})}
		if !m.alive {
			_ = raw.Close()
			s.mu.Unlock()
			return
		}
		m.conns[c] = struct{}{}
		s.running.Go(c.read)
		s.running.Go(c.serve)
		s.mu.Unlock()
	}
}

// URL is how a driver finds the whole set, by all its members.
func (s *Server) URL() string {
	var hosts []string
	for i := range s.members {
		hosts = append(hosts, s.host(i))
	}
	url := "mongodb://" + strings.Join(hosts, ",") + "/" + Database
	if s.standalone {
		return url
	}
	return url + "?replicaSet=" + SetName
}

// host is what hello calls a member.
func (s *Server) host(member int) string {
	if member < len(s.advertised) {
		return s.advertised[member]
	}
	return s.members[member].addr
}

// Members lists the members in their order, those that were killed too.
func (s *Server) Members() []*Member { return slices.Clone(s.members) }

// Addr is where the member listens: "127.0.0.1:40001".
func (m *Member) Addr() string { return m.addr }

// Primary returns the primary, nil if there is none.
func (s *Server) Primary() *Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.primary < 0 {
		return nil
	}
	return s.members[s.primary]
}

// StepDown makes the primary a secondary and the next member that lives the primary: without one there is none until Elect.
// Transactions that are under way are aborted, connections stay.
// https://www.mongodb.com/docs/manual/reference/method/rs.stepDown/
func (s *Server) StepDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.elect(s.next())
}

// Elect makes a member the primary; nil leaves the set without one.
func (s *Server) Elect(m *Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m == nil {
		s.elect(-1)
		return
	}
	s.elect(m.index)
}

// next is the member that takes over from the primary, -1 if none can.
func (s *Server) next() int {
	for i := 1; i < len(s.members); i++ {
		if n := (s.primary + i) % len(s.members); n != s.primary && n >= 0 && s.members[n].alive {
			return n
		}
	}
	return -1
}

// elect tells everybody. The lock is held.
func (s *Server) elect(primary int) {
	if primary >= 0 && !s.members[primary].alive {
		primary = -1
	}
	s.primary = primary
	s.term++
	s.expire()
	s.tell()
}

// tell answers those who wait for a change of the topology. The lock is held.
func (s *Server) tell() {
	s.topology++
	close(s.changed)
	s.changed = make(chan struct{})
}

// Kill ends a member with all its connections and cursors. If it was the primary, the next that lives is elected.
func (s *Server) Kill(m *Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.end()
	for id, c := range s.cursors {
		if c.member == m {
			delete(s.cursors, id)
		}
	}
	if s.primary == m.index {
		s.elect(s.next())
	}
}

// Disconnect closes the connections that a member has. New ones are welcome.
func (s *Server) Disconnect(m *Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range m.conns {
		_ = c.Close()
	}
}

// Freeze lets a member's reads outside of transactions see the data as they are now, whatever is written, until Thaw: a
// secondary that lags, or a primary that doesn't know yet that it's deposed.
func (s *Server) Freeze(m *Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.lag = s.store.now
}

// Thaw ends Freeze.
func (s *Server) Thaw(m *Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.lag = -1
}

// LoseCursors forgets all open cursors, as a server does after ten minutes without a getMore: the next one answers 43
// CursorNotFound.
func (s *Server) LoseCursors() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cursors)
}

// Cursors is how many cursors are open.
func (s *Server) Cursors() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.cursors)
}

// Transactions is how many transactions are under way.
func (s *Server) Transactions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, session := range s.sessions {
		if session.tx != nil {
			n++
		}
	}
	return n
}

// Expire aborts all transactions that are under way, as a server does after transactionLifetimeLimitSeconds.
// https://www.mongodb.com/docs/manual/core/transactions-production-consideration/, "Runtime Limit"
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
}

func (s *Server) expire() {
	for _, session := range s.sessions {
		if session.tx != nil {
			session.abort(s)
		}
	}
}

// Busy is how many commands have come in and are neither answered nor given up.
func (s *Server) Busy() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

// awaitTime is how long Await waits: much longer than anything takes that works.
const awaitTime = 20 * time.Second

// Await waits until is reports true, which it asks again whenever a command has come in or is done. It may call whatever the
// Server has. The test fails where that never comes.
func (s *Server) Await(t testing.TB, what string, is func() bool) {
	t.Helper()
	late := time.After(awaitTime)
	for {
		s.mu.Lock()
		news := s.news
		s.mu.Unlock()
		if is() {
			return
		}
		select {
		case <-news:
		case <-late:
			t.Fatalf("waited %v in vain: %s", awaitTime, what)
		}
	}
}

// stir has those look again who wait in Await. The lock is held.
func (s *Server) stir() {
	close(s.news)
	s.news = make(chan struct{})
}

// Documents are those of a collection of Database that are committed, in order of their _id.
func (s *Server) Documents(collection string) []bson.D {
	s.mu.Lock()
	defer s.mu.Unlock()
	var docs []bson.D
	if c := s.store.collections[Database+"."+collection]; c != nil {
		for _, slot := range c.slots {
			if doc := slot.at(nil, s.store.now); doc != nil {
				docs = append(docs, doc.doc)
			}
		}
	}
	slices.SortFunc(docs, func(a, b bson.D) int {
		order, ok := compare(lookup(a, "_id"), lookup(b, "_id"))
		if !ok {
			return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
		}
		return order
	})
	return docs
}

// Command is a command that the server has received; hello isn't kept.
type Command struct {
	Name       string
	Member     int   // index in Members
	Connection int64 // number of the connection
	Document   bson.Raw
	Code       int32 // of the command's error, 0 if it has none
	Replied    bool  // whether a reply was sent
}

// TxnNumber is the number that a retryable write or a transaction's statement carries, 0 if there is none.
func (c Command) TxnNumber() int64 { n, _ := c.Document.Lookup("txnNumber").AsInt64OK(); return n }

// Commands are those received so far, in the order in which they came in; with names only these.
func (s *Server) Commands(names ...string) []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Command
	for _, c := range s.commands {
		if len(names) == 0 || slices.Contains(names, c.Name) {
			list = append(list, c)
		}
	}
	return list
}
