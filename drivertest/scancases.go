package drivertest

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
)

func scanCases() []testCase {
	return []testCase{
		{name: "NULL into a plain int is ErrScan and names the column", run: everywhere(nullIntoInt)},
		{name: "NULL goes into what can hold it", run: everywhere(nullIntoNullable)},
		{name: "a field without a column and a column without a field are ErrScan", run: everywhere(missingColumn)},
		{name: "text into an integer is ErrScan", run: everywhere(textIntoInt)},
		{name: "an integer beyond the type is ErrScan", run: everywhere(integerTooLarge)},
		{name: "tags, embedded structs, Scanners and pointers", run: everywhere(structFeatures)},
		{name: "a row that can't be read says which and gives the connection back", run: everywhere(unreadableRow)},
		{name: "a Scanner that panics gives the connection back", run: scannerPanics},
		{name: "an error of Scan shows no value", run: everywhere(scanErrorShowsNoValue)},
	}
}

func nullIntoInt(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	type strict struct {
		ID   int64
		Name string
		N    int64
		Note int
	}
	_, err := plinth.One[strict](ctx, q, d.Get, 1)
	if e := failure(t, err, plinth.ErrScan); e.Column != "note" {
		t.Errorf("Column %q, want note", e.Column)
	}
	row := must[plinth.Row](t)(q.FetchOne(ctx, d.Get, 1))
	_, err = row.Int64("note")
	is(t, err, plinth.ErrScan)
	_, err = row.Text("note")
	is(t, err, plinth.ErrScan)
	_, err = row.Text("nothing")
	is(t, err, plinth.ErrScan)
}

func nullIntoNullable(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	row := must[plinth.Row](t)(q.FetchOne(ctx, d.Get, 1))
	equal(t, "*string", must[*string](t)(plinth.Get[*string](row, "note")), nil)
	equal(t, "**int", must[**int](t)(plinth.Get[**int](row, "note")), nil)
	equal(t, "sql.Null", must[sql.Null[int]](t)(plinth.Get[sql.Null[int]](row, "note")), sql.Null[int]{})
	equal(t, "sql.NullString", must[sql.NullString](t)(plinth.Get[sql.NullString](row, "note")), sql.NullString{})
	equal(t, "any", must[any](t)(plinth.Get[any](row, "note")), nil)
	equal(t, "[]byte", must[[]byte](t)(plinth.Get[[]byte](row, "note")), nil)

	done(t)(q.Execute(ctx, d.Insert, 4, "four", 0, ""))
	row = must[plinth.Row](t)(q.FetchOne(ctx, d.Get, 4))
	equal(t, "an empty text is NULL", row.IsNull("note"), false)
	equal(t, "an empty text", must[sql.Null[string]](t)(plinth.Get[sql.Null[string]](row, "note")), sql.Null[string]{Valid: true})

	var none *string
	done(t)(q.Execute(ctx, d.Insert, 5, "five", 0, none))
	equal(t, "a nil pointer is NULL", must[item](t)(plinth.One[item](ctx, q, d.Get, 5)).Note, nil)
	done(t)(q.Execute(ctx, d.Insert, 6, "six", 0, sql.NullString{}))
	equal(t, "an invalid sql.NullString is NULL", must[item](t)(plinth.One[item](ctx, q, d.Get, 6)).Note, nil)
}

func missingColumn(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	type wider struct {
		ID, N      int64
		Name, Note *string
		Colour     string
	}
	_, err := plinth.One[wider](ctx, q, d.Get, 1)
	if is(t, err, plinth.ErrScan); err != nil && !strings.Contains(err.Error(), "Colour") {
		t.Errorf("error %q doesn't name the field", err)
	}
	type narrower struct{ ID, N int64 }
	if d.limits.Documents {
		equal(t, "what has fields", must[narrower](t)(plinth.One[narrower](ctx, q, d.Get, 2)), narrower{ID: 2})
		_, err = plinth.One[int](ctx, q, d.Get, 1)
		is(t, err, plinth.ErrScan) // four keys into one value
		return
	}
	_, err = plinth.All[narrower](ctx, q, d.List)
	if is(t, err, plinth.ErrScan); err != nil && !strings.Contains(err.Error(), "name") {
		t.Errorf("error %q doesn't name the column", err)
	}
	for _, err = range plinth.Each[narrower](ctx, q, d.List) {
		is(t, err, plinth.ErrScan)
	}
	_, err = plinth.One[int](ctx, q, d.Get, 1)
	is(t, err, plinth.ErrScan) // four columns into one value
	equal(t, "items, by the next statement", must[int](t)(plinth.One[int](ctx, q, d.Count)), 3)
}

func textIntoInt(t *testing.T, d *db, q verbs) {
	type wrong struct {
		ID, Name, N int64
		Note        *string
	}
	_, err := plinth.One[wrong](t.Context(), q, d.Get, 1)
	if e := failure(t, err, plinth.ErrScan); e.Column != "name" {
		t.Errorf("Column %q, want name", e.Column)
	}
	r := must[*plinth.Rows](t)(q.Query(t.Context(), d.Get, 1))
	equal(t, "Next", r.Next(), true)
	var id, n, name int
	var note *string
	is(t, r.Scan(&id, &name, &n, &note), plinth.ErrScan)
	ok(t, r.Scan(&id, new(string), &n, &note)) // the row is still there
	ok(t, r.Close())
}

func integerTooLarge(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	done(t)(q.Execute(ctx, d.Add, 300, 1))
	row := must[plinth.Row](t)(q.FetchOne(ctx, d.Get, 1))
	_, err := plinth.Get[int8](row, "n")
	is(t, err, plinth.ErrScan)
	_, err = plinth.Get[uint8](row, "n")
	is(t, err, plinth.ErrScan)
	equal(t, "as an int16", must[int16](t)(plinth.Get[int16](row, "n")), 300)
}

// upper is a sql.Scanner.
type upper string

// Scan reads text in upper case.
func (u *upper) Scan(v any) error {
	s, isText := v.(string)
	if !isText {
		return errors.New("upper takes text only")
	}
	*u = upper(strings.ToUpper(s))
	return nil
}

func structFeatures(t *testing.T, d *db, q verbs) {
	type Key struct{ ID int64 }
	type tagged struct {
		Key
		Title  upper  `db:"name"`
		Number *int64 `db:"n"`
		Note   sql.Null[upper]
		Later  string `db:"-"`
		Maybe  string `db:"maybe,optional"`
	}
	done(t)(q.Execute(t.Context(), d.Insert, 4, "four", 44, "note"))
	got := must[tagged](t)(plinth.One[tagged](t.Context(), q, d.Get, 4))
	equal(t, "number", *got.Number, 44)
	got.Number = nil
	equal(t, "the rest", got, tagged{Key: Key{4}, Title: "FOUR", Note: sql.Null[upper]{V: "NOTE", Valid: true}})
}

func unreadableRow(t *testing.T, d *db, q verbs) {
	ctx := t.Context()
	done(t)(q.Execute(ctx, d.Insert, 4, "four", 0, "x"))
	type strict struct {
		ID, N      int64
		Name, Note string
	}
	_, err := plinth.All[strict](ctx, q, d.List)
	is(t, err, plinth.ErrScan)
	var read int
	for _, err = range plinth.Each[strict](ctx, q, d.List) {
		read++
	}
	is(t, err, plinth.ErrScan)
	equal(t, "elements of the loop", read, 1)
	done(t)(q.Execute(ctx, d.Add, 1, 1))
}

// bomb is a sql.Scanner that panics.
type bomb struct{}

// Scan panics.
func (*bomb) Scan(any) error { panic("bomb") }

func scannerPanics(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	for range 3 {
		equal(t, "One panics with", panics(func() { _, _ = plinth.One[bomb](t.Context(), d, d.Count) }), "bomb")
		equal(t, "All panics with", panics(func() { _, _ = plinth.All[bomb](t.Context(), d, d.Count) }), "bomb")
		equal(t, "Each panics with", panics(func() {
			for _, err := range plinth.Each[bomb](t.Context(), d, d.Count) {
				t.Errorf("an element with error %v", err)
			}
		}), "bomb")
	}
	d.idle(t)
}

func scanErrorShowsNoValue(t *testing.T, d *db, q verbs) {
	const secret = "4111-1111-1111-1111"
	done(t)(q.Execute(t.Context(), d.Insert, 4, secret, 0, secret))
	type wrong struct{ ID, Name, N, Note int64 }
	_, err := plinth.One[wrong](t.Context(), q, d.Get, 4)
	is(t, err, plinth.ErrScan)
	if strings.Contains(err.Error(), "4111") {
		t.Errorf("error %q shows the value", err)
	}
}
