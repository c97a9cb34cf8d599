package cli

import (
	"context"
	"strings"
	"time"

	"github.com/plinthdb/plinth"
)

type queryCmd struct {
	Format    string   `name:"output" short:"o" enum:"table,vertical,csv,json,jsonl,markdown" default:"table" placeholder:"FORMAT" help:"One of ${enum}. Default: table."`
	Text      bool     `help:"Bind every ARG as text."`
	Statement string   `arg:"" name:"STATEMENT" help:"One statement, with a ? or a :name for each ARG."`
	Args      []string `arg:"" optional:"" name:"ARG" help:"${arg_help}"`
}

// Help is what kong prints below the usage.
func (queryCmd) Help() string {
	return `The rows are printed as they come; only table holds back the first 1,000, to find the widths of its columns.

  plinth query 'select * from track'
  plinth query -o json 'select count(*) as n from track where ms > ?' 300000
  plinth query -o csv 'select * from track' > track.csv
  plinth query --text 'select * from item where code = ?' 007
  plinth query 'select ? + ?' 5 -7
  plinth query 'select * from track where ms < :max' max=300000
  plinth query 'select * from track where id in (?)' '[1,2,3]'
  plinth query 'db.track.find({ms: {$lt: :max}, id: {$in: :ids}})' max=300000 ids='[1,2,3]'

How values are printed:

  NULL     as NULL in table, vertical and markdown, as an empty field in csv, as null in json and jsonl
  numbers  with all their digits, in json too: some readers of JSON round integers beyond 2^53;
           those of a floating-point type always with a fraction or an exponent: 1.0
  bytes    as \x and hexadecimal digits; in json as base64, as Go's encoding/json does
  times    as RFC 3339
  text     as it is; but table, vertical and markdown show control characters as \n, \t, \x1b

json is one array with an object a row, jsonl an object a line; the columns are in the order of the result.

MongoDB's documents are printed as relaxed Extended JSON in json and jsonl. The other formats have the keys of all of them,
for which all are read first.`
}

// flushEvery is how long rows may wait in the output's buffer while others come.
const flushEvery = 100 * time.Millisecond

// Run prints the rows of a statement.
func (q *queryCmd) Run(ctx context.Context, a *app) error {
	if err := checkStatement(q.Statement); err != nil {
		return err
	}
	return a.engine(ctx, existing, func(db *plinth.Engine) error {
		_, args, err := prepare(db, q.Statement, q.Args, q.Text)
		if err != nil {
			return err
		}
		rows, err := db.Query(ctx, q.Statement, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		if db.Name() == "mongodb" {
			return a.printDocuments(rows, q.Format)
		}
		return a.print(rows, newWriter(q.Format, a.out))
	})
}

// print prints all rows.
func (a *app) print(rows *plinth.Rows, w writer) error {
	if err := w.Columns(rows.Columns()); err != nil {
		return err
	}
	flushed, n := time.Now(), 0
	for ; rows.Next(); n++ {
		if err := w.Row(rows.Row().Values()); err != nil {
			return err
		}
		if time.Since(flushed) > flushEvery {
			if err := a.out.Flush(); err != nil {
				return err
			}
			flushed = time.Now()
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	_, vertical := w.(*verticalWriter)
	switch {
	case len(rows.Columns()) == 0:
		a.note("no rows: the statement returns none; rows affected: %d", rows.Result().RowsAffected)
		if _, table := w.(*tableWriter); table {
			return nil
		}
	case vertical && n == 0: // which would print nothing at all
		a.note("(0 rows)")
	}
	return w.Close()
}

// checkStatement finds out early what isn't even a statement.
func checkStatement(s string) error {
	const hint = "put it in quotes, before its arguments: 'select ?' 1"
	switch {
	case strings.Trim(s, "; \t\r\n") == "":
		return usagef(hint, "the statement is empty")
	case strings.HasPrefix(s, negative):
		return usagef(hint, "%s is in the place of the statement", strings.TrimPrefix(s, negative))
	}
	return nil
}
