package plinthtest

import (
	"context"
	"crypto/rand"
	"path/filepath"
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
// The test ends if that fails. It knows PostgreSQL (13 or newer), and SQLite, where it's the same as SQLite.
func Database(t testing.TB, open func(context.Context, ...plinth.Options) (*plinth.Engine, error), adminURL string) string {
	t.Helper()
	c, err := config.Parse(adminURL)
	switch {
	case err != nil:
		t.Fatalf("plinthtest: the URL of the server for test databases: %v", err)
	case c.Engine == config.SQLite:
		return SQLite(t)
	case c.Engine != config.PostgreSQL:
		t.Fatalf("plinthtest: Database doesn't know how to make a database of %s", c.Engine)
	}
	admin := func(statement string) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), adminTime)
		defer cancel()
		e, err := open(ctx, plinth.Options{URL: adminURL})
		if err != nil {
			return err
		}
		defer e.Close(ctx)
		_, err = e.Execute(ctx, statement)
		return err
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := admin("create database " + name); err != nil {
		t.Fatalf("plinthtest: %v", err)
	}
	t.Cleanup(func() {
		if err := admin("drop database if exists " + name + " with (force)"); err != nil {
			t.Errorf("plinthtest: %v", err)
		}
	})
	c.Database = name
	return c.URL().Reveal()
}
