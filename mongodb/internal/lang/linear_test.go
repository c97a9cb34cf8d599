package lang_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

// Bytes allocated stand for work, which no clock measures reliably on a busy machine: of ten times the text there may be
// twelve times as many. Not parallel: it reads the whole process's counter.
func TestWorkGrowsWithTheTextAndNotFaster(t *testing.T) {
	for name, text := range map[string]func(n int) string{
		"documents": func(n int) string {
			return `db.c.insertMany([` + strings.Repeat(`{a: 1, b: "te\nxt", c: [1.5, {d: null}]},`, n) + `])`
		},
		"nesting": func(n int) string {
			return `db.c.insertMany([` + strings.Repeat(`{a:`+strings.Repeat(`[{a:`, 40)+`1`+strings.Repeat(`}]`, 40)+`},`, n/10) + `])`
		},
		"holes":   func(n int) string { return `db.c.find({a: {$in: [` + strings.Repeat(`?,`, n) + `]}})` },
		"stages":  func(n int) string { return `db.c.aggregate([` + strings.Repeat(`{$match: {a: "$x"}},`, n) + `])` },
		"escapes": func(n int) string { return `db.c.find({a: "` + strings.Repeat(`\n\u0041`, n) + `"})` },
		"chain":   func(n int) string { return `db.c.find()` + strings.Repeat(`.toArray()`, n) },
		"script":  func(n int) string { return strings.Repeat("db.c.find({a: 'x'})\n  .limit(5) // one\n", n) },
	} {
		work := func(n int) float64 {
			input := text(n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if name == "script" {
				for _, err := range lang.Statements(strings.NewReader(input)) {
					if err != nil {
						t.Fatal(err)
					}
				}
			} else {
				_ = parse(t, input).Fingerprint()
			}
			runtime.ReadMemStats(&after)
			return float64(after.TotalAlloc - before.TotalAlloc)
		}
		if small, large := work(2000), work(20_000); large > 12*small+1<<20 {
			t.Errorf("%s: %.0f bytes, and %.0f for ten times the text", name, small, large)
		}
	}
}
