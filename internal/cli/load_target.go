package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/internal/names"
)

// A destination is where the rows of one table go.
type destination interface {
	name() string
	bind(r row) ([]any, error)                                                // what is bound for a row
	run(ctx context.Context, db *plinth.Engine, rows *loading) (int64, error) // loads them, and returns how many
	left(n int64, err error) (notes []string)                                 // what became of them after an error
}

// newDestination returns where the rows go that are like the first one.
func newDestination(ctx context.Context, db *plinth.Engine, name string, first row) (destination, error) {
	if db.Name() == "mongodb" {
		return documents{collection: name, seen: map[string]int{}}, nil
	}
	return newTable(ctx, db, name, first)
}

// table is a table of an SQL database.
type table struct {
	title  string
	insert string
	keys   []string       // the first row's names
	index  map[string]int // of them
	seen   []int          // by index: the line of the row that had it last
}

// newTable finds a table, and a column for each name in the first row.
func newTable(ctx context.Context, db *plinth.Engine, name string, first row) (*table, error) {
	in, found, err := findTable(ctx, db, name)
	if err != nil {
		return nil, err
	}
	if found == "" {
		hint := "make it first"
		if len(first.names) > 0 {
			hint += ": it needs the columns " + strings.Join(first.names, ", ")
		}
		return nil, &hinted{err: fmt.Errorf("there is no table %s", name), hint: hint}
	}
	title := quote(db, found)
	if in != "" {
		title = quote(db, in) + "." + title
	}
	columns, err := tableColumns(ctx, db, in, found, title)
	if err != nil {
		return nil, err
	}
	t := &table{title: found, keys: slices.Clone(first.names), index: make(map[string]int, len(first.names)), seen: make([]int, len(first.names))}
	into, overriding := make([]string, len(first.names)), ""
	from := map[string]string{}
	for i, key := range first.names {
		at, err := match(key, columns, func(c loadColumn) string { return c.Name })
		switch {
		case err != nil:
			return nil, err
		case at < 0:
			return nil, &hinted{
				err:  fmt.Errorf("the table %s has no column %s that can be loaded", found, key),
				hint: "it has " + strings.Join(columnNames(columns), ", "),
			}
		}
		c := columns[at]
		if other, ok := from[c.Name]; ok {
			return nil, fmt.Errorf("%s and %s are both for the column %s", other, key, c.Name)
		}
		from[c.Name], t.index[key], into[i] = key, i, quote(db, c.Name)
		if c.Always {
			overriding = overridingSystem
		}
	}
	t.insert = "insert into " + title + " (" + strings.Join(into, ", ") + ")" + overriding +
		" values (" + strings.TrimSuffix(strings.Repeat("?, ", len(into)), ", ") + ")"
	return t, nil
}

func (t *table) name() string { return t.title }

// bind puts a row's values in the order of the first one's.
func (t *table) bind(r row) ([]any, error) {
	args := make([]any, len(t.keys))
	for i, name := range r.names {
		at := i
		if i >= len(t.keys) || t.keys[i] != name {
			var ok bool
			if at, ok = t.index[name]; !ok {
				return nil, &hinted{
					err:  fmt.Errorf("the row has %s, which the first row hasn't", name),
					hint: "the first row says which columns are loaded: give it this one there, if only as null",
				}
			}
		}
		if t.seen[at] == r.number {
			return nil, fmt.Errorf("the row has %s twice", name)
		}
		t.seen[at] = r.number
		args[at] = r.values[i]
		if nested, ok := args[at].(json.RawMessage); ok {
			var err error
			if args[at], err = inColumn(nested); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return args, nil
}

// inColumn returns an object or an array as a column takes it: the value that it is in Extended JSON, else its text.
func inColumn(nested json.RawMessage) (any, error) {
	if special, ok, err := fromExtended(nested); err != nil {
		return nil, err
	} else if ok {
		if v, ok := inSQL(special); ok {
			return v, nil
		}
	}
	var text bytes.Buffer
	err := json.Compact(&text, nested)
	return text.String(), err
}

// run loads the rows in a transaction, for only that can undo them when the file turns out to be wrong.
func (t *table) run(ctx context.Context, db *plinth.Engine, rows *loading) (int64, error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // it does nothing after a commit, and what else it says isn't the reason
	_, err = tx.ExecuteMany(ctx, t.insert, rows.all)
	if err == nil {
		err = rows.err
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		return 0, err
	}
	return int64(rows.read), nil
}

func (t *table) left(_ int64, err error) []string {
	if errors.Is(err, plinth.ErrOutcomeUnknown) {
		return []string{"whether the rows were loaded into " + t.title + " is unknown"}
	}
	return []string{"nothing was loaded into " + t.title}
}

// documents is a collection. It has no columns, and no transaction where the server isn't a replica set.
type documents struct {
	collection string
	seen       map[string]int // by name: the number of the row that had it last
}

func (d documents) name() string { return d.collection }

// bind returns the row as one document, in the file's order.
func (d documents) bind(r row) ([]any, error) {
	document := make(bson.D, len(r.names))
	for i, name := range r.names {
		if d.seen[name] == r.number {
			return nil, fmt.Errorf("the document has %s twice", name)
		}
		d.seen[name] = r.number
		value := inDocument(r.values[i])
		if nested, ok := value.(json.RawMessage); ok {
			var err error
			value, err = ordered(nested, func(digits string) (any, error) {
				n, err := number(digits)
				return inDocument(n), err
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		document[i] = bson.E{Key: name, Value: value}
	}
	return []any{document}, nil
}

// inDocument makes a float64 of a number with a fraction whose digits that keeps, as MongoDB's own import does: 0.99 is 0.99
// again. What would lose digits stays a plinth.Decimal.
func inDocument(value any) any {
	if d, ok := value.(plinth.Decimal); ok {
		if f, err := strconv.ParseFloat(d.String(), 64); err == nil {
			if again, err := plinth.ParseDecimal(strconv.FormatFloat(f, 'g', -1, 64)); err == nil && again.Equal(d) {
				return f
			}
		}
	}
	return value
}

// inCollection returns a statement in mongosh's form on a collection with any name.
func inCollection(name, call string) string {
	if regexp.MustCompile(`^[A-Za-z_]\w*$`).MatchString(name) {
		return "db." + name + "." + call
	}
	quoted, _ := json.Marshal(name) // a string always can be
	return "db.getCollection(" + string(quoted) + ")." + call
}

func (d documents) run(ctx context.Context, db *plinth.Engine, rows *loading) (int64, error) {
	_, err := db.ExecuteMany(ctx, inCollection(d.collection, "insertOne(?)"), rows.all)
	if err != nil {
		return 0, err
	}
	return int64(rows.read), rows.err
}

func (d documents) left(n int64, _ error) []string {
	if n > 0 {
		return []string{"the " + count(n, "document") + " before it are in " + d.collection}
	}
	return []string{"documents before it may be in " + d.collection}
}

// findTable looks for a table by its name, or schema.name, and returns it as the database has it, with its schema if that has
// to be named; "" if there's none.
func findTable(ctx context.Context, db *plinth.Engine, name string) (in, found string, err error) {
	schema, rest := "", name
	for {
		tables, err := tablesIn(ctx, db, schema)
		if err != nil {
			return "", "", err
		}
		at, err := match(rest, tables, func(t string) string { return t })
		if err != nil {
			return "", "", err
		}
		if at >= 0 {
			return schema, tables[at], nil
		}
		var ok bool
		if schema, rest, ok = strings.Cut(name, "."); !ok || schema == "" || in != "" {
			return "", "", nil
		}
		in = schema // once
	}
}

// tablesIn lists the tables of a schema, "" being those that need none.
func tablesIn(ctx context.Context, db *plinth.Engine, schema string) ([]string, error) {
	var query string
	switch db.Name() {
	case "sqlite":
		query = `select name from pragma_table_list where schema = coalesce(nullif(?, ''), 'main') and type <> 'shadow'
			and name not like 'sqlite_%' order by name`
	case "postgres":
		query = `select c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
			where c.relkind in ('r', 'p', 'v', 'f') and case when $1::text = ''
				then pg_catalog.pg_table_is_visible(c.oid) and n.nspname <> 'pg_catalog' else n.nspname = $1 end order by 1`
	case "mariadb":
		query = "select table_name from information_schema.tables where table_schema = coalesce(nullif(?, ''), database()) order by 1"
	default:
		return nil, usagef("", "rows can't be loaded into %s", db.Name())
	}
	return plinth.All[string](ctx, db, query, schema)
}

// loadColumn is a column that can be given a value.
type loadColumn struct {
	Name   string
	Always bool // unless told to, PostgreSQL takes none
}

func columnNames(columns []loadColumn) []string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name
	}
	return list
}

// tableColumns lists the columns of a table that aren't computed.
func tableColumns(ctx context.Context, db *plinth.Engine, schema, name, title string) (columns []loadColumn, err error) {
	switch db.Name() {
	case "postgres":
		there, err := postgresColumns(ctx, db, title)
		for _, c := range there {
			columns = append(columns, loadColumn{Name: c.Name, Always: c.Always})
		}
		return columns, err
	case "mariadb":
		return plinth.All[loadColumn](ctx, db, `select column_name as name, 0 as always from information_schema.columns
			where table_schema = coalesce(nullif(?, ''), database()) and table_name = ? and binary table_name = binary ?
				and extra not like '%GENERATED%' order by ordinal_position`, schema, name, name)
	}
	return plinth.All[loadColumn](ctx, db,
		"select name, 0 as always from pragma_table_xinfo(?, coalesce(nullif(?, ''), 'main')) where hidden = 0", name, schema)
}

// match returns the index of what a name in a file means: what is called the same, else the one that differs in case only,
// else the one that is the same in snake case; -1 if there's none.
func match[T any](name string, list []T, called func(T) string) (int, error) {
	for _, same := range []func(string) bool{
		func(s string) bool { return s == name },
		func(s string) bool { return strings.EqualFold(s, name) },
		func(s string) bool { return strings.EqualFold(names.Snake(s), names.Snake(name)) },
	} {
		found := -1
		for i, candidate := range list {
			switch {
			case !same(called(candidate)):
			case found >= 0:
				return -1, fmt.Errorf("%s may be %s or %s", name, called(list[found]), called(candidate))
			default:
				found = i
			}
		}
		if found >= 0 {
			return found, nil
		}
	}
	return -1, nil
}

// quote quotes a name for a statement.
func quote(db *plinth.Engine, name string) string {
	mark := `"`
	if db.Name() == "mariadb" {
		mark = "`"
	}
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}
