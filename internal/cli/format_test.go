package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// render prints rows in a format.
func render(t *testing.T, format string, columns []string, rows ...[]any) string {
	t.Helper()
	var b bytes.Buffer
	out := newOutput(&b)
	w := newWriter(format, out)
	if err := w.Columns(columns); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEveryFormatPrintsTheSameRows(t *testing.T) {
	t.Parallel()
	columns := []string{"id", "name", "price"}
	rows := [][]any{{int64(1), "pear", 0.35}, {int64(20), nil, 12.0}, {nil, "日本 \"|\"\nb", nil}}
	for format, want := range map[string]string{
		"table": `   id | name        | price
------+-------------+-------
    1 | pear        |  0.35
   20 | NULL        |  12.0
 NULL | 日本 "|"\nb |  NULL
(3 rows)
`,
		"vertical": `-[ row 1 ]-
id    | 1
name  | pear
price | 0.35
-[ row 2 ]-
id    | 20
name  | NULL
price | 12.0
-[ row 3 ]-
id    | NULL
name  | 日本 "|"\nb
price | NULL
`,
		"csv": `id,name,price
1,pear,0.35
20,,12.0
,"日本 ""|""
b",
`,
		"json": `[
{"id":1,"name":"pear","price":0.35},
{"id":20,"name":null,"price":12.0},
{"id":null,"name":"日本 \"|\"\nb","price":null}
]
`,
		"jsonl": `{"id":1,"name":"pear","price":0.35}
{"id":20,"name":null,"price":12.0}
{"id":null,"name":"日本 \"|\"\nb","price":null}
`,
		"markdown": `| id | name | price |
| --- | --- | --- |
| 1 | pear | 0.35 |
| 20 | NULL | 12.0 |
| NULL | 日本 "\|"<br>b | NULL |
`,
	} {
		if got := render(t, format, columns, rows...); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", format, got, want)
		}
	}
}

func TestEveryFormatPrintsNoRows(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"table": " id | name\n----+------\n(0 rows)\n", "vertical": "", "csv": "id,name\n", "json": "[]\n", "jsonl": "",
		"markdown": "| id | name |\n| --- | --- |\n",
	} {
		if got := render(t, format, []string{"id", "name"}); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
}

func TestValuesArePrintedExactly(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.FixedZone("", 3600))
	for _, c := range []struct {
		in         any
		text, json string
	}{
		{nil, "NULL", "null"},
		{true, "true", "true"},
		{int64(math.MinInt64), "-9223372036854775808", "-9223372036854775808"},
		{uint64(math.MaxUint64), "18446744073709551615", "18446744073709551615"},
		{0.1, "0.1", "0.1"},
		{1.0, "1.0", "1.0"},
		{1e20, "100000000000000000000.0", "100000000000000000000.0"},
		{1e21, "1e+21", "1e+21"},
		{1e-7, "1e-07", "1e-07"},
		{math.Copysign(0, -1), "-0.0", "-0.0"},
		{math.NaN(), "NaN", `"NaN"`},
		{math.Inf(1), "Infinity", `"Infinity"`},
		{math.Inf(-1), "-Infinity", `"-Infinity"`},
		{"a<b>&", "a<b>&", `"a<b>&"`},
		{"", "", `""`},
		{[]byte{0, 0xff}, `\x00ff`, `"AP8="`},
		{[]byte{}, `\x`, `""`},
		{at, "2024-05-06T07:08:09.123456+01:00", `"2024-05-06T07:08:09.123456+01:00"`},
		{json.RawMessage("{\"a\": 1,\n\"b\": 2}"), "{\"a\": 1,\n\"b\": 2}", `{"a":1,"b":2}`},
		{[]any{int64(1), "x", nil}, `[1,"x",null]`, `[1,"x",null]`},
		{map[string]any{"b": int64(1), "a": "<"}, `{"a":"<","b":1}`, `{"a":"<","b":1}`},
	} {
		got, err := text(c.in)
		if err != nil || got != c.text {
			t.Errorf("text(%#v) = %q, %v; want %q", c.in, got, err, c.text)
		}
		b, err := appendJSON(nil, c.in)
		if err != nil || string(b) != c.json {
			t.Errorf("appendJSON(%#v) = %s, %v; want %s", c.in, b, err, c.json)
		}
		if !json.Valid(b) {
			t.Errorf("appendJSON(%#v) = %s, which isn't JSON", c.in, b)
		}
	}
}

func TestATableIsAlignedByWhatATerminalShows(t *testing.T) {
	t.Parallel()
	got := render(t, "table", []string{"kéy", "👩‍👩‍👧"}, []any{"日本", "x"}, []any{"e\u0301", "\x1b[31mred\a\xff"})
	want := " kéy  | 👩‍👩‍👧\n------+-------------------\n 日本 | x\n e\u0301    | \\x1b[31mred\\a\\xff\n(2 rows)\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestATableKeepsTheWidthsOfItsFirstThousandRows(t *testing.T) {
	t.Parallel()
	var rows [][]any
	for i := range 1002 {
		rows = append(rows, []any{"a", int64(i)})
	}
	rows[1001][0] = "longer"
	got := render(t, "table", []string{"x", "n"}, rows...)
	for _, want := range []string{" x |   n\n", "---+-----\n", " a |   0\n", " a | 999\n", " a | 1000\n", " longer | 1001\n", "(1002 rows)\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q", want)
		}
	}
}

func TestATableDoesNotHoldBackLargeRows(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := newWriter("table", newOutput(&b))
	if err := w.Columns([]string{"x"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.Row([]any{strings.Repeat("x", 2<<20)}); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() < 6<<20 {
		t.Errorf("of 6 MB only %d bytes were printed", b.Len())
	}
}

func TestCSVOfOneColumnKeepsEmptyRows(t *testing.T) {
	t.Parallel()
	got := render(t, "csv", []string{"x"}, []any{nil}, []any{"a"}, []any{""})
	records, err := csv.NewReader(strings.NewReader(got)).ReadAll()
	if err != nil || fmt.Sprint(records) != "[[x] [] [a] []]" {
		t.Errorf("read back from %q: %q, %v", got, records, err)
	}
}

func TestJSONKeepsTheOrderOfColumnsAndThoseOfTheSameName(t *testing.T) {
	t.Parallel()
	if got := render(t, "jsonl", []string{"z", "a", "z"}, []any{int64(1), int64(2), int64(3)}); got != `{"z":1,"a":2,"z":3}`+"\n" {
		t.Error(got)
	}
	if got := render(t, "json", nil, []any{}); got != "[\n{}\n]\n" {
		t.Errorf("%q", got)
	}
}

func TestDurationsAreRoundedToThreeDigits(t *testing.T) {
	t.Parallel()
	for in, want := range map[time.Duration]string{
		1234567: "1.23ms", 12345678901: "12.35s", 999: "999ns", 4567: "4.57µs", 0: "0s", 61 * time.Second: "1m1s",
	} {
		if got := round(in).String(); got != want {
			t.Errorf("round(%d) = %s, want %s", in, got, want)
		}
	}
}
