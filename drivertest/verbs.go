package drivertest

import (
	"context"
	"database/sql"
	"slices"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/drivertest/internal/tap"
	"github.com/plinthdb/plinth/hook"
)

func verbCases() []testCase {
	return []testCase{
		{name: "Execute tells the rows affected", run: everywhere(executeCounts)},
		{name: "FetchOne returns the first row with its columns in order", run: everywhere(fetchOneReturnsTheFirst)},
		{name: "FetchAll returns all rows in order", run: everywhere(fetchAllReturnsAll)},
		{name: "Query streams rows", run: everywhere(queryStreams)},
		{name: "ExecuteMany runs the statement for each row", run: everywhere(executeManyRunsEach)},
		{name: "One All and Each read structs", run: everywhere(genericsReadStructs)},
		{name: "One All and Each read scalars, maps and Rows", run: everywhere(genericsReadOthers)},
		{name: "no row is ErrNotFound and sql.ErrNoRows", run: everywhere(noRowIsNotFound)},
		{name: "a write that returns its row", run: everywhere(writeReturnsRow)},
		{name: "the verbs of an engine are one call each to the hooks", run: verbsAreOneCall},
		{name: "Ping and TestConnection make a round trip", run: pingMakesARoundTrip},
		{name: "name and target are told", run: nameAndTarget},
	}
}

func executeCounts(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	equal(t, "rows affected by an insert", done(t)(q.Execute(ctx, d.Insert, 4, "four", 0, "new")).RowsAffected, 1)
	equal(t, "by an update", done(t)(q.Execute(ctx, d.Add, 5, 4)).RowsAffected, 1)
	equal(t, "by an update of nothing", done(t)(q.Execute(ctx, d.Add, 5, 99)).RowsAffected, 0)
	equal(t, "by a delete", done(t)(q.Execute(ctx, d.Delete, 1)).RowsAffected, 1)
	equal(t, "by a query whose rows are thrown away", done(t)(q.Execute(ctx, d.List)).RowsAffected, 0)
	note := "new"
	equal(t, "the item", must[item](t)(plinth.One[item](ctx, q, d.Get, 4)), item{4, "four", 5, &note})
}

func fetchOneReturnsTheFirst(t *testing.T, d *db, q verbs) {
	row := must[plinth.Row](t)(q.FetchOne(t.Context(), d.List))
	equal(t, "columns", row.Columns(), []string{"id", "name", "n", "note"})
	equal(t, "length", row.Len(), 4)
	equal(t, "id", must[int64](t)(row.Int64("id")), 1)
	equal(t, "name", must[string](t)(row.Text("name")), "item 1")
	equal(t, "note is NULL", row.IsNull("note"), true)
	v, there := row.Value("note")
	equal(t, "note untyped", v, nil)
	equal(t, "note is there", there, true)
	_, there = row.Value("nothing")
	equal(t, "another column is there", there, false)
	equal(t, "as a struct", must[item](t)(plinth.Into[item](row)), item{1, "item 1", 0, nil})
}

func fetchAllReturnsAll(t *testing.T, d *db, q verbs) {
	all := must[[]plinth.Row](t)(q.FetchAll(t.Context(), d.List))
	var ids []int64
	for _, row := range all {
		ids = append(ids, must[int64](t)(row.Int64("id")))
	}
	equal(t, "ids", ids, []int64{1, 2, 3})
	equal(t, "rows of an empty result", len(must[[]plinth.Row](t)(q.FetchAll(t.Context(), d.Get, 99))), 0)
}

func queryStreams(t *testing.T, d *db, q verbs) {
	r := must[*plinth.Rows](t)(q.Query(t.Context(), d.List))
	equal(t, "columns before the first row", r.Columns(), []string{"id", "name", "n", "note"})
	var ids []int
	for r.Next() {
		var it item
		ok(t, r.Scan(&it.ID, &it.Name, &it.N, &it.Note))
		equal(t, "name", it.Name, name(int(it.ID)))
		ids = append(ids, int(it.ID))
	}
	ok(t, r.Err())
	ok(t, r.Close())
	ok(t, r.Close())
	equal(t, "Next after the end", r.Next(), false)
	equal(t, "ids", ids, []int{1, 2, 3})
	equal(t, "items seen by another statement", must[int](t)(plinth.One[int](t.Context(), q, d.Count)), 3)
}

func executeManyRunsEach(t *testing.T, d *db, q verbs) {
	if _, inTx := q.(*plinth.Tx); inTx && d.limits.NoSavepoints {
		t.Skip("the harness says Limits.NoSavepoints")
	}
	rows := func(yield func([]any) bool) {
		for i := 10; i < 60; i++ {
			if !yield([]any{i, name(i), 1, nil}) {
				return
			}
		}
	}
	equal(t, "rows affected", done(t)(q.ExecuteMany(t.Context(), d.Insert, rows)).RowsAffected, 50)
	equal(t, "items", must[int](t)(plinth.One[int](t.Context(), q, d.Count)), 53)
}

func genericsReadStructs(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	want := []item{{1, "item 1", 0, nil}, {2, "item 2", 0, nil}, {3, "item 3", 0, nil}}
	equal(t, "One", must[item](t)(plinth.One[item](ctx, q, d.Get, 2)), want[1])
	equal(t, "One of a pointer", *must[*item](t)(plinth.One[*item](ctx, q, d.Get, 2)), want[1])
	equal(t, "All", must[[]item](t)(plinth.All[item](ctx, q, d.List)), want)
	equal(t, "All of nothing", len(must[[]item](t)(plinth.All[item](ctx, q, d.Get, 99))), 0)
	var each []item
	for it, err := range plinth.Each[item](ctx, q, d.List) {
		ok(t, err)
		each = append(each, it)
	}
	equal(t, "Each", each, want)
	for it, err := range plinth.Each[item](ctx, q, d.List) {
		ok(t, err)
		equal(t, "the first of Each", it, want[0])
		break
	}
	equal(t, "One after a loop that was left", must[item](t)(plinth.One[item](ctx, q, d.Get, 3)), want[2])
}

func genericsReadOthers(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	equal(t, "a scalar", must[int64](t)(plinth.One[int64](ctx, q, d.Count)), 3)
	m := must[map[string]any](t)(plinth.One[map[string]any](ctx, q, d.Get, 1))
	equal(t, "a map", m, map[string]any{"id": int64(1), "name": "item 1", "n": int64(0), "note": nil})
	row := must[plinth.Row](t)(plinth.One[plinth.Row](ctx, q, d.Get, 1))
	equal(t, "the values of a Row", row.Values(), []any{int64(1), "item 1", int64(0), nil})
	rows := must[[]plinth.Row](t)(plinth.All[plinth.Row](ctx, q, d.List))
	equal(t, "a Row kept over the next", must[string](t)(rows[0].Text("name")), "item 1")
	var ids []int64
	for row, err := range plinth.Each[map[string]any](ctx, q, d.List) {
		ok(t, err)
		ids = append(ids, row["id"].(int64))
	}
	equal(t, "ids", ids, []int64{1, 2, 3})
}

func noRowIsNotFound(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	_, err := q.FetchOne(ctx, d.Get, 99)
	is(t, err, plinth.ErrNotFound)
	is(t, err, sql.ErrNoRows)
	_, err = plinth.One[item](ctx, q, d.Get, 99)
	is(t, err, sql.ErrNoRows)
	equal(t, "items, by the next statement", must[int](t)(plinth.One[int](ctx, q, d.Count)), 3)
}

func writeReturnsRow(t *testing.T, d *db, q verbs) {
	if d.Returning == "" {
		t.Skip("the harness has no Statements.Returning")
	}
	ctx := t.Context()
	note := "x"
	equal(t, "the row", must[item](t)(plinth.One[item](ctx, q, d.Returning, 7, "seven", 1, note)), item{7, "seven", 1, &note})
	r := must[*plinth.Rows](t)(q.Query(ctx, d.Returning, 8, "eight", 1, nil))
	equal(t, "Next", r.Next(), true)
	ok(t, r.Close())
	equal(t, "rows affected", r.Result().RowsAffected, 1)
	equal(t, "items", must[int](t)(plinth.One[int](ctx, q, d.Count)), 5)
}

func verbsAreOneCall(t *testing.T, s *suite) {
	d := s.open(t)
	ctx := t.Context()
	d.items(t, 1, 2, 3)
	done(t)(d.Execute(ctx, d.Add, 1, 1))
	must[plinth.Row](t)(d.FetchOne(ctx, d.List))
	must[[]plinth.Row](t)(d.FetchAll(ctx, d.List))
	must[item](t)(plinth.One[item](ctx, d, d.Get, 1))
	must[[]item](t)(plinth.All[item](ctx, d, d.List))
	done(t)(d.ExecuteMany(ctx, d.Insert, slices.Values([][]any{{4, "d", 0, nil}, {5, "e", 0, nil}})))
	_, err := d.FetchOne(ctx, d.Get, 99)
	is(t, err, plinth.ErrNotFound)
	_, err = d.Execute(ctx, d.Insert, 1, "again", 0, nil)
	is(t, err, plinth.ErrUnique)
	ok(t, d.TestConnection(ctx))
	d.saw(t,
		sighting{Op: hook.Execute, Rows: 1},
		sighting{Op: hook.Query, Rows: 1}, // the first of three, and then the rows were closed
		sighting{Op: hook.Query, Rows: 3},
		sighting{Op: hook.Query, Rows: 1},
		sighting{Op: hook.Query, Rows: 3},
		sighting{Op: hook.ExecuteMany, Rows: 2},
		sighting{Op: hook.Query, Rows: 0}, // that there is none is no error of the database's
		sighting{Op: hook.Execute, Err: plinth.ErrUnique},
		sighting{Op: hook.Ping},
	)

	s.needSavepoints(t)
	ok(t, d.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		return tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			must[item](t)(plinth.One[item](ctx, tx, d.Get, 1))
			return nil
		})
	}))
	d.saw(t, sighting{Op: hook.Begin}, sighting{Op: hook.Execute, Rows: 1}, sighting{Op: hook.Savepoint},
		sighting{Op: hook.Query, Rows: 1}, sighting{Op: hook.Savepoint}, sighting{Op: hook.Commit})
}

func pingMakesARoundTrip(t *testing.T, s *suite) {
	d := s.tapped(t)
	ok(t, d.TestConnection(t.Context()))
	server := must[plinth.Server](t)(d.Ping(t.Context()))
	if server.Version == "" || !server.Writable {
		t.Errorf("Ping told %+v of a server that can be written", server)
	}
	equal(t, "round trips", d.tap.Count(tap.Ping), 2)
	d.saw(t, sighting{Op: hook.Ping}, sighting{Op: hook.Ping})
}

func nameAndTarget(t *testing.T, s *suite) {
	d := s.open(t)
	if d.Name() == "" || d.Target() == "" {
		t.Errorf("Name %q, Target %q", d.Name(), d.Target())
	}
}
