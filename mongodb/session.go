package mongodb

import (
	"context"
	"sync/atomic"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
	"github.com/plinthdb/plinth/pool"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// session is the right to use one of the client's connections at a time. Which one that is the client library decides for
// each command; the server remembers nothing between two of them, but in a transaction.
type session struct {
	back   *backend
	client *client
	slot   *pool.Conn[*session] // while it's borrowed
	access driver.Access        // what for
	life   context.Context
	rows   rows
	tx     transaction

	running *driver.Stmt // what was sent last
	native  *Conn

	gone atomic.Bool // the engine was closed under its user
}

// begin returns the context of a call.
func (s *session) begin(ctx context.Context) *call { return &call{Context: ctx} }

// usable says why no call can begin, or nil.
func (s *session) usable(ctx context.Context, phase driver.Phase) *driver.Fault {
	switch {
	case s.gone.Load():
		return &driver.Fault{Kind: driver.Closed, Phase: phase, Evict: true}
	case ctx.Err() != nil:
		return netdriver.Ended(ctx, phase, nil)
	case s.rows.open:
		return driver.Faultf(driver.Busy, "the rows of the query before are still open")
	case s.tx.dead:
		return s.over()
	}
	return nil
}

// Execute implements driver.Session.
func (s *session) Execute(ctx context.Context, req *driver.Request) (driver.Result, error) {
	cmd, f := s.command(ctx, req)
	if f != nil {
		return driver.Result{}, f
	}
	c := s.begin(ctx)
	a, err := s.run(c, cmd)
	if err == nil && a.cursor != nil {
		err = a.cursor.Close(c)
	}
	if err != nil {
		return driver.Result{}, s.failed(c, driver.Run, err)
	}
	return a.result, nil
}

// Query implements driver.Session.
func (s *session) Query(ctx context.Context, req *driver.Request) (driver.Rows, error) {
	cmd, f := s.command(ctx, req)
	if f != nil {
		return nil, f
	}
	c := s.begin(ctx)
	a, err := s.run(c, cmd)
	if err != nil {
		return nil, s.failed(c, driver.Run, err)
	}
	if f := s.rows.begin(ctx, c, a); f != nil {
		return nil, f
	}
	return &s.rows, nil
}

// command makes the command of a request, if it can be run.
func (s *session) command(ctx context.Context, req *driver.Request) (*lang.Command, *driver.Fault) {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return nil, f
	}
	if f := s.allowed(req.Stmt); f != nil {
		return nil, f
	}
	st, ok := req.Stmt.Binder.(statement)
	if !ok {
		return nil, driver.Faultf(driver.Argument, "the statement was compiled by another driver")
	}
	cmd, err := st.Command(req.Args)
	if err != nil {
		return nil, asFault(err)
	}
	s.running = req.Stmt
	s.tx.begun = s.tx.open
	return cmd, nil
}

// allowed refuses what can't be run here.
func (s *session) allowed(st *driver.Stmt) *driver.Fault {
	if s.back.to.Database == "" {
		f := driver.Faultf(driver.Argument, "no database is named for statements to run in")
		f.Hint = "name it in the URL: mongodb://host/DATABASE"
		return f
	}
	if st.Access == driver.Write && (s.back.to.ReadOnly || s.tx.open && s.tx.opts.ReadOnly) {
		return driver.Faultf(driver.ReadOnly, "%s writes, or may write, and what it runs in only reads", st.Verb)
	}
	return nil
}

// writes reports whether what was sent last may have changed something by itself.
func (s *session) writes() bool { return s.running != nil && s.running.Access == driver.Write }

// writesMany reports whether a part of it may have been done.
func (s *session) writesMany() bool {
	if !s.writes() {
		return false
	}
	st, ok := s.running.Binder.(statement)
	if !ok {
		return true
	}
	switch st.Statement.Verb {
	case lang.InsertOne, lang.UpdateOne, lang.ReplaceOne, lang.DeleteOne, lang.FindOneAndUpdate, lang.FindOneAndReplace, lang.FindOneAndDelete:
		return false
	}
	return true
}

// failed is the fault of a call; in a transaction it is the end of that.
func (s *session) failed(c *call, phase driver.Phase, err error) *driver.Fault {
	f := s.fault(c, phase, err)
	if f.TxDead && s.tx.open {
		s.tx.dead, s.tx.lost = true, f.Code == ""
	}
	return f
}

// database is what statements run in. Within a transaction the library looks at that one's read preference alone.
func (s *session) database() *mongo.Database {
	if pref := s.preference(); pref != s.back.to.pref {
		return s.client.Database(s.back.to.Database, options.Database().SetReadPreference(pref))
	}
	return s.client.Database(s.back.to.Database)
}

// Ping implements driver.Session. It asks a server that reads would go to.
func (s *session) Ping(ctx context.Context) (driver.Server, error) {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return driver.Server{}, f
	}
	s.running = nil
	c := s.begin(ctx)
	server, err := s.client.learn(s.in(c), options.RunCmd().SetReadPreference(s.preference()))
	if err != nil {
		return driver.Server{}, s.failed(c, driver.Run, err)
	}
	server.Writable = server.Writable && !s.back.to.ReadOnly
	return server, nil
}

// Release implements driver.Session.
func (s *session) Release(fate driver.Fate) {
	if s.tx.open {
		ctx, cancel := context.WithTimeout(s.life, releaseTime)
		s.rollback(ctx)
		cancel()
	}
	slot := s.slot
	if fate == driver.Destroy || s.client.left.Load() {
		slot.Destroy()
		return
	}
	slot.Release()
}

// cut ends what runs in a session that somebody uses: its connection is closed.
func (s *session) cut() {
	s.gone.Store(true)
	s.back.cut(s.client)
}

// close ends the use of the client.
func (s *session) close() { s.back.unuse(s.client) }

// Native implements driver.Session: it returns a *Conn.
func (s *session) Native() any {
	if s.native == nil {
		s.native = &Conn{s}
	}
	return s.native
}

// Conn is what Native returns of a session: the client library's own, for what has no statement. It may be used as long as the
// session is borrowed. What is done with it isn't watched: the library's own rules hold for it.
type Conn struct{ s *session }

// Client returns the client, which all sessions share. It must not be disconnected.
func (c *Conn) Client() *mongo.Client { return c.s.client.Client }

// Database returns the database that statements run in.
func (c *Conn) Database() *mongo.Database { return c.s.database() }

// Context returns ctx with the transaction that is open, for the library's methods to run in it.
func (c *Conn) Context(ctx context.Context) context.Context { return c.s.in(ctx) }
