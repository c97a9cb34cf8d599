package questions_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/sqlite"
)

// engine is one that is asked.
type engine struct {
	name   string
	script string                            // Chinook's for this database
	names  []string                          // the scripts that bring that one's names to those of the questions
	first  string                            // what the excerpt needs
	open   func(t *testing.T) *plinth.Engine // on an empty database
}

func engines() []engine {
	return []engine{
		{
			name: "sqlite", script: "Chinook_Sqlite.sql", names: []string{"testdata/names.sql"},
			open: func(t *testing.T) *plinth.Engine {
				return opened(t, sqlite.Open, "sqlite:"+filepath.Join(t.TempDir(), "chinook.db"))
			},
		},
		{
			name: "postgres", script: "Chinook_PostgreSql.sql", first: "create domain datetime as timestamp",
			open: func(t *testing.T) *plinth.Engine { return opened(t, postgres.Open, servers.Postgres(t).Database(t)) },
		},
		{
			name: "mariadb", script: "Chinook_MySql.sql", names: []string{"testdata/names_mariadb.sql", "testdata/names.sql"},
			open: func(t *testing.T) *plinth.Engine { return opened(t, mariadb.Open, servers.MariaDB(t).Database(t)) },
		},
	}
}

func opened(
	t *testing.T, open func(context.Context, ...plinth.Options) (*plinth.Engine, error), url string,
) *plinth.Engine {
	t.Helper()
	e, err := open(t.Context(), plinth.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	suite.CloseWith(t, e)
	return e
}

// dataset is what the questions are about.
type dataset struct {
	name   string
	folder string // of Chinook's scripts; "" for the excerpt
}

// datasets are the excerpt, which lies beside the questions, and all of Chinook where PLINTH_CHINOOK names the folder of
// https://github.com/lerocha/chinook-database's scripts.
func datasets() []dataset {
	return []dataset{{name: "excerpt"}, {name: "whole", folder: os.Getenv("PLINTH_CHINOOK")}}
}

func (d dataset) answers() string { return filepath.Join("testdata", d.name+".json") }

func (d dataset) skipIfAbsent(t *testing.T) {
	if d.name == "whole" && d.folder == "" {
		t.Skip("PLINTH_CHINOOK doesn't name the folder with Chinook's scripts")
	}
}

// load runs the data's scripts.
func (d dataset) load(t *testing.T, eng engine, e *plinth.Engine) {
	t.Helper()
	if d.name == "excerpt" {
		run(t, e, eng.first)
		run(t, e, text(t, "testdata/excerpt.sql"))
		return
	}
	script := text(t, filepath.Join(d.folder, eng.script))
	at := strings.Index(script, "CREATE TABLE") // after what makes the database, which we have
	if at < 0 {
		t.Fatalf("%s has no CREATE TABLE", eng.script)
	}
	run(t, e, script[at:])
	for _, names := range eng.names {
		run(t, e, text(t, names))
	}
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func run(t *testing.T, e *plinth.Engine, script string) {
	t.Helper()
	if err := e.ExecuteScript(t.Context(), strings.NewReader(script)); err != nil {
		t.Fatal(err)
	}
}
