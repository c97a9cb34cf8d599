package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/sqlite"
)

// TestAPointSelectTakesSixAllocations counts the whole path with the default options (query log, retry, pool) and a context
// that can be cancelled: the slice of arguments and the argument in it, the rows, the struct, its two strings.
func TestAPointSelectTakesSixAllocations(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "app.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.WithoutCancel(ctx))
	type Track struct {
		ID             int64
		Name, Composer string
		Milliseconds   int64
		UnitPrice      float64
	}
	if _, err := e.Execute(ctx, "create table track (id integer primary key, name text, composer text, milliseconds int, unit_price real)"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Execute(ctx, "insert into track values (1000, 'Thunderstruck', 'Young', 292880, 0.99)"); err != nil {
		t.Fatal(err)
	}
	id := int64(1000)
	allocs := testing.AllocsPerRun(1000, func() {
		track, err := plinth.One[Track](ctx, e, "select id, name, composer, milliseconds, unit_price from track where id = ?", id)
		if err != nil || track.Milliseconds != 292880 {
			t.Fatal(track, err)
		}
	})
	if allocs > 6 {
		t.Errorf("%v allocations, want 6 or fewer", allocs)
	}
}
