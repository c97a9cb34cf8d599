package plinth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/retry"
)

// TestAnErrorsLogLeavesOutWhatTheDatabaseSays, which may quote a value of the caller's.
func TestAnErrorsLogLeavesOutWhatTheDatabaseSays(t *testing.T) {
	t.Parallel()
	quotes := errors.New("Key (email)=(secret@example.org) exists")
	full := plinth.Error{
		Kind: plinth.ErrUnique, Op: "execute", Target: "db/shop", Statement: "insert into users values (?)", Code: "23505", Constraint: "users_pkey",
		Table: "users", Column: "email", Position: 7, Row: 3, Hint: "look", Attempts: make([]retry.Attempt, 2), Err: quotes,
	}
	for name, c := range map[string]struct {
		err  plinth.Error
		want string
	}{
		"the database's own": {full, "err.kind=\"unique constraint\" err.op=execute err.target=db/shop err.statement=\"insert into users values (?)\" err.code=23505 " +
			"err.constraint=users_pkey err.table=users err.column=email err.hint=look err.position=7 err.row=3 err.attempts=2"},
		"without a code, but wrapped": {plinth.Error{Kind: plinth.ErrUnavailable, Err: fmt.Errorf("lost: %w", quotes)}, "err.kind=unavailable"},
		"a hook's":                    {plinth.Error{Kind: plinth.ErrVetoed, Err: quotes}, "err.kind=\"vetoed by a hook\""},
		"Plinth's own words":          {plinth.Error{Kind: plinth.ErrArgument, Err: errors.New("no")}, "err.kind=\"wrong argument\" err.detail=no"},
		"a kind alone":                {plinth.Error{Kind: plinth.ErrNotFound}, "err.kind=\"not found\""},
	} {
		var out strings.Builder
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey {
				return slog.Attr{}
			}
			return a
		}}))
		log.Info("", "err", &c.err)
		if got := strings.TrimSpace(out.String()); got != c.want {
			t.Errorf("%s: logged as %q, want %q", name, got, c.want)
		}
	}
}

func TestAnErrorsTextNamesWhatTheServerTold(t *testing.T) {
	t.Parallel()
	native := errors.New("native")
	for want, e := range map[string]plinth.Error{
		"users_pkey on users.email":   {Constraint: "users_pkey", Table: "users", Column: "email", Err: native},
		"(users.email)":               {Table: "users", Column: "email", Err: native},
		"(email)":                     {Column: "email", Err: native},
		"(users_pkey)":                {Constraint: "users_pkey"},
		"row 3: ":                     {Row: 3},
		" at character 7":             {Position: 7},
		"execute insert on db/shop: ": {Op: "execute", Statement: "insert", Target: "db/shop"},
		": native [postgres 23505]; look at this": {Engine: "postgres", Code: "23505", Err: native, Hint: "look at this"},
	} {
		e.Kind = plinth.ErrUnique
		if got := e.Error(); !strings.Contains(got, want) {
			t.Errorf("%q doesn't say %q", got, want)
		}
	}
	if got := (&plinth.Error{Kind: plinth.ErrUnique, Constraint: "users_pkey", Err: errors.New("of users_pkey")}).Error(); strings.Count(got, "users_pkey") != 1 {
		t.Errorf("it's named twice in %q", got)
	}
	long := plinth.Error{Op: "query", Statement: strings.Repeat("ä", 1000), Kind: plinth.ErrSyntax}
	if got := long.Error(); len(got) > 200 || !utf8.ValidString(got) || !strings.Contains(got, "ä…") {
		t.Errorf("a long statement is shown as %q", got)
	}
}

func TestAFailedCallsErrorNamesItsStatementWithoutItsLiterals(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	for name, call := range map[string]func(ctx context.Context) error{
		"statement": func(ctx context.Context) error {
			_, err := db.Execute(ctx, "insert into t values (1, 777)")
			return err
		},
		"arguments": func(ctx context.Context) error {
			_, err := db.Execute(ctx, "insert into t values (777, ?)")
			return err
		},
	} {
		e, ok := errors.AsType[*plinth.Error](call(t.Context()))
		if !ok || !strings.Contains(e.Statement, "insert into t values (…)") || strings.Contains(e.Statement, "777") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
