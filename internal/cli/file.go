package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
)

// access says what becomes of an SQLite file that doesn't exist.
type access bool

const (
	existing access = false // it's an error, so that a mistyped name isn't an empty database
	create   access = true
)

// configure has SQLite open only files that exist, unless the URL says otherwise, and notes which file exec would create.
func (a *app) configure(how access) func(*config.Config) {
	return func(c *config.Config) {
		if how == create || c.Engine != config.SQLite || c.ReadOnly || c.Database == "" || c.Database == ":memory:" {
			return
		}
		for _, own := range []string{"mode", "vfs"} {
			if _, ok := c.Params.Get(own); ok {
				return
			}
		}
		c.Params = c.Params.Set("mode", "rw")
		_, ferr := os.Stat(c.Database)
		_, derr := os.Stat(filepath.Dir(c.Database))
		if errors.Is(ferr, fs.ErrNotExist) && derr == nil {
			a.missing = c.Database
		}
	}
}

// explain returns the error of a database that can't be opened because its file isn't there in words that say so.
func (a *app) explain(err error) error {
	e, ok := errors.AsType[*plinth.Error](err)
	if !ok || e.Kind != plinth.ErrUnavailable || a.missing == "" {
		return err
	}
	plain := *e
	plain.Code, plain.Err = "", errors.New("the file "+a.missing+" doesn't exist")
	plain.Hint = "plinth exec creates it; if it should be there, look at the name and the working directory"
	if other := a.meant(); other != "" && a.Database == "" && "sqlite:"+a.missing == DefaultURL {
		plain.Hint = other
	}
	return &plain
}

// meant says how to come to the server that the environment names, where no database is named and so the default is used. The
// variables of libpq and its like fill what a URL leaves out, but don't choose the database: they may be there for another
// program.
func (a *app) meant() string {
	for _, of := range []struct{ scheme, names string }{
		{"postgres", "PGHOST PGDATABASE PGSERVICE PGPORT PGUSER"},
		{"mariadb", "MYSQL_HOST MYSQL_UNIX_PORT MYSQL_TCP_PORT MARIADB_DATABASE MYSQL_DATABASE MARIADB_USER MYSQL_USER"},
	} {
		for name := range strings.FieldsSeq(of.names) {
			if value, ok := a.env(name); ok && value != "" {
				return fmt.Sprintf("no database was named. %s is set: for that server write -d %s://, or DATABASE_URL=%[2]s:// in the environment", name, of.scheme)
			}
		}
	}
	return ""
}
