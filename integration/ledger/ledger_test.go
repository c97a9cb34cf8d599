package ledger_test

import (
	"context"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/sqlite"
)

func TestACheckFindsWhatIsNotAsItWasSaid(t *testing.T) {
	e, err := sqlite.Open(t.Context(), plinth.Options{URL: plinthtest.SQLite(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	l, err := ledger.New(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	write := func(tokens ...int64) {
		t.Helper()
		for _, token := range tokens {
			if err := ledger.Transfer(t.Context(), e, token); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(1, 2)
	l.Note(ledger.Applied, 1)
	l.Note(ledger.Unknown, 2, 3)
	l.Note(ledger.NotApplied, 4)
	want := ledger.Tally{Applied: 1, NotApplied: 1, Unknown: 2, UnknownThere: 1}
	if sum, err := l.Check(t.Context(), e); err != nil || sum != want {
		t.Errorf("what is as it was said: %+v, %v", sum, err)
	}

	write(1, 2, 4, 6) // 1 and 2 are there twice now, 4 though it was refused, of 6 nobody was told
	l.Note(ledger.Applied, 5)
	want = ledger.Tally{Applied: 2, NotApplied: 1, Unknown: 2, UnknownThere: 1, Missing: 1, Twice: 2, False: 2}
	if sum, err := l.Check(t.Context(), e); err == nil || sum != want {
		t.Errorf("what isn't as it was said: %+v, %v", sum, err)
	}

	if _, err := e.Execute(t.Context(), "update account set balance = balance + 1 where id = 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Check(t.Context(), e); err == nil {
		t.Error("an account that holds too much wasn't found")
	}
}
