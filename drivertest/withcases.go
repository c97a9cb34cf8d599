package drivertest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/plinthdb/plinth"
)

func withCases() []testCase {
	return []testCase{
		{name: "settings hold within With and don't reach the next borrower", run: settingsDontLeak},
		{name: "a setting sent to the pool doesn't stay on its connection", run: settingOnThePool},
		{name: "Native is there", run: nativeIsThere},
		{name: "a transaction left open is rolled back", run: txLeftOpen, tx: true},
		{name: "rows left open are closed", run: rowsLeftOpen},
		{name: "the connection can't be used after With", run: connAfterWith},
		{name: "a transaction of the connection can't be used after With", run: connTxAfterWith, tx: true},
		{name: "the function's error is returned as it is", run: withReturnsError},
		{name: "a panic and the end of the goroutine give the connection back", run: withPanics, tx: true},
		{name: "the connection while its transaction is open is ErrBusy", run: connWhileTx, tx: true},
		{name: "OnConnect prepares each new connection, once", run: onConnect},
		{name: "what OnConnect sets is there for each borrower, whatever those before have set", run: onConnectsSettingsStay},
		{name: "OnConnect that fails closes the connection and says so", run: onConnectFails},
		{name: "what OnConnect leaves open is closed", run: onConnectLeavesOpen, tx: true},
	}
}

// single has the engine use one connection again and again.
func single(o *plinth.Options) { o.Pool.MaxOpenConns = 1 }

func settingsDontLeak(t *testing.T, s *suite) {
	s.need(t, "Set", s.Statements.Set)
	d := s.open(t, single)
	setting := func() (v any) {
		ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
			v = must[any](t)(plinth.One[any](t.Context(), c, d.Setting))
			return nil
		}))
		return v
	}
	before := setting()
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
		done(t)(c.Execute(t.Context(), d.Set))
		if v := must[any](t)(plinth.One[any](t.Context(), c, d.Setting)); v == before {
			t.Errorf("the setting is %v before and after Statements.Set", v)
		}
		return nil
	}))
	equal(t, "the setting, for the next borrower", setting(), before)
}

func settingOnThePool(t *testing.T, s *suite) {
	s.need(t, "Set", s.Statements.Set)
	d := s.open(t, single)
	before := must[any](t)(plinth.One[any](t.Context(), d, d.Setting))
	for range 2 {
		done(t)(d.Execute(t.Context(), d.Set))
		equal(t, "the setting, for the next statement", must[any](t)(plinth.One[any](t.Context(), d, d.Setting)), before)
		ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
			equal(t, "the setting, for With", must[any](t)(plinth.One[any](t.Context(), c, d.Setting)), before)
			return nil
		}))
	}
}

func nativeIsThere(t *testing.T, s *suite) {
	d := s.open(t)
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
		if c.Native() == nil {
			t.Error("Native is nil")
		}
		return nil
	}))
	d.items(t, 1)
}

func txLeftOpen(t *testing.T, s *suite) {
	d := s.open(t, single)
	d.items(t, 1)
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
		tx := must[*plinth.Tx](t)(c.Begin(t.Context()))
		return d.add(1, nil)(t.Context(), tx)
	}))
	equal(t, "n", d.n(t, 1), 0)
	done(t)(d.Execute(t.Context(), d.Add, 1, 1))
	equal(t, "n", d.n(t, 1), 1)
}

func rowsLeftOpen(t *testing.T, s *suite) {
	d := s.open(t, single)
	d.items(t, 1, 2)
	var r *plinth.Rows
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
		r = must[*plinth.Rows](t)(c.Query(t.Context(), d.List))
		equal(t, "Next", r.Next(), true)
		return nil
	}))
	d.idle(t)
	equal(t, "Next after With", r.Next(), false)
	ok(t, r.Close())
	equal(t, "items", d.count(t), 2)
}

func connAfterWith(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	var c *plinth.Conn
	ok(t, d.With(t.Context(), func(conn *plinth.Conn) error { c = conn; return nil }))
	ctx := t.Context()
	_, err := c.Execute(ctx, d.Add, 1, 1)
	is(t, err, plinth.ErrClosed)
	_, err = c.Query(ctx, d.List)
	is(t, err, plinth.ErrClosed)
	_, err = c.ExecuteMany(ctx, d.Add, slices.Values([][]any{{1, 1}}))
	is(t, err, plinth.ErrClosed)
	_, err = c.Begin(ctx)
	is(t, err, plinth.ErrClosed)
	is(t, c.InTx(ctx, fails(nil)), plinth.ErrClosed)
	equal(t, "n", d.n(t, 1), 0)
}

func connTxAfterWith(t *testing.T, s *suite) {
	for name, end := range map[string]func(*plinth.Tx, context.Context) error{"Commit": (*plinth.Tx).Commit, "Rollback": (*plinth.Tx).Rollback} {
		t.Run(name, func(t *testing.T) {
			d := s.open(t)
			d.items(t, 1)
			var tx *plinth.Tx
			var c *plinth.Conn
			ok(t, d.With(t.Context(), func(conn *plinth.Conn) error {
				c, tx = conn, must[*plinth.Tx](t)(conn.Begin(t.Context()))
				return d.add(1, nil)(t.Context(), tx)
			}))
			if err := d.add(1, nil)(t.Context(), tx); err == nil {
				t.Error("a statement on it went through")
			}
			if err := end(tx, t.Context()); err == nil {
				t.Errorf("%s went through", name)
			}
			if _, err := c.Execute(t.Context(), d.Add, 1, 1); err == nil {
				t.Error("a statement on the connection went through")
			}
			equal(t, "n", d.n(t, 1), 0)
		})
	}
}

func withReturnsError(t *testing.T, s *suite) {
	d := s.open(t)
	mine := errors.New("mine")
	if err := d.With(t.Context(), func(*plinth.Conn) error { return mine }); err != mine { //nolint:errorlint // this one
		t.Errorf("error %v, want %v", err, mine)
	}
}

func withPanics(t *testing.T, s *suite) {
	d := s.open(t, single)
	d.items(t, 1)
	equal(t, "panicked with", panics(func() {
		_ = d.With(t.Context(), func(*plinth.Conn) error { panic("mine") })
	}), "mine")
	goexit(func() {
		_ = d.With(context.Background(), func(c *plinth.Conn) error {
			if _, err := c.Begin(context.Background()); err != nil {
				t.Error(err)
			}
			runtime.Goexit()
			return nil
		})
	})
	d.idle(t)
	done(t)(d.Execute(t.Context(), d.Add, 1, 1))
}

func connWhileTx(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
		tx := must[*plinth.Tx](t)(c.Begin(t.Context()))
		_, err := c.Execute(t.Context(), d.Add, 1, 1)
		is(t, err, plinth.ErrBusy)
		_, err = c.Begin(t.Context())
		is(t, err, plinth.ErrBusy)
		ok(t, d.add(10, nil)(t.Context(), tx))
		ok(t, tx.Commit(t.Context()))
		done(t)(c.Execute(t.Context(), d.Add, 1, 1))
		mine := errors.New("mine")
		if err := c.InTx(t.Context(), d.add(100, fails(mine))); !errors.Is(err, mine) {
			t.Errorf("InTx returned %v", err)
		}
		return c.InTx(t.Context(), d.add(1, nil))
	}))
	equal(t, "n", d.n(t, 1), 12)
}

func onConnect(t *testing.T, s *suite) {
	var connected counter
	d := s.reopen(t, s.open(t).opener, func(o *plinth.Options) {
		o.OnConnect = func(ctx context.Context, c *plinth.Conn) error {
			connected.add()
			_, err := c.FetchAll(ctx, s.Statements.List)
			return err
		}
	})
	for i := range 5 {
		equal(t, "items", d.count(t), i)
		done(t)(d.Execute(t.Context(), d.Insert, i, name(i), 0, nil))
	}
	eventually(t, "OnConnect ran once for each connection", func() bool {
		n := connected.n()
		return n > 0 && n == d.Stats().DialCount
	})
}

func onConnectsSettingsStay(t *testing.T, s *suite) {
	s.need(t, "Set", s.Statements.Set)
	plain := s.open(t)
	d := s.reopen(t, plain.opener, single, func(o *plinth.Options) {
		o.OnConnect = func(ctx context.Context, c *plinth.Conn) error {
			_, err := c.Execute(ctx, s.Statements.Set)
			return err
		}
	})
	setting := func(q plinth.Querier) any {
		t.Helper()
		return must[any](t)(plinth.One[any](t.Context(), q, d.Setting))
	}
	want := setting(d)
	if want == setting(plain) {
		t.Errorf("OnConnect's Statements.Set left the setting at %v", want)
	}
	for range 2 {
		ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
			equal(t, "the setting, within With", setting(c), want)
			done(t)(c.Execute(t.Context(), d.Set)) // so that the connection is reset
			return nil
		}))
		equal(t, "the setting, for the next borrower", setting(d), want)
	}
}

func onConnectFails(t *testing.T, s *suite) {
	mine := errors.New("mine")
	d := s.reopen(t, s.Opener(t), retrying(1), func(o *plinth.Options) {
		o.OnConnect = func(context.Context, *plinth.Conn) error { return mine }
	})
	_, err := d.FetchAll(t.Context(), d.List)
	if !errors.Is(err, mine) {
		t.Errorf("error %v, want one that wraps OnConnect's", err)
	}
	if err := d.Connect(t.Context()); !errors.Is(err, mine) {
		t.Errorf("Connect: error %v, want one that wraps OnConnect's", err)
	}
	equal(t, "connections", d.Stats().OpenConnections, 0)
}

func onConnectLeavesOpen(t *testing.T, s *suite) {
	d := s.reopen(t, s.open(t).opener, single, func(o *plinth.Options) {
		o.OnConnect = func(ctx context.Context, c *plinth.Conn) error {
			tx, err := c.Begin(ctx)
			if err != nil {
				return err
			}
			_, err = tx.Query(ctx, s.Statements.List)
			return err
		}
	})
	d.items(t, 1)
	equal(t, "items", d.count(t), 1)
}
