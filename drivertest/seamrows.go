package drivertest

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

func seamRowsCases() []testCase {
	return []testCase{
		{name: "Query returns when the first row or the end is there, so what fails until then is its error", run: queryWaits},
		{name: "Next gives io.EOF at the end, and again", run: nextGivesEOF},
		{name: "Close may be called twice, half-read or at the end", run: closeTwice},
		{name: "a write that returns rows tells its result, whether or not they were read", run: resultOfReturning},
		{name: "columns have names, also twice the same", run: columnsHaveNames},
		{name: "values own their memory", run: valuesOwnMemory},
		{name: "values are of the kinds that the harness promises", run: kindsOfValues},
		{name: "a context that ends between rows is a fault of the phase fetch", run: fetchCancelled},
		{name: "Close works when the context has ended", run: closeWithEndedContext},
	}
}

func queryWaits(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
	if b.Returning != "" {
		_, err := sess.Query(t.Context(), b.request(t, b.Returning, 1, "again", 0, nil))
		isFault(t, err, driver.Unique)
	}
	if b.UndefinedTable != "" {
		_, err := sess.Query(t.Context(), b.request(t, b.UndefinedTable))
		isFault(t, err, driver.Undefined)
	}
	if b.Slow != "" {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		_, err := sess.Query(ctx, b.request(t, b.Slow)) // its first row never comes
		isFault(t, err, driver.Timeout)
	}
}

func nextGivesEOF(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	for _, n := range []int{0, 1, 2} {
		r := b.query(t, sess, b.List)
		for i := range n {
			vals, err := r.Next(t.Context())
			ok(t, err)
			equal(t, "id", vals[0].Int64(), int64(i+1))
		}
		for range 3 {
			if _, err := r.Next(t.Context()); err != io.EOF { //nolint:errorlint // itself, says the contract
				t.Errorf("after %d rows: error %v, want io.EOF", n, err)
			}
		}
		_, err := r.Close(t.Context())
		ok(t, err)
		b.execute(t, sess, b.Insert, n+1, name(n+1), 0, nil)
	}
}

func closeTwice(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
	b.execute(t, sess, b.Insert, 2, "two", 0, nil)
	for n := range 4 {
		r := b.query(t, sess, b.List)
		for range n {
			if _, err := r.Next(t.Context()); err != nil && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
		}
		for range 2 {
			if _, err := r.Close(t.Context()); err != nil {
				t.Errorf("Close after %d rows: %v", n, err)
			}
		}
		b.execute(t, sess, b.Add, 1, 1)
	}
}

func resultOfReturning(t *testing.T, s *suite) {
	s.need(t, "Returning", s.Statements.Returning)
	b, sess := s.ready(t)
	for id, read := range []int{0, 1, 2} {
		r := b.query(t, sess, b.Returning, id, name(id), 0, nil)
		for range read {
			if _, err := r.Next(t.Context()); err != nil && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
		}
		for range 2 {
			res, err := r.Close(t.Context())
			ok(t, err)
			equal(t, "rows affected", res.RowsAffected, 1)
		}
	}
	equal(t, "rows", len(b.all(t, b.query(t, sess, b.List))), 3)
}

func columnsHaveNames(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	b.execute(t, sess, b.Insert, 1, "one", 0, nil) // documents have keys, results have none
	check := func(want []string, text string, args ...any) {
		t.Helper()
		if text == "" {
			return
		}
		r := b.query(t, sess, text, args...)
		var got []string
		for _, c := range r.Columns() {
			got = append(got, c.Name)
		}
		equal(t, "columns of "+text, got, want)
		_, err := r.Close(t.Context())
		ok(t, err)
	}
	for range 2 { // the second time a statement may come from a cache
		check([]string{"id", "name", "n", "note"}, b.List)
		check([]string{"id", "name", "n", "note"}, b.Get, 1)
		check([]string{"n"}, b.Count)
		check([]string{"a", "b", "a"}, b.Duplicate)
	}
	check([]string{"id", "name", "n", "note"}, b.Returning, 2, "two", 0, nil)
}

func valuesOwnMemory(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	const n = 50
	for i := range n {
		b.execute(t, sess, b.Insert, i, name(i), i, name(-i))
	}
	r := b.query(t, sess, b.List)
	var kept [][]driver.Value
	for {
		vals, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		ok(t, err)
		kept = append(kept, append([]driver.Value{}, vals...))
	}
	_, err := r.Close(t.Context())
	ok(t, err)
	b.execute(t, sess, b.Add, 1, 1)
	b.all(t, b.query(t, sess, b.List))
	sess.Release(driver.Destroy)
	runtime.GC()
	equal(t, "rows", len(kept), n)
	for i, row := range kept {
		if row[0].Int64() != int64(i) || row[1].Text() != name(i) || row[3].Text() != name(-i) {
			t.Errorf("row %d has become %v %q %q", i, row[0].Int64(), row[1].Text(), row[3].Text())
		}
	}
}

func kindsOfValues(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	samples := map[Family]any{
		Int: 7, Float: 1.5, Text: "text", Bytes: []byte{0, 1}, Bool: true, Time: time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC),
		Date: time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), Decimal: driver.Decimal("1.5"),
		UUID: "f47ac10b-58cc-4372-a567-0e02b2c3d479", JSON: `{"a":1}`,
	}
	id := 0
	for family, store := range b.Store {
		id++
		b.execute(t, sess, store.Insert, id, samples[family])
		r := b.query(t, sess, store.Select, id)
		vals, err := r.Next(t.Context())
		ok(t, err)
		if got := vals[0].Kind(); got != store.Kind {
			t.Errorf("a value of the family %s is read as %s, want %s", family, got, store.Kind)
		}
		_, err = r.Close(t.Context())
		ok(t, err)
	}
}

func fetchCancelled(t *testing.T, s *suite) {
	s.need(t, "Series", s.Statements.Series)
	b, sess := s.ready(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := must[driver.Rows](t)(sess.Query(ctx, b.request(t, b.Series, 1_000_000, "x")))
	_, err := r.Next(ctx)
	ok(t, err)
	cancel()
	err = soon(t, func() error {
		for {
			if _, err := r.Next(ctx); err != nil {
				return err
			}
		}
	})
	f := fault(t, err, driver.Canceled)
	if f.Phase != driver.Fetch || f.Verdict != driver.Never {
		t.Errorf("the fault is %+v", f)
	}
	_ = soon(t, func() error { _, err := r.Close(ctx); return err })
	if f.Evict {
		sess.Release(driver.Destroy)
		sess = b.acquire(t, driver.Need{})
	}
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
}

func closeWithEndedContext(t *testing.T, s *suite) {
	s.need(t, "Series", s.Statements.Series)
	b, sess := s.ready(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := must[driver.Rows](t)(sess.Query(ctx, b.request(t, b.Series, 1_000_000, "x")))
	cancel()
	err := soon(t, func() error { _, err := r.Close(ctx); return err })
	var f *driver.Fault
	if errors.As(err, &f) && f.Evict {
		sess.Release(driver.Destroy)
		sess = b.acquire(t, driver.Need{})
	}
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
}
