package drivertest

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/drivertest/internal/tap"
)

func argumentCases() []testCase {
	return []testCase{
		{name: "a wrong number of arguments is ErrArgument, and nothing is sent", run: wrongNumber},
		{name: "arguments by name come from a map, a struct or sql.Named", run: namedArguments},
		{name: "a missing or unknown name is ErrArgument, and nothing is sent", run: wrongNames},
		{name: "IN takes a slice of any length", run: everywhere(inTakesSlices)},
		{name: "IN takes an empty slice, which matches nothing", run: everywhere(inTakesEmptySlices)},
		{name: "a slice by name", run: everywhere(sliceByName)},
		{name: "an argument is only ever a value", run: everywhere(argumentIsAValue)},
	}
}

func wrongNumber(t *testing.T, s *suite) {
	d := s.tapped(t)
	ctx := t.Context()
	for _, args := range [][]any{nil, {1}, {1, "one", 0}, {1, "one", 0, nil, 5}} {
		_, err := d.Execute(ctx, d.Insert, args...)
		is(t, err, plinth.ErrArgument)
		_, err = d.Query(ctx, d.Insert, args...)
		is(t, err, plinth.ErrArgument)
	}
	_, err := plinth.One[int](ctx, d, d.Count, 1)
	is(t, err, plinth.ErrArgument)
	_, err = plinth.All[item](ctx, d, d.Get)
	is(t, err, plinth.ErrArgument)
	for _, err := range plinth.Each[item](ctx, d, d.Get, 1, 2) {
		is(t, err, plinth.ErrArgument)
	}
	args := []any{1, "one", 0, nil} // as one argument, without the dots
	_, err = d.Execute(ctx, d.Insert, args)
	if e := failure(t, err, plinth.ErrArgument); !strings.Contains(e.Hint, "args...") {
		t.Errorf("hint %q doesn't say how a slice is given", e.Hint)
	}
	equal(t, "connections asked for", d.tap.Count(tap.Acquire), 0)
	d.saw(t) // nor is it an attempt
	equal(t, "items", d.count(t), 0)
}

func namedArguments(t *testing.T, s *suite) {
	s.need(t, "Named", s.Statements.Named)
	d := s.open(t)
	d.items(t, 1, 2, 3)
	type ID int64
	for how, arg := range map[string]any{
		"a map of any":      map[string]any{"id": 2},
		"a map of integers": map[string]int{"id": 2},
		"a struct":          struct{ ID int }{2},
		"a pointer":         &struct{ ID ID }{2},
		"a tag": struct {
			Key int `db:"id"`
		}{2},
		"an embedded struct":   struct{ item }{item{ID: 2}},
		"a value by sql.Named": sql.Named("id", 2),
	} {
		it, err := plinth.One[item](t.Context(), d, d.Named, arg)
		if err != nil || it.ID != 2 {
			t.Errorf("%s: got %+v, %v", how, it, err)
		}
	}
}

func wrongNames(t *testing.T, s *suite) {
	s.need(t, "Named", s.Statements.Named)
	d := s.tapped(t)
	for _, args := range [][]any{
		nil, {1}, {map[string]any{}}, {map[string]any{"ID": 1}}, {struct{ Name string }{"x"}}, {sql.Named("other", 1)},
		{sql.Named("id", 1), sql.Named("other", 1)}, {sql.Named("id", 1), 1}, {sql.Named("id", 1), sql.Named("id", 1)},
	} {
		_, err := d.FetchAll(t.Context(), d.Named, args...)
		is(t, err, plinth.ErrArgument)
	}
	equal(t, "connections asked for", d.tap.Count(tap.Acquire), 0)
	d.saw(t)
}

func inTakesSlices(t *testing.T, d *db, q verbs) {
	if d.In == "" {
		t.Skip("the harness has no Statements.In")
	}
	type id int32
	many := make([]int, 500)
	for i := range many {
		many[i] = i + 2
	}
	for _, c := range []struct {
		arg  any
		want []int64
	}{
		{[]int{2}, []int64{2}},
		{[]int{3, 1, 99}, []int64{1, 3}},
		{[]int64{1, 1, 1}, []int64{1}},
		{[]id{2, 3}, []int64{2, 3}},
		{[]any{1, int8(2)}, []int64{1, 2}},
		{[2]int{2, 3}, []int64{2, 3}},
		{many, []int64{2, 3}},
	} {
		var got []int64
		for _, it := range must[[]item](t)(plinth.All[item](t.Context(), q, d.In, c.arg)) {
			got = append(got, it.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("with a %T of %v: got %v, want %v", c.arg, brief(c.arg), got, c.want)
		}
	}
}

func inTakesEmptySlices(t *testing.T, d *db, q verbs) {
	if d.In == "" {
		t.Skip("the harness has no Statements.In")
	}
	for _, arg := range []any{[]int{}, []int(nil), []string{}, []any{}} {
		equal(t, "rows", len(must[[]item](t)(plinth.All[item](t.Context(), q, d.In, arg))), 0)
	}
}

func sliceByName(t *testing.T, d *db, q verbs) {
	if d.NamedIn == "" {
		t.Skip("the harness has no Statements.NamedIn")
	}
	done(t)(q.Execute(t.Context(), d.Add, 5, 2))
	for n, want := range map[int]int{0: 1, 5: 1, 7: 0} {
		got := must[[]item](t)(plinth.All[item](t.Context(), q, d.NamedIn, map[string]any{"ids": []int{1, 2}, "n": n}))
		equal(t, "rows", len(got), want)
	}
	none := must[[]item](t)(plinth.All[item](t.Context(), q, d.NamedIn, map[string]any{"ids": []int{}, "n": 0}))
	equal(t, "rows of an empty slice", len(none), 0)
}

func argumentIsAValue(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	for i, evil := range []string{"x'); drop table items; --", "' or '1'='1", `{"$where": "1"}`, `{"$gt": ""}`, "\\", "''", "?", ":id", "$1"} {
		done(t)(q.Execute(ctx, d.Insert, 100+i, evil, 0, evil))
		it := must[item](t)(plinth.One[item](ctx, q, d.Get, 100+i))
		if it.Name != evil || *it.Note != evil {
			t.Errorf("stored %q, read %q and %q", evil, it.Name, *it.Note)
		}
	}
	if d.In != "" {
		all, err := plinth.All[item](ctx, d, d.In, []string{"0) or (1=1"}) // not on q: an error would end its transaction
		// MariaDB makes a number of the text, 0, which no item has.
		if err == nil && len(all) > 0 {
			t.Errorf("an argument was taken as a part of the statement: %d rows", len(all))
		}
		if err != nil && strings.Contains(err.Error(), "1=1") {
			t.Errorf("error %q shows the argument", err)
		}
	}
}
