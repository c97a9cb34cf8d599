package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/plinthdb/plinth"
)

// Writers is how many goroutines write at once while connections and servers die.
const Writers = 8

// Writer writes in all the ways that can be told from each other in a ledger.
type Writer struct {
	*Ledger
	Engine *plinth.Engine
	Timely bool // calls have a time-out, and may end by it

	Began, Done, Runs atomic.Int64 // calls, those that succeeded, and how often the functions of InTx ran
	Replayed, Units   atomic.Int64 // of the calls of InTx
}

// Write writes once, and tells the ledger.
func (w *Writer) Write(ctx context.Context) error {
	w.Began.Add(1)
	token := w.Next()
	tokens := []int64{token}
	var err error
	switch rand.IntN(6) {
	case 0:
		_, err = w.Engine.Execute(ctx, Insert, token)
	case 1:
		_, err = w.Engine.FetchOne(ctx, Insert+" returning token", token)
	case 2:
		tokens = append(tokens, w.Next(), w.Next())
		_, err = w.Engine.ExecuteMany(ctx, Insert, func(yield func([]any) bool) {
			for _, token := range tokens {
				if !yield([]any{token}) {
					return
				}
			}
		})
	default:
		runs := int64(0)
		err = w.Engine.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			runs++
			return Transfer(ctx, tx, token)
		})
		w.Units.Add(1)
		w.Runs.Add(runs)
		if runs > 1 && err == nil {
			w.Replayed.Add(1)
		}
	}
	w.Tell(err, tokens...)
	if err == nil {
		w.Done.Add(1)
	}
	return err
}

// Start has the writers write until what it returns is called, which waits for them. An error that isn't what is said when the
// server is gone is told to unexpected, and ends the writer it befell.
func (w *Writer) Start(unexpected func(error)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run(func() bool { return ctx.Err() != nil }, unexpected)
	}()
	return func() { cancel(); <-ended }
}

// Calls has the writers make so many calls. Else it's as Start.
func (w *Writer) Calls(n int64, unexpected func(error)) {
	w.run(func() bool { return w.Began.Load() >= n }, unexpected)
}

func (w *Writer) run(over func() bool, unexpected func(error)) {
	var work sync.WaitGroup
	for range Writers {
		work.Go(func() {
			for !over() {
				err := w.Write(context.Background())
				late := w.Timely && errors.Is(err, plinth.ErrTimeout)
				if err != nil && !Gone(err) && !late {
					unexpected(err)
					return
				}
			}
		})
	}
	work.Wait()
}

// Gone reports whether an error is what is said when the server is gone.
func Gone(err error) bool {
	return errors.Is(err, plinth.ErrUnavailable) || errors.Is(err, plinth.ErrOutcomeUnknown) || errors.Is(err, plinth.ErrPoolExhausted)
}
