package stdsql_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrations returns the first n of the migrations.
func migrations(t *testing.T, db *database, n int) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"00001_stay.sql", "00002_index.sql", "00003_wrong.sql"}[:n] {
		text, err := os.ReadFile("testdata/migrations/" + name)
		ok(t, err)
		if db.engine.Name() == "mariadb" {
			text = bytes.ReplaceAll(text, []byte("DROP INDEX stay_nights"), []byte("DROP INDEX stay_nights ON stay"))
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	return files
}

func newProvider(t *testing.T, db *database, files fstest.MapFS, opts ...goose.ProviderOption) *goose.Provider {
	t.Helper()
	dialects := map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "postgres": goose.DialectPostgres, "mariadb": goose.DialectMySQL}
	p, err := goose.NewProvider(dialects[db.engine.Name()], db.DB, files, opts...)
	ok(t, err)
	return p
}

func TestGooseMigrates(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		ctx := t.Context()
		p := newProvider(t, db, migrations(t, db, 2))
		done, err := p.Up(ctx)
		ok(t, err)
		if len(done) != 2 {
			t.Errorf("%d migrations were run, want 2", len(done))
		}
		if name := one[string](t, db, "SELECT name FROM guest"); name != "Anna; who came first" {
			t.Errorf("name %q", name)
		}

		db.failures()
		again := newProvider(t, db, migrations(t, db, 2)) // which finds out by itself that there's nothing to do
		done, err = again.Up(ctx)
		ok(t, err)
		if failed := db.failures(); len(done) != 0 || len(failed) != 0 {
			t.Errorf("a second time %d migrations were run, and %v failed", len(done), failed)
		}
		status, err := again.Status(ctx)
		ok(t, err)
		for _, s := range status {
			if s.State != goose.StateApplied || time.Since(s.AppliedAt).Abs() > 15*time.Hour { // PostgreSQL's has no zone
				t.Errorf("%s: %s at %s", s.Source.Path, s.State, s.AppliedAt)
			}
		}

		wrong := newProvider(t, db, migrations(t, db, 3))
		if _, err := wrong.Up(ctx); !errors.Is(err, plinth.ErrUndefined) {
			t.Errorf("a migration that can't run: %v, want ErrUndefined", err)
		}
		if n := one[int](t, db, "SELECT count(*) FROM guest"); n != 1 {
			t.Errorf("%d guests, want what was before the migration that failed", n)
		}
		version, err := wrong.GetDBVersion(ctx)
		if version != 2 || err != nil {
			t.Errorf("version %d, %v; want 2", version, err)
		}

		_, err = again.DownTo(ctx, 0)
		ok(t, err)
		if _, err := db.ExecContext(ctx, "SELECT * FROM guest"); !errors.Is(err, plinth.ErrUndefined) {
			t.Errorf("after Down: %v, want ErrUndefined", err)
		}
	})
}

func TestGooseLocksItsSession(t *testing.T) {
	db := onPostgres(t)
	locker, err := lock.NewPostgresSessionLocker()
	ok(t, err)
	errs := make(chan error, 3)
	for range cap(errs) {
		p := newProvider(t, db, migrations(t, db, 2), goose.WithSessionLocker(locker))
		go func() {
			_, err := p.Up(t.Context())
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := one[int](t, db, "SELECT count(*) FROM goose_db_version"); n != 3 {
		t.Errorf("%d versions are noted, want 3", n)
	}
	if n := one[int](t, db, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database =
		(SELECT oid FROM pg_database WHERE datname = current_database())`); n != 0 {
		t.Errorf("%d locks are left", n)
	}
}
