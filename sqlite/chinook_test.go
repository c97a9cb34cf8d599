package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/internal/sqltext"
	"github.com/plinthdb/plinth/sqlite"
)

// chinook returns engines on the Chinook data: on the excerpt in testdata, and on the whole where PLINTH_CHINOOK names
// its folder. The questions are about customers that both have in full.
func chinook(t *testing.T) map[string]*plinth.Engine {
	t.Helper()
	scripts := map[string]string{"excerpt": "testdata/chinook_excerpt.sql"}
	if dir := os.Getenv("PLINTH_CHINOOK"); dir != "" {
		scripts["whole"] = filepath.Join(dir, "Chinook_Sqlite.sql")
	}
	engines := make(map[string]*plinth.Engine)
	for name, script := range scripts {
		e, err := sqlite.Open(t.Context(), plinth.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "chinook.db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		f, err := os.Open(script)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for st, err := range sqltext.Statements(f, sqltext.SQLite()) {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Execute(t.Context(), st.Text); err != nil {
				t.Fatalf("%s:%d: %v", script, st.Line, err)
			}
		}
		engines[name] = e
	}
	return engines
}

// Person is embedded where a result names a customer.
type Person struct{ FirstName, LastName string }

// Purchase is one line of an invoice with what it refers to: five joined tables and more.
type Purchase struct {
	Person
	Company *string // NULL for a private customer
	Bought  time.Time
	Album   struct {
		Title string
		By    string `db:"artist"`
	}
	Track     string
	Genre     string
	Ms        int64 `db:"milliseconds"`
	UnitPrice plinth.Decimal
	Quantity  int
}

const purchases = `
	select c.FirstName, c.LastName, c.Company, i.InvoiceDate as bought, al.Title as "album.title", ar.Name as "album.artist",
	       t.Name as track, g.Name as genre, t.Milliseconds, l.UnitPrice, l.Quantity
	from InvoiceLine l
	join Invoice i using (InvoiceId)
	join Customer c using (CustomerId)
	join Track t using (TrackId)
	join Album al using (AlbumId)
	join Artist ar using (ArtistId)
	join Genre g using (GenreId)
	where c.CustomerId in (:customers) and i.InvoiceDate < :before
	order by i.InvoiceDate, l.InvoiceLineId`

func TestAJoinOfSevenTablesReadsIntoStructs(t *testing.T) {
	t.Parallel()
	for name, e := range chinook(t) {
		t.Run(name, func(t *testing.T) {
			before := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
			all, err := plinth.All[Purchase](t.Context(), e, purchases, map[string]any{"customers": []int{2, 5}, "before": before})
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != 27 {
				t.Fatalf("%d purchases, want 27", len(all))
			}
			if p := all[0]; p.FirstName != "Leonie" || p.Album.Title != "Balls to the Wall" || p.Album.By != "Accept" ||
				p.Track != "Balls to the Wall" || p.UnitPrice.String() != "0.99" ||
				!p.Bought.Equal(time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)) {
				t.Errorf("the first purchase is %+v", p)
			}
			if !slices.IsSortedFunc(all, func(a, b Purchase) int { return a.Bought.Compare(b.Bought) }) {
				t.Error("not in the order of their dates")
			}
			for _, p := range all {
				if !p.Bought.Before(before) || p.Album.Title == "" || p.Album.By == "" || p.Genre == "" || p.Ms <= 0 ||
					p.UnitPrice.Sign() <= 0 || p.Quantity != 1 || (p.LastName == "Köhler") != (p.Company == nil) {
					t.Errorf("odd purchase %+v", p)
				}
			}
		})
	}
}
