package plinthtest

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
)

// adminTime bounds the making and the dropping of a database. It's long for the sake of a busy server.
const adminTime = time.Minute

// SQLite returns the URL of a database file that doesn't exist yet, in a folder that is removed with the test.
func SQLite(t testing.TB) string {
	t.Helper()
	return config.Config{Engine: config.SQLite, Database: filepath.Join(t.TempDir(), "test.db")}.URL().Reveal()
}

// Database makes an empty database beside the one that adminURL names, and returns its URL, which is adminURL's but for the
// name. When the test ends the database is dropped, whoever still uses it. The user of adminURL must have the right to
// create databases. open is the driver's Open, so that a test links only the driver it uses:
//
//	url := plinthtest.Database(t, postgres.Open, os.Getenv("TEST_DATABASE_URL"))
//
// The test ends if that fails. It knows PostgreSQL (13 or newer), MariaDB, and SQLite, where it's the same as SQLite. In MariaDB
// the sessions of other users can only be ended by a user who has the right CONNECTION ADMIN; without it the drop waits for
// their transactions.
func Database(t testing.TB, open func(context.Context, ...plinth.Options) (*plinth.Engine, error), adminURL string) string {
	t.Helper()
	c, err := config.Parse(adminURL)
	switch {
	case err != nil:
		t.Fatalf("plinthtest: the URL of the server for test databases: %v", err)
	case c.Engine == config.SQLite:
		return SQLite(t)
	case c.Engine != config.PostgreSQL && c.Engine != config.MariaDB:
		t.Fatalf("plinthtest: Database doesn't know how to make a database of %s", c.Engine)
	}
	admin := func(do func(context.Context, *plinth.Engine) error) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), adminTime)
		defer cancel()
		e, err := open(ctx, plinth.Options{URL: adminURL})
		if err != nil {
			return err
		}
		defer e.Close(ctx)
		return do(ctx, e)
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := admin(func(ctx context.Context, e *plinth.Engine) error { return createDatabase(ctx, e, name) }); err != nil {
		t.Fatalf("plinthtest: %v", err)
	}
	t.Cleanup(func() {
		if err := admin(func(ctx context.Context, e *plinth.Engine) error { return dropDatabase(ctx, e, name) }); err != nil {
			t.Errorf("plinthtest: %v", err)
		}
	})
	c.Database = name
	return c.URL().Reveal()
}

func createDatabase(ctx context.Context, e *plinth.Engine, name string) error {
	statement := "create database " + name
	if e.Name() == "mariadb" {
		statement += " character set utf8mb4" // whatever the server's default is
	}
	_, err := e.Execute(ctx, statement)
	return err
}

// dropDatabase drops a database, and ends the sessions in it.
func dropDatabase(ctx context.Context, e *plinth.Engine, name string) error {
	if e.Name() != "mariadb" {
		_, err := e.Execute(ctx, "drop database if exists "+name+" with (force)")
		return err
	}
	return e.With(ctx, func(conn *plinth.Conn) error {
		if _, err := conn.Execute(ctx, "set lock_wait_timeout = 1"); err != nil {
			return err
		}
		for {
			if err := endSessions(ctx, conn, name); err != nil {
				return err
			}
			_, err := conn.Execute(ctx, "drop database if exists "+name)
			if !errors.Is(err, plinth.ErrLocked) || ctx.Err() != nil { // else a new session was quicker
				return err
			}
		}
	})
}

// endSessions ends MariaDB's sessions in a database, but for those that it isn't allowed to.
func endSessions(ctx context.Context, conn *plinth.Conn, database string) error {
	ids, err := plinth.All[int64](ctx, conn, "select id from information_schema.processlist where db = ?", database)
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := conn.Execute(ctx, "kill "+strconv.FormatInt(id, 10)) // it takes no placeholder
		e, _ := errors.AsType[*plinth.Error](err)
		const gone, denied = "1094", "1095"
		if err != nil && (e == nil || e.Code != gone && e.Code != denied) {
			return err
		}
	}
	return nil
}
