package drivertest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

func errorCases() []testCase {
	return []testCase{
		{name: "a violated constraint has its kind and says where", run: violations},
		{name: "a violated constraint in a savepoint", run: violationInSavepoint},
		{name: "what isn't a statement is ErrSyntax", run: syntaxError},
		{name: "two statements in one text are refused, and nothing of them is done", run: twoStatements},
		{name: "an unknown table or column is ErrUndefined", run: undefined},
		{name: "a table that exists is ErrExists", run: exists},
		{name: "an error tells operation, engine, target and statement, and shows no value", run: errorTells},
		{name: "the native error is there for errors.As", run: nativeError},
		{name: "a connection is as good as new after an error", run: usableAfterError},
	}
}

func violations(t *testing.T, s *suite) {
	for name, v := range s.Statements.Violations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := s.violated(t)
			_, err := d.Execute(t.Context(), v.Statement, v.Args...)
			e := failure(t, err, v.Kind)
			table := e.Table
			if i := strings.LastIndexByte(table, '.'); !strings.Contains(v.Told.Table, ".") {
				table = table[i+1:]
			}
			equal(t, "where", Where{e.Constraint, table, e.Column}, v.Told)
			_, err = d.FetchAll(t.Context(), v.Statement, v.Args...)
			is(t, err, v.Kind) // as a query it's the same
			if d.count(t) != 2 {
				t.Errorf("there are %d items, want 2", d.count(t))
			}
		})
	}
}

// violated opens a database with the rows that Violation promises.
func (s *suite) violated(t testing.TB) *db {
	d := s.open(t)
	d.items(t, 1, 2)
	for _, v := range s.Statements.Violations {
		if v.Kind == driver.ForeignKey && len(v.Args) == 2 {
			done(t)(d.Execute(t.Context(), v.Statement, 1, 1)) // part 1 of item 1
		}
	}
	return d
}

func violationInSavepoint(t *testing.T, s *suite) {
	s.needSavepoints(t)
	d := s.open(t)
	d.items(t, 1)
	err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		err := tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			done(t)(tx.Execute(ctx, d.Add, 10, 1))
			_, err := tx.Execute(ctx, d.Insert, 1, "again", 0, nil)
			return err
		})
		is(t, err, plinth.ErrUnique)
		done(t)(tx.Execute(ctx, d.Add, 100, 1))
		return nil
	})
	ok(t, err)
	equal(t, "n", d.n(t, 1), 101)
}

func syntaxError(t *testing.T, s *suite) {
	s.need(t, "Syntax", s.Statements.Syntax)
	d := s.open(t)
	_, err := d.Execute(t.Context(), d.Syntax)
	is(t, err, plinth.ErrSyntax)
	_, err = d.Query(t.Context(), d.Syntax)
	is(t, err, plinth.ErrSyntax)
	_, err = d.FetchOne(t.Context(), "")
	if !errors.Is(err, plinth.ErrSyntax) && !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("an empty statement: error %v, want ErrSyntax or ErrArgument", err)
	}
}

func twoStatements(t *testing.T, s *suite) {
	s.need(t, "Two", s.Statements.Two)
	d := s.open(t)
	d.items(t, 1)
	_, err := d.Execute(t.Context(), d.Two)
	if !errors.Is(err, plinth.ErrArgument) && !errors.Is(err, plinth.ErrSyntax) {
		t.Errorf("error %v, want ErrArgument or ErrSyntax", err)
	}
	equal(t, "items", d.count(t), 1)
}

func undefined(t *testing.T, s *suite) {
	d := s.open(t)
	for _, text := range []string{d.UndefinedTable, d.UndefinedColumn} {
		if text != "" {
			_, err := d.FetchAll(t.Context(), text)
			is(t, err, plinth.ErrUndefined)
		}
	}
}

func exists(t *testing.T, s *suite) {
	s.need(t, "CreateOther", s.Statements.CreateOther)
	d := s.open(t)
	done(t)(d.Execute(t.Context(), d.CreateOther))
	_, err := d.Execute(t.Context(), d.CreateOther)
	is(t, err, plinth.ErrExists)
}

func errorTells(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	const secret = "drivertest-secret"
	_, err := d.Execute(t.Context(), d.Insert, 1, secret, 0, secret)
	e := failure(t, err, plinth.ErrUnique)
	equal(t, "Op", e.Op, "execute")
	equal(t, "Engine", e.Engine, d.Name())
	equal(t, "Target", e.Target, d.Target())
	if e.Statement == "" || e.Code == "" || e.Err == nil {
		t.Errorf("Statement %q, Code %q, Err %v: one of them is empty", e.Statement, e.Code, e.Err)
	}
	for _, text := range []string{err.Error(), e.Statement} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows an argument", text)
		}
	}
	equal(t, "Retryable", e.Retryable(), false)
}

func nativeError(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	_, err := d.Execute(t.Context(), d.Insert, 1, "again", 0, nil)
	e := failure(t, err, plinth.ErrUnique)
	if e.Err == nil || !errors.Is(err, e.Err) {
		t.Errorf("the native error %v can't be reached", e.Err)
	}
	var fault *driver.Fault
	if errors.As(err, &fault) {
		t.Errorf("a fault of the seam came out with the error: %#v", fault)
	}
}

func usableAfterError(t *testing.T, s *suite) {
	d := s.open(t, func(o *plinth.Options) { o.Pool.MaxOpenConns = 1 })
	d.items(t, 1)
	for range 3 {
		_, err := d.Execute(t.Context(), d.Insert, 1, "again", 0, nil)
		is(t, err, plinth.ErrUnique)
		if d.Syntax != "" {
			_, err = d.FetchAll(t.Context(), d.Syntax)
			is(t, err, plinth.ErrSyntax)
		}
		equal(t, "items", d.count(t), 1)
	}
	if s := d.Stats(); s.BrokenClosed > 0 {
		t.Errorf("%d connections were closed as broken", s.BrokenClosed)
	}
}
