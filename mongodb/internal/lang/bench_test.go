package lang_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

// The time a byte takes stays the same from size to size.
func BenchmarkParseIsLinear(b *testing.B) {
	for name, make := range map[string]func(n int) string{
		"documents": func(n int) string {
			return `db.c.insertMany([` + strings.Repeat(`{a: 1, b: "text", c: [1.5, {d: null}]},`, n/40) + `])`
		},
		"keys": func(n int) string {
			var out strings.Builder
			for i := range n / 12 {
				fmt.Fprintf(&out, "key%d: %d,", i, i)
			}
			return `db.c.insertOne({` + out.String() + `})`
		},
		"string": func(n int) string { return `db.c.insertOne({a: "` + strings.Repeat(`\n`, n/2) + `"})` },
		"holes":  func(n int) string { return `db.c.find({a: {$in: [` + strings.Repeat(`?,`, n/2) + `]}})` },
		"names":  func(n int) string { return `db.c.find({a: {$in: [` + strings.Repeat(`:name,`, n/6) + `]}})` },
		"nesting": func(n int) string {
			return `db.c.insertMany([` + strings.Repeat(strings.Repeat(`[{a:`, 40)+`1`+strings.Repeat(`}]`, 40)+`,`, n/242) + `1])`
		},
		"comments": func(n int) string { return `db.c.find({` + strings.Repeat("/* x */ // y\n", n/13) + `})` },
		"chain":    func(n int) string { return `db.c.find()` + strings.Repeat(".toArray()", n/10) },
		"stages":   func(n int) string { return `db.c.aggregate([` + strings.Repeat(`{$match: {a: "$x"}},`, n/20) + `])` },
		"minus":    func(n int) string { return `db.c.find({a: ` + strings.Repeat("-", n) },
		"digits":   func(n int) string { return `db.c.find({a: ` + strings.Repeat("1", n) + "})" },
		"unclosed": func(n int) string { return `db.c.find(` + strings.Repeat("'x\\", n/3) },
	} {
		for _, n := range []int{10_000, 1_000_000} {
			text := make(n)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					s, err := lang.Parse(text)
					if err == nil {
						_ = s.Fingerprint()
					}
				}
			})
		}
	}
}

func BenchmarkStatementsIsLinear(b *testing.B) {
	for name, piece := range map[string]string{
		"statements": "db.c.insertOne({a: 1, b: 'text'})\n", "one": "{a: 1, b: 'text'},\n", "comments": "/* x */ // y\n", "string": `'x\'y`, "spaces": "        \n",
	} {
		for _, n := range []int{10_000, 1_000_000} {
			script := strings.Repeat(piece, n/len(piece))
			if name == "one" {
				script = "db.c.insertMany([" + script + "])"
			}
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(script)))
				for b.Loop() {
					for range lang.Statements(strings.NewReader(script)) {
					}
				}
			})
		}
	}
}

func BenchmarkBindAndFill(b *testing.B) {
	type track struct {
		ID   int `db:"_id"`
		Name string
		Ms   int64
		Tags []string
	}
	for _, bench := range []struct {
		name, text string
		args       []any
	}{
		{"point find", `db.tracks.findOne({_id: ?})`, []any{int64(5)}},
		{"find", `db.tracks.find({ms: {$gt: ?}}).sort({ms: -1}).limit(?)`, []any{int64(5), 10}},
		{"insert", `db.tracks.insertOne(?)`, []any{track{1, "x", 5, []string{"a", "b"}}}},
		{"update", `db.tracks.updateOne({_id: ?}, {$set: {name: ?, ms: ?}})`, []any{int64(5), "x", 7}},
	} {
		s := parse(b, bench.text)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				flat, err := s.Bind(bench.args)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Command(flat); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
