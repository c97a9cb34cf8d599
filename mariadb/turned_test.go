package mariadb

import (
	"context"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
	"github.com/plinthdb/plinth/pool"
)

// refusing returns a session that is never dialled, as far as it takes to be refused something.
func refusing(t *testing.T, o Options) *session {
	t.Helper()
	to, err := o.resolve()
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{to: to}
	host := driver.Host{Opened: func(context.Context, string, time.Duration, error) {}, Closed: func(string, pool.Reason) {}}
	dial := func(context.Context) (netdriver.Protocol, error) {
		return nil, driver.Faultf(driver.Unavailable, "there is no server")
	}
	if err := b.Open(host, dial); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.Background()) })
	return &session{link: &link{Conn: &wire.Conn{}}, back: b}
}

// TestAServerThatTurnedReadOnlyIsGivenUp, and a node that left its cluster, unless reading only is what was asked for.
func TestAServerThatTurnedReadOnlyIsGivenUp(t *testing.T) {
	t.Parallel()
	const wsrep = "WSREP has not yet prepared node for application use"
	const option = "The MariaDB server is running with the --read-only option so it cannot execute this statement"
	for name, test := range map[string]struct {
		number  uint16
		message string
		options Options
		prepare func(s *session)
		givenUp bool
	}{
		"Galera isn't ready":                        {1047, wsrep, Options{}, nil, true},
		"Galera isn't ready, for a reader":          {1047, wsrep, Options{ReadOnly: true, Role: RoleReadOnly}, nil, true},
		"--read-only":                               {1290, option, Options{}, nil, true},
		"--read-only, of several hosts":             {1290, option, Options{Hosts: []Host{{Name: "a"}, {Name: "b"}}}, nil, true},
		"--read-only, and a replica is wanted":      {1290, option, Options{Role: RoleReadOnly}, nil, false},
		"another option":                            {1290, "The MariaDB server is running with the --secure-file-priv option", Options{}, nil, false},
		"the server's mode":                         {1836, "", Options{}, nil, true},
		"the server's mode, a replica is wanted":    {1836, "", Options{Role: RoleReadOnly}, nil, false},
		"a transaction that nobody asked for":       {1792, "", Options{}, nil, true},
		"a connection that only reads":              {1792, "", Options{ReadOnly: true}, nil, false},
		"a session that has set itself so":          {1792, "", Options{}, func(s *session) { s.Dirty = true }, false},
		"a transaction that only reads":             {1792, "", Options{}, func(s *session) { s.tx.opts.ReadOnly = true }, false},
		"a statement that must only read":           {1792, "", Options{}, func(s *session) { s.running.guarded = true }, false},
		"a duplicate, which has nothing to do here": {1062, "", Options{}, nil, false},
	} {
		s := refusing(t, test.options)
		s.running.phase, s.running.stmt = driver.Run, &driver.Stmt{Verb: "INSERT", Access: driver.Write}
		if test.prepare != nil {
			test.prepare(s)
		}
		s.refused(t.Context(), &wire.ServerError{Number: test.number, State: "HY000", Message: test.message})
		f := s.running.failure
		verdict := driver.Never
		if test.givenUp {
			verdict = driver.Again
		}
		if f.Evict != test.givenUp || f.Verdict != verdict {
			t.Errorf("%s: evict %v, verdict %v; want %v, %v", name, f.Evict, f.Verdict, test.givenUp, verdict)
		}
		if again := s.back.Invalidate(); again == test.givenUp {
			t.Errorf("%s: all connections were given up: %v, want %v", name, !again, test.givenUp)
		}
	}
}

func TestARefusalAroundAGuardLeavesNoTransaction(t *testing.T) {
	t.Parallel()
	s := refusing(t, Options{})
	s.running = running{phase: driver.Run, stmt: &driver.Stmt{Verb: "SELECT"}, guarded: true, begins: 1}
	s.refused(t.Context(), &wire.ServerError{Number: 1064, State: "42000"})
	if s.tx.failed || s.tx.begun || !s.running.stray || s.running.failure.Phase != driver.Begin {
		t.Errorf("%+v, stray %v, %+v", s.tx, s.running.stray, s.running.failure)
	}
}

// TestAStatementWhoseTransactionWasRefusedIsNotRunAgain: the server has carried it out by itself.
func TestAStatementWhoseTransactionWasRefusedIsNotRunAgain(t *testing.T) {
	t.Parallel()
	s := refusing(t, Options{})
	s.tx.open = true
	s.running = running{phase: driver.Run, stmt: &driver.Stmt{Verb: "INSERT", Access: driver.Write}, begins: 1}
	s.refused(t.Context(), &wire.ServerError{Number: interrupted, State: "70100"}) // START TRANSACTION, which a KILL QUERY has hit
	s.running.results = 1
	if _, f := s.answer(t.Context()); f == nil || f.Verdict != driver.Ambiguous || !f.TxDead {
		t.Errorf("%+v", f)
	}
}
