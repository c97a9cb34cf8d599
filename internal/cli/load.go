package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/plinthdb/plinth"
)

type loadCmd struct {
	File   string  `short:"f" type:"string" required:"" placeholder:"FILE" help:"The file with the rows, - for standard input."`
	Into   string  `placeholder:"NAME" help:"The table, or the collection. Default: the file's name without its ending; a JSON object of arrays names them itself."`
	Format string  `enum:"auto,json,jsonl,csv" default:"auto" placeholder:"FORMAT" help:"One of json, jsonl and csv. Default: by the file's ending, else by how it begins."`
	Null   *string `placeholder:"TEXT" help:"For CSV: fields with this text are NULL. Without it none is; an empty field is an empty text."`
}

// Help is what kong prints below the usage.
func (loadCmd) Help() string {
	return `Examples:

  plinth load -f artist.csv
  plinth load -f tracks.jsonl --into track
  plinth load -f chinook.json
  plinth query -o csv 'select * from item' | plinth -d sqlite:copy.db load -f - --into item --null ''

A file is a JSON array of objects; a JSON object whose values are such arrays, each for the table that its key names; JSONL,
an object a line; or CSV with a line of names. The table has to be there. Its name and the columns' are those of the
file, whatever their case, or in snake case: MediaTypeId goes into media_type_id. The first row says which columns are
loaded; where a later one lacks some they are NULL.

JSON's numbers keep all their digits, objects and arrays within a row become JSON text, and what is text stays text: the
database makes of it what the column holds. Values of MongoDB's Extended JSON ({"$oid": …}, {"$date": …}, {"$numberDecimal": …}),
as mongoexport writes them, are what they stand for.

A table is loaded wholly or not at all, in one transaction, while the file is read; those before it in the file stay. A
row that can't be loaded is told with its line.

In MongoDB a row becomes a document: what is nested stays nested, numbers with a fraction are doubles where that keeps their
digits, and else decimals. The documents before a wrong one stay.`
}

// Run loads a file.
func (c *loadCmd) Run(ctx context.Context, a *app) error {
	in, name, size, err := openInput(ctx, a, c.File)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	var bar progress
	if isTerminal(a.stderr) && size > 0 {
		bar = newProgress(a.stderr, size)
	}
	l := &load{name: name, into: c.Into, null: c.Null, progress: bar}
	start := time.Now()
	if l.src, err = l.open(in, c.Format); err == nil {
		err = a.engine(ctx, existing, func(db *plinth.Engine) error { return l.run(ctx, db) })
	}
	bar.finish()
	switch {
	case err != nil:
		return err
	case len(l.done) == 1:
		a.note("%s into %s in %v", count(l.done[0].rows, "row"), l.done[0].name, round(time.Since(start)))
	default:
		a.note("%s into %s in %v", count(l.rows(), "row"), count(int64(len(l.done)), "table"), round(time.Since(start)))
	}
	return nil
}

// load is the loading of one file. Only a row of it is in memory, and what the engine sends at once.
type load struct {
	name     string // of the file
	into     string
	null     *string
	src      source
	progress progress
	shown    int64 // the bytes that progress has heard of
	done     []loaded
}

// loaded is a table whose rows are there.
type loaded struct {
	name string
	rows int64
}

func (l *load) rows() (sum int64) {
	for _, t := range l.done {
		sum += t.rows
	}
	return sum
}

// run loads table after table.
func (l *load) run(ctx context.Context, db *plinth.Engine) error {
	for {
		name, err := l.src.table()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return l.failed(err, "")
		}
		if name == "" {
			name = l.into
		}
		if err := l.table(ctx, db, name); err != nil {
			return err
		}
	}
}

// table loads the rows of one table.
func (l *load) table(ctx context.Context, db *plinth.Engine, name string) error {
	first, err := l.src.row()
	none := errors.Is(err, io.EOF)
	switch {
	case none: // the table has to be there all the same
		first = row{line: 1, names: l.src.header()}
	case err != nil:
		return l.failed(err, name)
	case len(first.names) == 0:
		return l.failed(&placed{line: first.line, err: errors.New("the row is empty: the first one says which columns are loaded")}, name)
	}
	to, err := newDestination(ctx, db, name, first)
	switch {
	case err != nil:
		return l.failed(&placed{line: first.line, err: err}, name)
	case none:
		l.done = append(l.done, loaded{name: to.name()})
		return nil
	}
	rows := &loading{load: l, to: to, next: first}
	// Where the rows end because the file is wrong, those before have to go again, which only a transaction can do.
	n, err := to.run(ctx, db, rows)
	var e *plinth.Error
	switch {
	case rows.err != nil:
		err = rows.err
	case errors.As(err, &e) && e.Row > 0:
		if c, ok := l.src.(*csvSource); ok && e.Kind == plinth.ErrInvalid && l.null == nil && c.hasEmpty(e.Row) {
			err = &hinted{err: err, hint: "an empty field is an empty text, unless it is to be NULL: --null ''"}
		}
		err = &placed{line: rows.lines.of(e.Row), err: err}
	}
	if err != nil {
		return l.failed(err, name, to.left(n, err)...)
	}
	l.done = append(l.done, loaded{name: to.name(), rows: n})
	return nil
}

// failed says where in the file it happened, and what has been loaded.
func (l *load) failed(err error, table string, notes ...string) error {
	at := &scriptError{place: l.name, err: err, notes: notes}
	var p *placed
	if errors.As(err, &p) {
		at.place, at.err = fmt.Sprintf("%s:%d", l.name, p.line), p.err
	}
	if notes == nil && table != "" {
		at.notes = append(at.notes, "nothing was loaded into "+printable(table))
	}
	if l.rows() > 0 {
		var names []string
		for _, t := range l.done {
			names = append(names, fmt.Sprintf("%s (%s)", t.name, count(t.rows, "row")))
		}
		at.notes = append(at.notes, "loaded before it, and there: "+strings.Join(names, ", "))
	}
	return at
}

// placed is what is wrong in a line of the file.
type placed struct {
	line int
	err  error
}

func (e *placed) Error() string { return e.err.Error() }
func (e *placed) Unwrap() error { return e.err }

// loading are the rows of one table on their way.
type loading struct {
	*load
	to    destination
	next  row
	read  int   // how many were
	err   error // what is wrong with the file
	lines lines
}

// all yields what is bound for each row, and stops at the first that is wrong.
func (l *loading) all(yield func([]any) bool) {
	for {
		args, err := l.to.bind(l.next)
		if err != nil {
			l.err = &placed{line: l.next.line, err: err}
			return
		}
		l.read++
		l.lines.add(l.read, l.next.line)
		if at := l.src.offset(); at-l.shown >= 64<<10 {
			l.shown = at
			l.progress.at(at)
		}
		if !yield(args) {
			return
		}
		if l.next, err = l.src.row(); err != nil {
			if !errors.Is(err, io.EOF) {
				l.err = err
			}
			return
		}
	}
}

// lines remembers on which line each row began. It keeps runs of rows that are the same distance apart, so that a large file,
// which is written by a program, needs few.
type lines struct{ runs []run }

type run struct{ row, line, step int }

// add notes the line of a row. Rows are numbered from 1, and come in their order.
func (l *lines) add(row, line int) {
	if n := len(l.runs); n > 0 {
		last := &l.runs[n-1]
		if row == last.row+1 {
			last.step = line - last.line
		}
		if line == last.line+(row-last.row)*last.step {
			return
		}
	}
	l.runs = append(l.runs, run{row: row, line: line})
}

// of returns the line of a row that was added.
func (l *lines) of(row int) int {
	for i := len(l.runs) - 1; i >= 0; i-- {
		if r := l.runs[i]; r.row <= row {
			return r.line + (row-r.row)*r.step
		}
	}
	return 0
}

// base returns the name of a file without its folder and ending.
func base(file string) string {
	name := filepath.Base(file)
	return strings.TrimSuffix(name, filepath.Ext(name))
}
