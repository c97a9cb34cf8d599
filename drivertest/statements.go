package drivertest

import (
	"fmt"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// Statements is what the suite says to the database, in the database's own language. A text that is "" is something
// that the database doesn't have; the cases that need it are skipped.
//
// The suite works on two tables or collections. An item has an id (integer, the primary key), a name (text, unique, not
// null), n (integer, not null, 0 or more) and a note (text or NULL); a part has an id and the id of an item.
type Statements struct {
	Setup []string // what makes the tables, run once on a new database

	Insert    string // id, name, n, note: adds an item
	Returning string // id, name, n, note: adds an item and returns it as Get does
	Add       string // m, id: adds m to the item's n
	Delete    string // id: removes the item
	Get       string // id: the item as columns id, name, n, note, in this order
	Named     string // as Get, with the argument by the name "id", used twice
	In        string // a slice of ids: those items as Get returns them, in the order of their ids
	NamedIn   string // as In, with the slice by the name "ids", and then n by the name "n": only items with that n
	List      string // all items as Get returns them, in the order of their ids
	Count     string // how many items there are, as column n
	Duplicate string // one row: 1, 2 and 3 in the columns a, b and a
	Literal   string // one row, one column; the text holds the literal 'drivertest-secret', which no log may show
	Series    string // count, text: rows of i (1 to count) and pad (the text), made as they are read

	Slow      string // reads, returns nothing, and would run for a minute
	SlowWrite string // adds the item -1, after a minute

	Two             string   // two statements in one text, of which the first removes all items
	Syntax          string   // no statement at all
	UndefinedTable  string   // reads a table that isn't there; "" where that's no error
	UndefinedColumn string   // reads a column of the items that isn't there; "" where that's no error
	Transaction     []string // texts that would begin, end or divide a transaction

	CreateOther string // makes a table named other, with an integer column id
	InsertOther string // id: adds a row to it
	ReadOther   string // its ids as column id, in their order

	Set     string // changes a setting of the session
	Setting string // reads that setting: one row, one column

	Violations map[string]*Violation
	Store      map[Family]Store
}

// Violation is a statement that a constraint refuses. When it runs there are the items 1 and 2, named "item 1" and
// "item 2", and part 1 of item 1.
type Violation struct {
	Kind      driver.Kind
	Statement string
	Args      []any
	Told      Where // what the server tells about it, which the error has to repeat
}

// Where is the place of a violation, as far as the server tells. A table without a schema is one of that name in any schema.
type Where struct{ Constraint, Table, Column string }

// Family is a family of Go values that a database keeps in one type of its own.
type Family string

// The families.
const (
	Int     Family = "int"
	Float   Family = "float"
	Text    Family = "text"
	Bytes   Family = "bytes"
	Bool    Family = "bool"
	Time    Family = "time"    // an instant
	Date    Family = "date"    // a time at midnight UTC
	Decimal Family = "decimal" // at least 30 digits, 10 of them after the point, kept exactly
	UUID    Family = "uuid"
	JSON    Family = "json"
)

// Store says how values of a family are kept.
type Store struct {
	Insert string           // id, value: keeps a value
	Select string           // id: the value as column v
	Kind   driver.ValueKind // what it's read as
}

// Type is a database's type for a family.
type Type struct {
	Name string
	Kind driver.ValueKind // what a value of it is read as
}

// Types are the types of an SQL database.
type Types map[Family]Type

// SQL returns statements that SQL databases understand, to be changed where one doesn't. What SQL databases can't say in
// the same words is left "": Set and Setting, and a database that bounds recursion needs its own Series, Slow and SlowWrite.
// Violations don't tell where yet.
func SQL(types Types) Statements {
	integer, text := types[Int].Name, types[Text].Name
	const columns = "id, name, n, note"
	st := Statements{
		Setup: []string{
			fmt.Sprintf("create table items (id %s not null primary key, name varchar(255) not null, n %[1]s not null, note %s, "+
				"constraint items_name unique (name), constraint items_n check (n >= 0))", integer, text),
			fmt.Sprintf("create table parts (id %s not null primary key, item %[1]s not null, "+
				"constraint parts_item foreign key (item) references items (id))", integer),
		},
		Insert:    "insert into items (" + columns + ") values (?, ?, ?, ?)",
		Returning: "insert into items (" + columns + ") values (?, ?, ?, ?) returning " + columns,
		Add:       "update items set n = n + ? where id = ?",
		Delete:    "delete from items where id = ?",
		Get:       "select " + columns + " from items where id = ?",
		Named:     "select " + columns + " from items where id = :id and :id = id",
		In:        "select " + columns + " from items where id in (?) order by id",
		NamedIn:   "select " + columns + " from items where id in (:ids) and n = :n order by id",
		List:      "select " + columns + " from items order by id",
		Count:     "select count(*) as n from items",
		Duplicate: "select 1 as a, 2 as b, 3 as a",
		Literal:   "select name from items where name = 'drivertest-secret'",
		Series: "with recursive series (i) as (select 1 union all select i + 1 from series where i < ?) " +
			"select i, coalesce(?, '') as pad from series",
		Slow: "with recursive series (i) as (select 1 union all select i + 1 from series where i < 1000000000) " +
			"select i from series where i < 0",
		SlowWrite: "insert into items (" + columns + ") with recursive series (i) as (select 1 union all select i + 1 from series " +
			"where i < 1000000000) select -1, 'slow', count(*), null from series",
		Two:             "delete from items; delete from parts",
		Syntax:          "selec 1",
		UndefinedTable:  "select id from nowhere",
		UndefinedColumn: "select colour from items",
		Transaction:     []string{"begin", "start transaction", "commit", "rollback", "savepoint a", "release savepoint a"},
		CreateOther:     fmt.Sprintf("create table other (id %s)", integer),
		InsertOther:     "insert into other (id) values (?)",
		ReadOther:       "select id from other order by id",
		Violations: map[string]*Violation{
			"a primary key that exists":       {Kind: driver.Unique, Args: []any{1, "another", 0, nil}},
			"a unique name that exists":       {Kind: driver.Unique, Args: []any{3, "item 1", 0, nil}},
			"NULL where it's not allowed":     {Kind: driver.NotNull, Args: []any{3, nil, 0, nil}},
			"a check that fails":              {Kind: driver.Check, Args: []any{3, "item 3", -1, nil}},
			"a reference to nothing":          {Kind: driver.ForeignKey, Statement: "insert into parts (id, item) values (?, ?)", Args: []any{2, 99}},
			"removing what is referred to":    {Kind: driver.ForeignKey, Statement: "delete from items where id = ?", Args: []any{1}},
			"an update to a name that exists": {Kind: driver.Unique, Statement: "update items set name = ? where id = ?", Args: []any{"item 1", 2}},
		},
		Store: make(map[Family]Store),
	}
	for _, v := range st.Violations {
		if v.Statement == "" {
			v.Statement = st.Insert
		}
	}
	var kept strings.Builder
	for family, typ := range types {
		column := "v_" + string(family)
		fmt.Fprintf(&kept, ", %s %s", column, typ.Name)
		st.Store[family] = Store{
			Insert: fmt.Sprintf("insert into kept (id, %s) values (?, ?)", column),
			Select: fmt.Sprintf("select %s as v from kept where id = ?", column),
			Kind:   typ.Kind,
		}
	}
	st.Setup = append(st.Setup, fmt.Sprintf("create table kept (id %s not null primary key%s)", integer, kept.String()))
	return st
}
