package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
)

// Bulk is how a database takes many rows.
type Bulk struct {
	// Tables make owner (id), with 1 and 2, and thing: id, owner, name (10 characters, not null), price, at, data, mood ('sad' or 'fine'), n
	// (less than a million), and columns of the database's own. The key is id, and owner refers to one.
	Tables []string
	Insert string              // adds a thing
	More   []any               // arguments for the columns of its own
	Cases  map[string]BulkCase // beside those of all
}

// BulkCase is what is otherwise with some rows, and what comes of it.
type BulkCase struct {
	Change func(i int, row []any) // of row i, the first of which is 1
	Want   error                  // the kind; nil is any where Row is given, else all the rows are there
	Row    int                    // that fails
}

// bulkRows is several commands' worth.
const bulkRows = 21_000

// Set changes a row where it's the one.
func Set(row []any, when bool, i int, v any) {
	if when {
		row[i] = v
	}
}

// Things yields rows that fit, but for those that change makes of them; the first is row 1.
func (d *Database) Things(n int, change func(i int, row []any)) iter.Seq[[]any] {
	at := UTC(2026, 11, 23, 10, 0, 0, 0)
	return func(yield func([]any) bool) {
		for i := 1; i <= n; i++ {
			row := append([]any{i, int64(i%2 + 1), fmt.Sprint("thing ", i%1000), "12.50", at, `{"a": 1}`, "fine", i}, d.Bulk.More...)
			if change != nil {
				change(i, row)
			}
			if !yield(row) {
				return
			}
		}
	}
}

func (d *Database) manyRowsAreAllThereOrNone(t *testing.T) {
	db := d.OpenNew(t)
	Execute(t, db, d.Bulk.Tables...)
	const last = bulkRows
	cases := map[string]BulkCase{
		"fits":                           {nil, nil, 0},
		"NULLs":                          {func(_ int, row []any) { row[3], row[4], row[5] = nil, nil, sql.NullString{} }, nil, 0},
		"now and then NULL":              {func(i int, row []any) { Set(row, i%7 == 0, 3, nil); Set(row, i%3 == 0, 1, nil) }, nil, 0},
		"a time as text":                 {func(_ int, row []any) { row[4] = "2026-11-23 10:00:00" }, nil, 0},
		"a key that exists":              {func(i int, row []any) { Set(row, i == 17_777, 0, 5) }, plinth.ErrUnique, 17_777},
		"the first row fails":            {func(i int, row []any) { Set(row, i == 1, 2, nil) }, plinth.ErrNotNull, 1},
		"the last row fails":             {func(i int, row []any) { Set(row, i == last, 2, nil) }, plinth.ErrNotNull, last},
		"a check":                        {func(i int, row []any) { Set(row, i == 12_000, 7, 2_000_000) }, plinth.ErrCheck, 12_000},
		"a reference to nothing":         {func(i int, row []any) { Set(row, i == 12_345, 1, 99) }, plinth.ErrForeignKey, 12_345},
		"text too long for its column":   {func(i int, row []any) { Set(row, i == 20_001, 2, "much too long a name") }, plinth.ErrInvalid, 20_001},
		"an enum's label that isn't one": {func(i int, row []any) { Set(row, i == 3, 6, "furious") }, plinth.ErrInvalid, 3},
		"an argument that can't be sent": {func(i int, row []any) { Set(row, i == 20_001, 0, make(chan int)) }, plinth.ErrArgument, 20_001},
		"an earlier row fails in the server": {func(i int, row []any) {
			Set(row, i == 20_001, 0, make(chan int))
			Set(row, i == 20_000, 2, nil)
		}, plinth.ErrNotNull, 20_000},
		"now and then another type": {func(i int, row []any) {
			Set(row, i%100 == 0, 3, 7.5)
			Set(row, i%150 == 0, 4, "2026-11-23 10:00:00")
		}, nil, 0},
	}
	maps.Copy(cases, d.Bulk.Cases)
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			res, err := db.ExecuteMany(t.Context(), d.Bulk.Insert, d.Things(bulkRows, test.Change))
			n, counting := plinth.One[int](t.Context(), db, "select count(*) from thing")
			if counting != nil {
				t.Fatal(counting)
			}
			Execute(t, db, "delete from thing")
			if test.Want == nil && test.Row == 0 {
				if err != nil || res.RowsAffected != bulkRows || n != bulkRows {
					t.Errorf("%d rows affected, %d there, %v", res.RowsAffected, n, err)
				}
				return
			}
			e, ok := errors.AsType[*plinth.Error](err)
			if !ok || test.Want != nil && !errors.Is(err, test.Want) || e.Row != test.Row {
				t.Errorf("%v, want row %d and %v", err, test.Row, test.Want)
			}
			if n != 0 {
				t.Errorf("%d rows are there", n)
			}
		})
	}
	Idle(t, db)
}

// rowsThatEndWhileOthersAreUnderWayLeaveNothing ends the rows when the server is at work on those before.
func (d *Database) rowsThatEndWhileOthersAreUnderWayLeaveNothing(t *testing.T) {
	db := d.OpenNew(t, PoolOf(1))
	Execute(t, db, d.Bulk.Tables...)
	const last = 15_000 // of which the server has many
	for name, test := range map[string]struct {
		end  func(cancel context.CancelFunc)
		want error
	}{
		"a panic":              {func(context.CancelFunc) { panic("the rows are lost") }, nil},
		"the end of a context": {func(cancel context.CancelFunc) { cancel() }, context.Canceled},
		"a row that can't be":  {func(context.CancelFunc) {}, plinth.ErrArgument},
	} {
		many := func(q plinth.Transactor) (err error) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("panic: %v", r)
				}
			}()
			_, err = q.ExecuteMany(ctx, d.Bulk.Insert, d.Things(last, func(i int, row []any) {
				if i == last {
					test.end(cancel)
					row[0] = make(chan int)
				}
			}))
			return err
		}
		check := func(t *testing.T, err error) {
			t.Helper()
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v", err)
			}
			if n, err := plinth.One[int](t.Context(), db, "select count(*) from thing"); n != 0 || err != nil {
				t.Errorf("%d rows are there, %v", n, err)
			}
		}
		t.Run(name, func(t *testing.T) { check(t, many(db)) })
		t.Run(name+" in a transaction", func(t *testing.T) {
			check(t, db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
				err := many(tx)
				if _, more := plinth.One[int](ctx, tx, "select count(*) from owner"); more != nil && !errors.Is(more, plinth.ErrTxDone) {
					t.Errorf("afterwards: %v", more)
				}
				return err
			}))
		})
	}
	if s := db.Stats(); s.OpenConnections != 1 || s.InUse != 0 {
		t.Errorf("%+v", s)
	}
}

func (d *Database) manyRowsEndWithTheirContext(t *testing.T) {
	db := d.OpenNew(t, PoolOf(1))
	Execute(t, db, d.Bulk.Tables...)
	clock := WatchClock(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := db.ExecuteMany(ctx, d.Bulk.Insert, d.Things(10_000_000, nil))
	if !errors.Is(err, plinth.ErrTimeout) {
		t.Errorf("%v, want ErrTimeout", err)
	}
	clock.Punctual(ctx, t)
	if n, err := plinth.One[int](t.Context(), db, "select count(*) from thing"); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}
