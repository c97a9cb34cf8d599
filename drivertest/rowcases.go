package drivertest

import (
	"slices"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
)

func rowsCases() []testCase {
	return []testCase{
		{name: "rows that are closed half-read give the connection back", run: everywhere(halfReadRows)},
		{name: "an abandoned loop over Rows.All gives the connection back", run: everywhere(abandonedLoop)},
		{name: "columns of the same name keep their values", run: everywhere(duplicateColumns)},
		{name: "a row kept over Next and Close keeps its values", run: everywhere(keptRows)},
		{name: "Scan without a row, or into the wrong number of destinations, is ErrArgument", run: everywhere(scanMisused)},
		{name: "a result without rows has columns", run: everywhere(emptyResultHasColumns)},
		{name: "hooks see a query end when its rows are closed", run: queryEndsWithItsRows},
		{name: "many rows can be open at once on an engine", run: manyRowsOpen},
	}
}

func halfReadRows(t *testing.T, d *db, q verbs) {
	for range 3 {
		r := must[*plinth.Rows](t)(q.Query(t.Context(), d.List))
		equal(t, "Next", r.Next(), true)
		ok(t, r.Close())
		equal(t, "Next after Close", r.Next(), false)
		ok(t, r.Err())
	}
	done(t)(q.Execute(t.Context(), d.Add, 1, 1))
	equal(t, "rows read afterwards", len(must[[]item](t)(plinth.All[item](t.Context(), q, d.List))), 3)
}

func abandonedLoop(t *testing.T, d *db, q verbs) {
	r := must[*plinth.Rows](t)(q.Query(t.Context(), d.List))
	for row, err := range r.All() {
		ok(t, err)
		equal(t, "id", must[int64](t)(row.Int64("id")), 1)
		break
	}
	done(t)(q.Execute(t.Context(), d.Add, 1, 1))
}

func duplicateColumns(t *testing.T, d *db, q verbs) {
	if d.Duplicate == "" {
		t.Skip("the harness has no Statements.Duplicate")
	}
	row := must[plinth.Row](t)(q.FetchOne(t.Context(), d.Duplicate))
	equal(t, "columns", row.Columns(), []string{"a", "b", "a"})
	equal(t, "values", row.Values(), []any{int64(1), int64(2), int64(3)})
	equal(t, "a, which is the first of that name", must[int64](t)(row.Int64("a")), 1)
	_, err := plinth.One[map[string]any](t.Context(), q, d.Duplicate)
	is(t, err, plinth.ErrScan)
}

func keptRows(t *testing.T, d *db, q verbs) {
	var kept []plinth.Row
	r := must[*plinth.Rows](t)(q.Query(t.Context(), d.List))
	for r.Next() {
		kept = append(kept, r.Row())
	}
	ok(t, r.Close())
	must[[]item](t)(plinth.All[item](t.Context(), q, d.List))
	var names []string
	for _, row := range kept {
		names = append(names, must[string](t)(row.Text("name")))
	}
	equal(t, "names", names, []string{"item 1", "item 2", "item 3"})
}

func scanMisused(t *testing.T, d *db, q verbs) {
	r := must[*plinth.Rows](t)(q.Query(t.Context(), d.Get, 1))
	var id, n int64
	var name, note any
	is(t, r.Scan(&id, &name, &n, &note), plinth.ErrArgument)
	equal(t, "Next", r.Next(), true)
	is(t, r.Scan(&id), plinth.ErrArgument)
	ok(t, r.Scan(&id, &name, &n, &note))
	equal(t, "Next", r.Next(), false)
	is(t, r.Scan(&id, &name, &n, &note), plinth.ErrArgument)
	ok(t, r.Close())
}

func emptyResultHasColumns(t *testing.T, d *db, q verbs) {
	r := must[*plinth.Rows](t)(q.Query(t.Context(), d.Get, 99))
	want := []string{"id", "name", "n", "note"}
	if d.limits.Documents {
		want = []string{} // no document, no keys
	}
	equal(t, "columns", r.Columns(), want)
	equal(t, "Next", r.Next(), false)
	ok(t, r.Close())
}

func queryEndsWithItsRows(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1, 2, 3)
	r := must[*plinth.Rows](t)(d.Query(t.Context(), d.List))
	for range 2 {
		equal(t, "Next", r.Next(), true)
	}
	d.saw(t)
	ok(t, r.Close())
	d.saw(t, sighting{Op: hook.Query, Rows: 2})
	ok(t, r.Close())
	d.saw(t)
}

func manyRowsOpen(t *testing.T, s *suite) {
	d := s.open(t, func(o *plinth.Options) { o.Pool.MaxOpenConns = 4 })
	d.items(t, 1, 2, 3)
	var open []*plinth.Rows
	for range 4 {
		open = append(open, must[*plinth.Rows](t)(d.Query(t.Context(), d.List)))
	}
	for range 3 {
		for _, r := range open {
			equal(t, "Next", r.Next(), true)
		}
	}
	for _, r := range slices.Backward(open) {
		equal(t, "Next at the end", r.Next(), false)
		ok(t, r.Err())
	}
}
