package sqlite

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthdb/plinth/driver"
	zombiezen "zombiezen.com/go/sqlite"
)

// stmt is a prepared statement of one connection.
type stmt struct {
	*zombiezen.Stmt
	text    string
	body    string          // text up to the semicolon, if there is one
	columns []driver.Column // nil until asked for; stays the same slice as long as the columns are the same
	varies  bool            // a change of the schema can give its columns other names
	schema  int64           // the schema's version when columns was made
	upsert  bool            // may update where it says INSERT
}

// prepare returns the statement of a text, from the cache if it's there.
func (c *conn) prepare(text string) (*stmt, error) {
	if st := c.cache.Get(text); st != nil {
		return st, nil
	}
	if blank(text) {
		return nil, driver.Faultf(driver.Syntax, "the statement is empty")
	}
	prepared, rest, err := c.db.PrepareTransient(text)
	if err != nil {
		return nil, err
	}
	if !blank(text[len(text)-rest:]) {
		prepared.Finalize()
		return nil, driver.Faultf(driver.Argument, "the text holds more than one statement: run them one by one, or all of them by ExecuteScript")
	}
	body := strings.TrimRight(text[:len(text)-rest], "; \t\n\f\r")
	st := &stmt{Stmt: prepared, text: text, body: body, varies: varies(text), upsert: containsFold(text, "conflict")}
	if oldest := c.cache.Put(text, st); oldest != nil { // the connection runs one statement at a time, and that's the one used last
		oldest.Finalize()
	}
	return st, nil
}

// forget finalizes all statements that are kept.
func (c *conn) forget() {
	for st := range c.cache.All {
		st.Finalize()
	}
	c.cache.Clear()
}

// blank reports whether text holds nothing but space, semicolons and comments.
func blank(text string) bool {
	for {
		text = strings.TrimLeft(text, " \t\n\f\r;")
		switch {
		case strings.HasPrefix(text, "--"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			_, text, _ = strings.Cut(text[2:], "*/")
		default:
			return text == ""
		}
	}
}

// containsFold reports whether text contains word, which is in lower-case ASCII, in any case.
func containsFold(text, word string) bool {
	for i := 0; i+len(word) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// varies reports whether text may name columns by what the schema calls them at the time: by a *, or as the rowid,
// which goes by the name of the INTEGER PRIMARY KEY.
func varies(text string) bool {
	return strings.Count(text, "*") > strings.Count(text, "(*)") || containsFold(text, "oid") || containsFold(text, "rowid")
}

// describe returns the columns of a statement that has been stepped; live says that it stands on a row. SQLite compiles
// a statement again by itself, and doesn't tell, when another connection has changed the schema, and then a * may
// mean other columns. As long as the statement is live, the schema's version is that of the same snapshot.
func (c *conn) describe(st *stmt, live bool) []driver.Column {
	version := st.schema
	if live && st.varies {
		version = c.schemaVersion()
	}
	known := st.columns != nil
	changed := st.varies && (!known || c.foreign || version != st.schema) || known && len(st.columns) != st.ColumnCount()
	if known && !changed {
		return st.columns
	}
	fresh, err := c.columnsOf(st, changed)
	if err != nil { // the context has ended, or memory: good enough for this run
		return fresh
	}
	if !known || !slices.Equal(st.columns, fresh) {
		st.columns = fresh
	}
	st.schema = version
	return st.columns
}

// schemaVersion returns the number that SQLite raises with each change of the schema, or -1.
func (c *conn) schemaVersion() int64 {
	if c.version == nil {
		var err error
		if c.version, _, err = c.db.PrepareTransient("PRAGMA schema_version"); err != nil {
			return -1
		}
	}
	defer c.version.Reset()
	if row, err := c.version.Step(); err != nil || !row {
		return -1
	}
	return c.version.ColumnInt64(0)
}

// columnsOf finds the names of the result's columns, and what they were declared as. The connection's API tells the names as
// they were when the statement was compiled first, and of columns with the same name only the last. They are never empty,
// but may be made up if there is an error.
func (c *conn) columnsOf(st *stmt, changed bool) ([]driver.Column, error) {
	prepared := st.Stmt
	if changed {
		again, _, err := c.db.PrepareTransient(st.text)
		if err != nil {
			return nameByPosition(make([]driver.Column, st.ColumnCount())), err
		}
		defer again.Finalize()
		prepared = again
	}
	columns := make([]driver.Column, st.ColumnCount())
	lost := false
	for i := range columns {
		columns[i].Name = prepared.ColumnName(i)
		lost = lost || columns[i].Name == ""
	}
	if !lost {
		declare(prepared, columns)
		return columns, nil
	}
	err := c.recoverNames(st.body, columns)
	declare(prepared, columns)
	return nameByPosition(columns), err
}

// recoverNames gives columns that share a name with a later one that name back. As a subquery SQLite tells them apart by
// a suffix: "id", "id:1", "id:2". What can't be a subquery (RETURNING) gets the later column's name if there is only
// one; a guess among several could put a value where it doesn't belong.
func (c *conn) recoverNames(body string, columns []driver.Column) error {
	wrapped, _, err := c.db.PrepareTransient("SELECT * FROM (" + body + "\n)")
	if zombiezen.ErrCode(err) == zombiezen.ResultError {
		if n := len(columns); columns[n-2].Name == "" {
			columns[n-2].Name = columns[n-1].Name
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer wrapped.Finalize()
	for i := range columns {
		if columns[i].Name != "" {
			continue
		}
		for _, name := range []string{wrapped.ColumnName(i), withoutSuffix(wrapped.ColumnName(i))} {
			if slices.Contains(columns[i+1:], driver.Column{Name: name}) {
				columns[i].Name = name
				break
			}
		}
	}
	return nil
}

// nameByPosition names the columns that have no name yet.
func nameByPosition(columns []driver.Column) []driver.Column {
	for i := range columns {
		if columns[i].Name == "" {
			columns[i].Name = "column" + strconv.Itoa(i+1)
		}
	}
	return columns
}

func withoutSuffix(name string) string {
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			return name[:i]
		}
	}
	return name
}
