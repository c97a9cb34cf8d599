package plinthtest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/sqlite"
)

func TestEveryTestHasItsOwnSQLiteDatabase(t *testing.T) {
	t.Parallel()
	var paths []string
	t.Run("a test", func(t *testing.T) {
		beside := plinthtest.Database(t, sqlite.Open, "sqlite:app.db")
		for _, url := range []string{plinthtest.SQLite(t), plinthtest.SQLite(t), beside} {
			db, err := sqlite.Open(t.Context(), plinth.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Execute(t.Context(), "create table t (n int)"); err != nil { // fails where it's there
				t.Error(err)
			}
			db.Close(t.Context())
			c, err := config.Parse(url)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(c.Database); err != nil {
				t.Error(err)
			}
			paths = append(paths, c.Database)
		}
	})
	for _, path := range paths {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

func TestDatabaseSaysWhatItCanNotDo(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"mongodb://host/db":               "Database doesn't know how to make a database of mongodb",
		"postgres://u:secret@h:99999999/": "the URL of the server for test databases: ",
	} {
		rec := &recorder{TB: t}
		rec.run(func() { plinthtest.Database(rec, sqlite.Open, url) })
		if !strings.Contains(rec.fatal, want) || strings.Contains(rec.fatal, "secret") {
			t.Errorf("%q, want %q", rec.fatal, want)
		}
	}
}
