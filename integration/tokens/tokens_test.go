package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/plinthtest"
)

func TestATokensWorkIsAppliedOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, d database) {
		for name, o := range map[string]plinth.TxOptions{"default": {}, "serializable": {Isolation: plinth.Serializable}, "read committed": {Isolation: plinth.ReadCommitted}} {
			t.Run(name, func(t *testing.T) {
				e, _ := d.ready(t)
				for i := range 3 {
					got, already, err := plinth.ExactlyOnce(t.Context(), e, "order 1", insert, o)
					if err != nil || got != "done" || already != (i > 0) {
						t.Fatalf("call %d: %q, %v, %v", i, got, already, err)
					}
				}
				var all sync.WaitGroup
				var first atomic.Int64
				for range 16 {
					all.Go(func() {
						for token := range 20 {
							got, already, err := plinth.ExactlyOnce(t.Context(), e, fmt.Sprint(token), insert, o)
							if err != nil || got != "done" {
								t.Errorf("%q, %v", got, err)
							}
							if !already {
								first.Add(1)
							}
						}
					})
				}
				all.Wait()
				if n := count(t, e, "t"); n != 21 || first.Load() != 20 {
					t.Errorf("%d rows of 21 tokens, and %d of 20 callers were the first", n, first.Load())
				}
			})
		}
	})
}

func TestTokensAreComparedByteByByte(t *testing.T) {
	everywhere(t, func(t *testing.T, d database) {
		e, _ := d.ready(t)
		for i, token := range []string{"a", "A", "a ", " a", "ä", "a\u0308", "a\x00b", "a\x00", "a\\", `\x61`, strings.Repeat("x", 255), "ß", "ss", "🙂", "'"} {
			for again := range 2 {
				got, already, err := plinth.ExactlyOnce(t.Context(), e, token, func(context.Context, *plinth.Tx) (int, error) { return i, nil })
				if err != nil || already != (again == 1) || got != i {
					t.Errorf("token %q: %v, %v, %v", token, got, already, err)
				}
			}
		}
		text := "ü🙂\x00\n\\'" + strings.Repeat("x", 60_000)
		for range 2 {
			got, _, err := plinth.ExactlyOnce(t.Context(), e, "text", func(context.Context, *plinth.Tx) (string, error) { return text, nil })
			if err != nil || got != text {
				t.Errorf("%.20q, %v", got, err)
			}
		}
	})
}

func TestTheTableIsMadeByManyAtOnceAndPruned(t *testing.T) {
	everywhere(t, func(t *testing.T, d database) {
		e := d.engine(t, d.url(t))
		_, _, err := plinth.ExactlyOnce(t.Context(), e, "x", func(context.Context, *plinth.Tx) (int, error) { return 0, nil })
		if is(t, err, plinth.ErrUndefined); !strings.Contains(fmt.Sprint(err), "plinth.CreateTokens") {
			t.Errorf("error %v", err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := plinth.CreateTokens(t.Context(), e); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for i := range 1200 {
			if _, err := e.Execute(t.Context(), "insert into plinth_tokens (token, created_at) values (?, now() - interval '2' hour)", fmt.Appendf(nil, "old %d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := plinth.ExactlyOnce(t.Context(), e, "new", func(context.Context, *plinth.Tx) (int, error) { return 0, nil }); err != nil {
			t.Fatal(err)
		}
		if n, err := plinth.PruneTokens(t.Context(), e, 3*time.Hour); n != 0 || err != nil {
			t.Errorf("of three hours: %d, %v", n, err)
		}
		if n, err := plinth.PruneTokens(t.Context(), e, 90*time.Minute+500*time.Millisecond); n != 1200 || err != nil {
			t.Errorf("of an hour and a half: %d, %v", n, err)
		}
		if n := count(t, e, "plinth_tokens"); n != 1 {
			t.Errorf("%d are left", n)
		}
	})
}

// hang makes a call whose connection hangs from the moment that the function decides on: its server goes on holding the
// transaction open.
func hang(t *testing.T, e *plinth.Engine, proxy *plinthtest.Proxy, token string, in func(ctx context.Context, tx *plinth.Tx) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, _, err := plinth.ExactlyOnce(ctx, e, token, func(ctx context.Context, tx *plinth.Tx) (string, error) {
		if err := in(ctx, tx); err != nil {
			return "", err
		}
		proxy.Cut(plinthtest.Hang)
		return "hung", nil
	})
	return err
}

func TestALostSessionThatHoldsTheTokenIsEnded(t *testing.T) {
	everywhere(t, func(t *testing.T, d database) {
		if d.name == "pgbouncer" {
			t.Skip("PgBouncer knows of its own server: see TestBehindAPoolerOnlyTheTransactionIsEnded")
		}
		direct, url := d.ready(t)
		proxy, through := behind(t, url)
		e := d.engine(t, through)
		if err := hang(t, e, proxy, "x", func(ctx context.Context, tx *plinth.Tx) error { _, err := insert(ctx, tx); return err }); err == nil {
			t.Fatal("it went through")
		}
		if n := count(t, direct, "t"); n != 0 {
			t.Fatalf("%d rows: the transaction isn't open any more", n)
		}
		start := time.Now()
		got, already, err := plinth.ExactlyOnce(t.Context(), e, "x", insert)
		if err != nil || already || got != "done" {
			t.Errorf("%q, %v, %v", got, already, err)
		}
		t.Logf("it took %v", time.Since(start))
		if n := count(t, direct, "t"); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestTheSessionOfARunningCallIsntEnded(t *testing.T) {
	everywhere(t, func(t *testing.T, d database) {
		other, url := d.ready(t)
		e := d.engine(t, url, func(o *plinth.Options) { o.Retry.Attempts = 2 })
		inside, leave := make(chan struct{}), make(chan struct{})
		done := make(chan error, 1)
		go func() {
			_, _, err := plinth.ExactlyOnce(t.Context(), other, "x", func(ctx context.Context, tx *plinth.Tx) (string, error) {
				close(inside)
				<-leave
				return insert(ctx, tx)
			})
			done <- err
		}()
		<-inside
		_, already, err := plinth.ExactlyOnce(t.Context(), e, "x", insert)
		if is(t, err, plinth.ErrLocked); already || errors.Is(err, plinth.ErrOutcomeUnknown) {
			t.Errorf("%v, %v", already, err)
		}
		close(leave)
		if err := <-done; err != nil {
			t.Error(err)
		}
		got, already, err := plinth.ExactlyOnce(t.Context(), e, "x", insert)
		if err != nil || !already || got != "done" || count(t, e, "t") != 1 {
			t.Errorf("%q, %v, %v", got, already, err)
		}
	})
}
