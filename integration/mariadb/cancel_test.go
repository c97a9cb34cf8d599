package mariadb_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
)

// TestNothingLaterIsHit cancels statements at random moments, those included at which they are just over, and holds that
// no statement of anybody else is ever interrupted, and that a write is there if its caller was told so, and isn't if he
// was told that it isn't.
func TestNothingLaterIsHit(t *testing.T) {
	e := open(t, poolOf(4))
	execute(t, e, "create table done (id bigint primary key)")
	var ids atomic.Int64
	var group sync.WaitGroup
	for worker := range 8 {
		random := rand.New(rand.NewPCG(1, uint64(worker)))
		group.Go(func() {
			for range 100 {
				id := ids.Add(1)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(25_000))*time.Microsecond)
				var err error
				if random.IntN(2) == 0 {
					_, err = e.Execute(ctx, "insert into done select ? + 0 * count(*) from seq_1_to_60000 where seq + 0 <= ?", id, random.IntN(120_000))
				} else {
					err = e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
						if _, err := tx.Execute(ctx, "insert into done values (?)", id); err != nil {
							return err
						}
						_, err := plinth.One[int](ctx, tx, "select count(*) from seq_1_to_60000 where seq + 0 <= ?", random.IntN(120_000))
						return err
					})
				}
				cancel()
				there, checked := plinth.One[int](t.Context(), e, "select count(*) from done where id = ?", id)
				switch {
				case checked != nil:
					t.Errorf("a statement that nobody cancelled: %v", checked)
				case err == nil && there != 1:
					t.Errorf("the write %d was said to be done, and isn't there", id)
				case err != nil && there != 0 && !errors.Is(err, plinth.ErrOutcomeUnknown):
					t.Errorf("the write %d is there, and its error was %v", id, err)
				case err != nil && !errors.Is(err, plinth.ErrTimeout) && !errors.Is(err, plinth.ErrOutcomeUnknown):
					t.Errorf("error %v", err)
				}
			}
		})
	}
	group.Wait()
}

// TestNoKillIsSentBeforeWhatAStatementNeedsIsAnswered loses the answers to START TRANSACTION, or to SAVEPOINT, and to the statement
// behind it: a KILL QUERY then could hit the former alone, and the statement would be carried out without it.
func TestNoKillIsSentBeforeWhatAStatementNeedsIsAnswered(t *testing.T) {
	server := servers.MariaDB(t)
	proxy := plinthtest.NewProxy(t, server.Addr())
	e := openURL(t, proxy.URL(server.Database(t)), poolOf(1))
	execute(t, e, "create table done (id bigint primary key)")
	if err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		_, err := tx.Execute(ctx, "insert into done values (?)", 1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	const insert = "insert into done values (?)"
	for _, test := range []struct {
		name string
		asks bool
		run  func(ctx context.Context, mute func()) error
	}{
		{"the first of a transaction", false, func(ctx context.Context, mute func()) error {
			mute()
			return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(ctx, insert, 2)
				return err
			})
		}},
		{"rows behind a savepoint", false, func(ctx context.Context, mute func()) error {
			return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.ExecuteMany(ctx, insert, func(yield func([]any) bool) { // once the engine's own savepoint is set
					mute()
					_ = yield([]any{4}) && yield([]any{5})
				})
				return err
			})
		}},
		{"alone", true, func(ctx context.Context, mute func()) error {
			mute()
			_, err := e.Execute(ctx, insert, 3)
			return err
		}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		before := 0
		err := test.run(ctx, func() {
			before = proxy.Stats().Accepted
			proxy.Blackhole(plinthtest.ToClient, plinthtest.Hold)
			time.AfterFunc(50*time.Millisecond, cancel)
		})
		asked := proxy.Stats().Accepted > before
		cancel()
		if !errors.Is(err, plinth.ErrCanceled) && !errors.Is(err, plinth.ErrOutcomeUnknown) {
			t.Errorf("%s: error %v, want ErrCanceled", test.name, err)
		}
		if asked != test.asks {
			t.Errorf("%s: a KILL was sent: %v", test.name, asked)
		}
		if err := proxy.Heal(); err != nil {
			t.Fatal(err)
		}
		idle(t, e)
		if n, err := plinth.One[int](t.Context(), e, "select count(*) from done where id in (2, 4, 5)"); n != 0 || err != nil {
			t.Errorf("%s: %d rows of the transaction that was given up, %v", test.name, n, err)
		}
	}
}

// TestAKillMeetsTheNextPing shows what settling relies on: once KILL QUERY is answered its mark is there, and gone with the next
// command, whatever that is.
func TestAKillMeetsTheNextPing(t *testing.T) {
	url := servers.MariaDB(t).Database(t)
	e, admin := openURL(t, url, poolOf(1)), openURL(t, url)
	for range 200 {
		err := e.With(t.Context(), func(c *plinth.Conn) error {
			id, err := plinth.One[int](t.Context(), c, "select connection_id()")
			if err != nil {
				return err
			}
			execute(t, admin, "kill query "+strconv.Itoa(id))
			_, _ = c.Ping(t.Context())
			_, err = plinth.One[int](t.Context(), c, "select 1")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
