package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/plinthdb/plinth"
)

type execCmd struct {
	File   string   `short:"f" type:"string" placeholder:"FILE" help:"Run a script of any size, - for standard input."`
	Single bool     `name:"single-transaction" short:"1" help:"With -f: all of the script or nothing of it, in one transaction."`
	Text   bool     `help:"Bind every ARG as text."`
	What   string   `arg:"" optional:"" name:"STATEMENT" help:"One statement, with a ? or a :name for each ARG."`
	Args   []string `arg:"" optional:"" name:"ARG" help:"${arg_help}"`
}

// Help is what kong prints below the usage.
func (execCmd) Help() string {
	return `Examples:

  plinth exec 'update item set price = price * ? where code = ?' 1.1 pear
  plinth exec 'update item set price = :p where code = :c' p=1.1 c=pear
  plinth exec 'delete from item where code in (?)' '["pear","fig"]'
  plinth exec -f schema.sql
  plinth exec -1 -f import.sql
  pg_dump … | plinth exec -f -

An SQLite file that doesn't exist is created. INSERT, UPDATE and DELETE print how many rows they affected, other
statements print done. Rows that are returned are not shown, in scripts neither: that is what plinth query is for.

A script runs statement by statement as it is read, on one connection, and
stops at the first error, which is told with its line and column. BEGIN and COMMIT in a script make a transaction; a script
that ends inside one is rolled back, and that is an error. What is outside of a transaction stays, so -1 is what you
want for a script that can't be run twice. SAVEPOINT, RELEASE and ROLLBACK TO are not supported in scripts.

Of what psql takes for itself a script for PostgreSQL may have the rows of COPY … FROM stdin, as pg_dump writes
them; \connect DATABASE, which goes on in another database of the same server; \echo, \quit, \restrict and
\set ON_ERROR_STOP.

A script for MongoDB holds statements as mongosh has them, and database commands. Each ends with a semicolon or with its line.`
}

// Run runs a statement or a script.
func (e *execCmd) Run(ctx context.Context, a *app) error {
	switch {
	case e.File != "" && e.What != "":
		return usagef("a script takes no arguments; put its name behind -f and nothing else", "a script and a statement were given")
	case e.File != "":
		return e.script(ctx, a)
	case e.What == "":
		return usagef("plinth exec 'STATEMENT', or plinth exec -f FILE", "there is neither a statement nor a script to run")
	case e.Single, e.What == negative+"-1":
		return usagef("one statement is applied wholly or not at all by itself", "--single-transaction is for scripts (-f)")
	}
	if err := checkStatement(e.What); err != nil {
		return err
	}
	return a.engine(ctx, create, func(db *plinth.Engine) error {
		stmt, args, err := prepare(db, e.What, e.Args, e.Text)
		if err != nil {
			return err
		}
		result, err := db.Execute(ctx, e.What, args...)
		if err != nil {
			return err
		}
		switch {
		case stmt == nil, counts(stmt.Verb), result.RowsAffected > 0:
			fmt.Fprintf(a.out, "rows affected: %d\n", result.RowsAffected)
		case !answers(stmt):
			fmt.Fprintln(a.out, "done")
		}
		if result.LastInsertID != 0 {
			fmt.Fprintf(a.out, "last insert id: %d\n", result.LastInsertID)
		}
		err = a.out.Flush()
		if stmt != nil && answers(stmt) {
			a.note("the rows that it returned were thrown away; plinth query prints them")
		}
		return err
	})
}

// script runs a script.
func (e *execCmd) script(ctx context.Context, a *app) error {
	in, name, size, err := openInput(ctx, a, e.File)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	var bar progress
	if isTerminal(a.stderr) && size > 0 {
		bar = newProgress(a.stderr, size)
	}
	start := time.Now()
	s := &script{name: name, in: in, out: a.out, single: e.Single, progress: bar}
	err = s.run(ctx, func(database string, fn func(*plinth.Engine) error) error {
		return a.engineOf(ctx, create, database, fn)
	})
	bar.finish()
	switch {
	case err != nil:
		return err
	case s.ran == 0:
		a.note("%s holds no statement", name)
	default:
		a.note("%s in %v", count(s.ran, "statement"), round(time.Since(start)))
	}
	return nil
}
