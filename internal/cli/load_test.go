package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth"
)

// file writes a file of the test's and returns its path.
func (s *shell) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func newLoadShell(t *testing.T) *shell {
	t.Helper()
	s := newShell(t)
	s.must("exec", "create table item (item_id integer primary key, Name text, price, twice as (item_id * 2))")
	return s
}

const items = "select item_id, name, typeof(price) as type, price from item order by item_id"

func TestEveryFormatIsLoaded(t *testing.T) {
	t.Parallel()
	const want = "item_id,Name,type,price\n1,pear,integer,9007199254740993\n2,\"a \"\"fig\"\"\n\",null,\n"
	for file, text := range map[string]string{
		"item.json":       `[{"ItemID": 1, "name": "pear", "Price": 9007199254740993}, {"name": "a \"fig\"\n", "ItemID": 2}]`,
		"any.json":        `{"Item": [{"ItemId": 1, "NAME": "pear", "price": 9007199254740993}], "item": [{"item_id": 2, "Name": "a \"fig\"\n", "price": null}]}`,
		"item.jsonl":      "\ufeff{\"item_id\": 1, \"name\": \"pear\", \"price\": 9007199254740993}\r\n\n{\"item_id\": 2, \"name\": \"a \\\"fig\\\"\\n\"}",
		"item":            "{\"item_id\": 1, \"name\": \"pear\", \"price\": 9007199254740993}{\"item_id\": 2,\n \"name\": \"a \\\"fig\\\"\\n\"}",
		"main.item.jsonl": `{"item_id": 1, "name": "pear", "price": 9007199254740993} {"item_id": 2, "name": "a \"fig\"\n"}`,
	} {
		s := newLoadShell(t)
		s.must("load", "-f", s.file(file, text))
		s.equal(s.must("query", "-o", "csv", items), want)
	}
	s := newLoadShell(t)
	s.must("load", "--null", "-", "-f", s.file("ITEM.CSV", "\ufeffname, ItemID ,price\r\npear,1,\n\"a \"\"fig\"\"\n\",2,-\n"))
	s.equal(s.must("query", "-o", "csv", items), "item_id,Name,type,price\n1,pear,text,\n2,\"a \"\"fig\"\"\n\",null,\n")
	s.in = strings.NewReader("item_id;name\n")
	s.refused(exitRefused, []string{"load", "-f", "-", "--into", "item"}, "standard input:1: ", "no column item_id;name", "")
}

func TestValuesOfJSONKeepTheirDigits(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "create table v (id integer primary key, v text, b)")
	s.must("load", "-f", s.file("v.json", `[
		{"id": 1, "v": 12345678901234567890.12},
		{"id": 2, "v": 1e3},
		{"id": 3, "v": ""},
		{"id": 4, "v": {"b" : 1.50, "a":[1e400, "\u00e9"]}},
		{"id": 5, "v": [ ]},
		{"id": 6, "v": "2026-01-02T03:04:05Z"},
		{"id": 7, "v": "\ud83d\ude00\u0000"},
		{"id": 8, "v": null},
		{"id": 9, "v": 18446744073709551615},
		{"id": 10, "v": -0}
	]`))
	s.equal(s.must("query", "-o", "jsonl", "select v from v order by id"), `{"v":"12345678901234567890.12"}
{"v":"1000"}
{"v":""}
{"v":"{\"b\":1.50,\"a\":[1e400,\"\\u00e9\"]}"}
{"v":"[]"}
{"v":"2026-01-02T03:04:05Z"}
{"v":"😀\u0000"}
{"v":null}
{"v":"18446744073709551615"}
{"v":"0"}
`)
}

func TestWhatCanNotBeLoadedIsToldWithItsLine(t *testing.T) {
	t.Parallel()
	const first = `{"item_id": 1, "name": "pear"}`
	for _, c := range []struct {
		name, text string
		line       int
		says       string
	}{
		{"item.json", "[" + first + ",\n{\"item_id\": 2},\n{\"item_id\": 1}]", 3, "unique constraint"},
		{"item.json", "[" + first + ",\n\n{\"item_id\": 2, \"price\": 3}]", 3, "the row has price, which the first row hasn't"},
		{"item.json", "[" + first + ",\n{\"item_id\": 2, \"item_id\": 3}]", 2, "the row has item_id twice"},
		{"item.json", "[\n{\"item_id\": 2,\n\"Item_ID\": 3}]", 2, "item_id and Item_ID are both for the column item_id"},
		{"item.json", "[\n{\"item_id\": 2, \"twice\": 4}]", 2, "the table item has no column twice that can be loaded"},
		{"item.json", "[\n{}]", 2, "the row is empty"},
		{"item.json", "[" + first + ",\n[]]", 2, "a row has to be an object"},
		{"item.json", "[" + first + ",\nnull]", 2, "a row has to be an object"},
		{"item.json", "[" + first + "\n", 2, "the file ends in the middle of the JSON document"},
		{"item.json", "[" + first + ",\n{\"item_id\"", 2, "the file ends in the middle"},
		{"item.json", "[" + first + ",\n{\"item_id\": 2, \"name\": tru}]", 2, "invalid character"},
		{"item.json", "[" + first + "\n" + first + "]", 2, "expected comma after array element"},
		{"item.json", "[" + first + ",\n{\"item_id\": 2, \"name\": \"\xff\"}]", 2, "the row isn't valid UTF-8"},
		{"item.json", "[" + first + ",\n{\"item_id\": 1e99999}]", 2, "item_id: "},
		{"item.json", "[" + first + "]\n[]", 2, "something follows"},
		{"item.json", "{\"item\": [" + first + "],\n\"note\": 5}", 2, "the array of the rows of note is expected here, and not 5"},
		{"item.json", "{\"item\": [" + first + "],\n\n\"basket\":\n[{\"a\": 1, \"b\": 2}]}", 4, "there is no table basket"},
		{"item.json", "\n12", 2, "an array of objects, or an object of such arrays is expected here, and not 12"},
		{"item.json", "", 1, "the file ends in the middle"},
		{"item.jsonl", first + "\n{\"item_id\": 2}\n{\"item_id\": 2}", 3, "unique constraint"},
		{"item.csv", "item_id,name\n2,x\n3,\"a\nb\"\n2,x\n", 5, "unique constraint"},
		{"item.csv", "item_id,name\n2,x\n\"a\nb\"\n", 3, "another number of fields"},
		{"item.csv", "item_id,name\n2,x\n3,a\"b\n", 3, `bare "`},
		{"item.csv", "item_id,name\n2,\xff\n", 2, "name isn't valid UTF-8"},
		{"item.csv", "item_id,item_id\n2,x\n", 1, "two columns are named item_id"},
		{"item.csv", "item_id,\n2,x\n", 1, "column 2 has no name"},
	} {
		s := newLoadShell(t)
		path := s.file(c.name, c.text)
		s.refused(exitRefused, []string{"load", "-f", path}, fmt.Sprintf("%s:%d: ", path, c.line), c.says)
		if !strings.HasPrefix(c.text, "{") && s.must("query", "-o", "csv", items) != "item_id,Name,type,price\n" {
			t.Errorf("%q: something was loaded", c.text)
		}
	}
}

func TestTheErrorOfALoadSaysWhatToDoAndWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newLoadShell(t)
	path := s.file("all.json", `{"item": [{"item_id": 1}], "Item": [], "basket": [{"a": 1, "b": 2}]}`)
	r := s.refused(exitRefused, []string{"load", "-f", path}, "hint: make it first: it needs the columns a, b",
		"nothing was loaded into basket", "loaded before it, and there: item (1 row)")
	if strings.Contains(r.err, "usage") {
		t.Error(r.err)
	}
	s.refused(exitRefused, []string{"load", "-f", s.file("item.csv", "item_idd,name\n1,x\n")}, "hint: it has item_id, Name, price")
	s.refused(exitRefused, []string{"load", "-f", s.file("item.csv", "")}, "the file is empty: its first line has to name the columns")

	s.refused(exitRefused, []string{"load", "-f", s.file("nosuch.json", "[]")}, "there is no table nosuch", "hint: make it first\n")
	array := s.file("item.json", "[]")
	s.refused(exitUsage, []string{"load", "-f", path, "--into", "item"}, "whose keys name the tables", "hint: leave out --into")
	s.refused(exitUsage, []string{"load", "-f", array, "--null", ""}, "--null is for CSV")
	s.refused(exitUsage, []string{"load", "-f", array, "--format", "xml"}, "--format")
	s.refused(exitUsage, []string{"load", "-f", "nosuch.json"}, "nosuch.json")
	s.refused(exitUsage, []string{"load", "-f", t.TempDir()}, "is a directory")
	s.refused(exitUsage, []string{"load"}, "--file")
	s.in = strings.NewReader("[]")
	s.refused(exitUsage, []string{"load", "-f", "-"}, "hint: say --into NAME")

	s.must("load", "-f", array)
	s.db = "sqlite:" + filepath.ToSlash(filepath.Join(t.TempDir(), "none.db"))
	s.refused(exitUnreachable, []string{"load", "-f", path}, "none.db doesn't exist")
}

func TestALoadReadsTheFileAsItGoes(t *testing.T) {
	t.Parallel()
	for format, text := range map[string]string{
		"json": `{"a": [` + strings.Repeat(`{"n": 1, "s": "text"},`+"\n", 20_000) + `{}]}`, "jsonl": strings.Repeat(`{"n": 1, "s": "text"}`+"\n", 20_000),
		"csv": "n,s\n" + strings.Repeat("1,text\n", 100_000),
	} {
		in := &counter{from: strings.NewReader(text)}
		src, err := (&load{name: "a"}).open(in, format)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := src.table(); err != nil {
			t.Fatal(err)
		}
		for n := 1; ; n++ {
			if _, err := src.row(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if ahead := in.n - src.offset(); ahead > 256<<10 {
				t.Fatalf("%s: %d bytes were read ahead at row %d", format, ahead, n)
			}
		}
	}
}

// counter counts what is read.
type counter struct {
	from io.Reader
	n    int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

func TestAnInterruptedLoadLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newLoadShell(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	go func() {
		for n := range 5000 {
			fmt.Fprintf(out, "{\"item_id\": %d}\n", n)
		}
		cancel() // the pipe stays open
	}()
	s.in = in
	var errs strings.Builder
	code := s.runTo(ctx, io.Discard, &errs, "-d", s.db, "load", "-f", "-", "--into", "item")
	if code != exitInterrupted {
		t.Errorf("exit code %d\n%s", code, &errs)
	}
	s.equal(s.must("query", "-o", "csv", items), "item_id,Name,type,price\n")
}

func TestANameMeansWhatIsMostLikeIt(t *testing.T) {
	t.Parallel()
	list := []string{"id", "Name", "name", "user_id", "UserId", "MediaTypeId"}
	for name, want := range map[string]string{
		"id": "id", "ID": "id", "name": "name", "NAME": "NAME may be Name or name", "userid": "UserId", "USER_ID": "user_id",
		"media_type_id": "MediaTypeId", "UserID": "UserId", "userID": "UserId", "nam": "",
	} {
		at, err := match(name, list, func(s string) string { return s })
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case at >= 0:
			got = list[at]
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTheLineOfARowIsRemembered(t *testing.T) {
	t.Parallel()
	var l lines
	want := []int{0, 2, 3, 4, 5, 9, 13, 17, 17, 17, 18, 19, 30}
	for row, line := range want[1:] {
		l.add(row+1, line)
	}
	for row, line := range want {
		if got := l.of(row); got != line {
			t.Errorf("row %d: line %d, want %d", row, got, line)
		}
	}
	var even lines
	for row := range 100_000 {
		even.add(row+1, 2+4*row)
	}
	if len(even.runs) != 1 {
		t.Errorf("%d runs", len(even.runs))
	}
}

func TestADocumentKeepsItsNestedValuesAndTheirOrder(t *testing.T) {
	t.Parallel()
	src, err := (&load{name: "a.jsonl"}).open(strings.NewReader(`{"title": "x", "_id": 1, "price": 0.99, "exact": 0.12345678901234567890, "n": {"list": [1, 1.5, null, "x"], "big": 12345678901234567890}, "t": true}`), "jsonl")
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.row()
	if err != nil {
		t.Fatal(err)
	}
	args, err := documents{"a", map[string]int{}}.bind(r)
	if err != nil {
		t.Fatal(err)
	}
	decimal := func(s string) plinth.Decimal {
		d, err := plinth.ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := []any{bson.D{
		{Key: "title", Value: "x"}, {Key: "_id", Value: int64(1)}, {Key: "price", Value: 0.99}, {Key: "exact", Value: decimal("0.12345678901234567890")},
		{Key: "n", Value: bson.D{{Key: "list", Value: []any{int64(1), 1.5, nil, "x"}}, {Key: "big", Value: decimal("12345678901234567890")}}},
		{Key: "t", Value: true},
	}}
	if !reflect.DeepEqual(args, want) {
		t.Errorf("%#v", args)
	}
	for name, statement := range map[string]string{"track": "db.track.insertOne(?)", `a."b`: `db.getCollection("a.\"b").insertOne(?)`} {
		if got := inCollection(name, "insertOne(?)"); got != statement {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAnEmptyFieldForANumberHasAHintAtNull(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "create table item (id integer, n integer, name text) strict")
	empty := s.file("item.csv", "id,n,name\n1,,pear\n")
	s.refused(exitRefused, []string{"load", "-f", empty}, "item.csv:2: ", "hint: ", "--null ''")
	s.must("load", "-f", empty, "--null", "")
	wrong := s.file("item.csv", "id,n,name\n2,2,\n3,x,fig\n")
	if r := s.refused(exitRefused, []string{"load", "-f", wrong}, "item.csv:3: "); strings.Contains(r.err, "--null") {
		t.Error(r.err)
	}
	s.equal(s.must("query", "-o", "csv", "select * from item"), "id,n,name\n1,,pear\n")
}

// FuzzSources reads anything, and compares arrays with what encoding/json makes of them.
func FuzzSources(f *testing.F) {
	for _, text := range []string{`[{"a": 1}]`, `{"t": [{"a": "x"}], "u": []}`, "{\"a\":1}\n{\"b\":[{}]}", "a,b\n1,\"2\"\n", "[{\"a\":1},]", `[{"a":{"b":[1e5]}}]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []string{"auto", "json", "jsonl", "csv"} {
			src, err := (&load{name: "f", into: ""}).open(strings.NewReader(text), format)
			if err != nil {
				continue
			}
			rows, err := everyRow(src)
			var want []map[string]json.RawMessage
			if format != "json" || !strings.HasPrefix(strings.TrimSpace(text), "[") || json.Unmarshal([]byte(text), &want) != nil {
				continue
			}
			if err == nil && len(rows) != len(want) {
				t.Errorf("%q: %d rows, want %d", text, len(rows), len(want))
			}
			for i, r := range rows {
				for j, name := range r.names {
					value, err := fromJSON(bytes.TrimSpace(want[i][name]))
					if slices.Contains(r.names[j+1:], name) {
						continue // the map has the last one's
					}
					if err != nil || !reflect.DeepEqual(value, r.values[j]) {
						t.Errorf("%q: row %d has %q: %v, want %v", text, i+1, name, r.values[j], value)
					}
				}
			}
		}
	})
}

func everyRow(src source) (rows []row, err error) {
	for {
		if _, err := src.table(); err != nil {
			return rows, err
		}
		for {
			r, err := src.row()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return rows, err
			}
			r.names, r.values = slices.Clone(r.names), slices.Clone(r.values)
			rows = append(rows, r)
		}
	}
}
