package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/health"
	"github.com/plinthdb/plinth/integration/ledger"
)

// dark is an engine whose connection goes Silent under a call.
type dark struct {
	*plinth.Engine
	*book
	db    *sql.DB         // over the engine
	ctx   context.Context // of the call; it has a deadline
	hole  func()          // has to be called where nothing may pass any more: at mu, or from a random moment soon after
	holed bool
}

// verb is something that can be asked of an engine. Its call begins when its function calls hole, and it returns what came of it.
type verb struct {
	first bool // it needs no connection before
	call  func(d *dark) error
}

// many writes some rows by ExecuteMany, and calls between after the first.
func (d *dark) many(between func()) error {
	tokens := []int64{d.Next(), d.Next(), d.Next()}
	_, err := d.ExecuteMany(d.ctx, ledger.Insert, func(yield func([]any) bool) {
		for i, token := range tokens {
			if !yield([]any{token}) {
				return
			}
			if i == 0 {
				between()
			}
		}
	})
	d.Tell(err, tokens...)
	return err
}

// beside has all the time, for what a verb needs before its call. The test's own time-out ends it.
func beside() context.Context { return context.Background() }

func (db *Database) verbs() map[string]verb {
	result := func(_ any, err error) error { return err }
	simple := func(call func(d *dark) error) verb {
		return verb{true, func(d *dark) error { d.hole(); return call(d) }}
	}
	write := func(call func(d *dark, token int64) error) verb {
		return verb{true, func(d *dark) error {
			token := d.Next()
			d.hole()
			err := call(d, token)
			d.Tell(err, token)
			return err
		}}
	}
	inTx := func(call func(d *dark, tx *plinth.Tx, token int64) error) verb {
		return verb{false, func(d *dark) error {
			tx, err := d.Begin(beside())
			if err != nil {
				return err
			}
			token := d.Next()
			d.Note(ledger.NotApplied, token)
			if err := ledger.Transfer(beside(), tx, token); err != nil {
				return errors.Join(err, tx.Rollback(beside()))
			}
			d.hole()
			err = call(d, tx, token)
			_ = tx.Rollback(d.ctx) // there is nothing more to learn from it, but it has to return as well
			return err
		}}
	}
	streaming := func(read func(d *dark, rows *plinth.Rows) error) verb {
		return verb{false, func(d *dark) error {
			rows, err := d.Query(d.ctx, db.Endless)
			if err != nil {
				return err
			}
			rows.Next()
			d.hole()
			return read(d, rows)
		}}
	}
	return map[string]verb{
		"Execute": write(func(d *dark, token int64) error { return result(d.Execute(d.ctx, ledger.Insert, token)) }),
		"Execute without arguments": write(func(d *dark, token int64) error {
			return result(d.Execute(d.ctx, fmt.Sprintf("insert into entry (token) values (%d)", token)))
		}),
		"Query": simple(func(d *dark) error {
			rows, err := d.Query(d.ctx, "select token from entry")
			if err == nil {
				err = rows.Close()
			}
			return err
		}),
		"Rows.Next": streaming(func(_ *dark, rows *plinth.Rows) error {
			for rows.Next() {
			}
			return rows.Close()
		}),
		"Rows.Close": streaming(func(_ *dark, rows *plinth.Rows) error { return rows.Close() }),
		"FetchOne": write(func(d *dark, token int64) error {
			return result(d.FetchOne(d.ctx, ledger.Insert+" returning token", token))
		}),
		"FetchAll":       simple(func(d *dark) error { return result(d.FetchAll(d.ctx, "select token from entry")) }),
		"One":            simple(func(d *dark) error { return result(plinth.One[int](d.ctx, d, "select count(*) from entry")) }),
		"All":            simple(func(d *dark) error { return result(plinth.All[int](d.ctx, d, "select token from entry")) }),
		"Ping":           simple(func(d *dark) error { return result(d.Ping(d.ctx)) }),
		"TestConnection": simple(func(d *dark) error { return d.TestConnection(d.ctx) }),
		"Connect":        simple(func(d *dark) error { return d.Connect(d.ctx) }),
		"health.Check":   simple(func(d *dark) error { return health.Check(d.ctx, d).Err }),
		"stdsql's Ping":  simple(func(d *dark) error { return d.db.PingContext(d.ctx) }),
		"stdsql's BeginTx": simple(func(d *dark) error {
			tx, err := d.db.BeginTx(d.ctx, nil)
			if err == nil {
				_, err = tx.ExecContext(d.ctx, "select 1")
				err = errors.Join(err, tx.Rollback())
			}
			return err
		}),
		"stdsql's Exec": write(func(d *dark, token int64) error {
			return result(d.db.ExecContext(d.ctx, ledger.Insert, token))
		}),
		"stdsql's Query": {false, func(d *dark) error {
			rows, err := d.db.QueryContext(d.ctx, db.Endless)
			if err != nil {
				return err
			}
			defer rows.Close() //nolint:errcheck // repeats what Err told
			d.hole()
			for rows.Next() {
			}
			return rows.Err()
		}},
		"Each": {false, func(d *dark) error {
			for _, err := range plinth.Each[plinth.Row](d.ctx, d, db.Endless) {
				if err != nil {
					return err
				}
				if !d.holed {
					d.hole()
				}
			}
			return nil
		}},
		"ExecuteMany":        {true, func(d *dark) error { d.hole(); return d.many(func() {}) }},
		"ExecuteMany, later": {false, func(d *dark) error { return d.many(d.hole) }}, // its statement is prepared
		"Begin with a statement": simple(func(d *dark) error {
			tx, err := d.Begin(d.ctx)
			if err == nil {
				_, err = tx.Execute(d.ctx, ledger.Insert, 0)
				_ = tx.Rollback(d.ctx)
			}
			return err
		}),
		"a statement in a transaction": inTx(func(d *dark, tx *plinth.Tx, token int64) error {
			return result(tx.Execute(d.ctx, ledger.Insert, token))
		}),
		"Commit": inTx(func(d *dark, tx *plinth.Tx, token int64) error {
			err := tx.Commit(d.ctx)
			d.Tell(err, token)
			return err
		}),
		"Rollback": inTx(func(d *dark, tx *plinth.Tx, _ int64) error { return tx.Rollback(d.ctx) }),
		"InTx in a transaction": inTx(func(d *dark, tx *plinth.Tx, token int64) error {
			return tx.InTx(d.ctx, func(ctx context.Context, tx *plinth.Tx) error { return result(tx.Execute(ctx, ledger.Insert, token)) })
		}),
		"InTx": write(func(d *dark, token int64) error {
			return d.InTx(d.ctx, func(ctx context.Context, tx *plinth.Tx) error { return ledger.Transfer(ctx, tx, token) })
		}),
		"InTx, before COMMIT": {false, func(d *dark) error {
			token := d.Next()
			err := d.InTx(d.ctx, func(ctx context.Context, tx *plinth.Tx) error {
				if err := ledger.Transfer(ctx, tx, token); err != nil || d.holed {
					return err
				}
				d.hole()
				return nil
			})
			d.Tell(err, token)
			return err
		}},
		"With": write(func(d *dark, token int64) error {
			return d.With(d.ctx, func(c *plinth.Conn) error { return result(c.Execute(d.ctx, ledger.Insert, token)) })
		}),
		"ExecuteScript": simple(func(d *dark) error {
			return d.ExecuteScript(d.ctx, strings.NewReader(db.Name+"; select 1; select 2"))
		}),
		"Engine.Close": {false, func(d *dark) error {
			rows, err := d.Query(beside(), db.Endless)
			if err != nil {
				return err
			}
			read := make(chan struct{})
			go func() {
				defer close(read)
				for rows.Next() {
				}
				rows.Close()
			}()
			d.hole()
			err = d.Close(d.ctx)
			<-read
			return err
		}},
	}
}
