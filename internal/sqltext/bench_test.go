package sqltext

import (
	"strings"
	"testing"
)

const benchmarkQuery = `SELECT t.track_id, t.name, a.title, ar.name AS artist, sum(il.quantity) AS sold
FROM track t JOIN album a ON a.album_id = t.album_id JOIN artist ar ON ar.artist_id = a.artist_id
LEFT JOIN invoice_line il ON il.track_id = t.track_id
WHERE t.genre_id IN (?) AND lower(t.name) LIKE ? AND t.milliseconds BETWEEN ? AND ? -- the long ones
GROUP BY t.track_id, t.name, a.title, ar.name HAVING count(*) > 3 ORDER BY sold DESC LIMIT ?`

func BenchmarkCompile(b *testing.B) {
	for _, d := range dialects() {
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(benchmarkQuery)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(benchmarkQuery, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFingerprint(b *testing.B) {
	b.SetBytes(int64(len(benchmarkQuery)))
	b.ReportAllocs()
	for b.Loop() {
		Fingerprint(benchmarkQuery, SQLite())
	}
}

func BenchmarkStatements(b *testing.B) {
	rows := strings.Repeat("    (1, 'For Those About To Rock (We Salute You)', 343719, 0.99),\n", 1000)
	script := strings.Repeat("INSERT INTO track VALUES\n"+rows+"    (2, 'It''s a Long Way', 1, 2);\n", 16) +
		strings.Repeat("UPDATE track SET name = 'x' WHERE track_id = 17;\n", 10000)
	for _, d := range dialects() {
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(script)))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range Statements(strings.NewReader(script), d) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 10016 {
					b.Fatal(n)
				}
			}
		})
	}
}

func BenchmarkBind(b *testing.B) {
	plain, _ := Compile("UPDATE t SET a = ?, b = ? WHERE id = ?", SQLite())
	list, _ := Compile("SELECT a FROM t WHERE id IN (?) AND b = ?", SQLite())
	byName, _ := Compile("UPDATE t SET a = :a, b = :b WHERE id = :id", SQLite())
	type values struct{ ID, A, B int }
	for name, run := range map[string]func() error{
		"positional": func() error { _, _, err := plain.Binder.Bind([]any{1, 2, 3}); return err },
		"list":       func() error { _, _, err := list.Binder.Bind([]any{[]int{1, 2, 3, 4, 5}, 2}); return err },
		"map": func() error {
			_, _, err := byName.Binder.Bind([]any{map[string]any{"a": 1, "b": 2, "id": 3}})
			return err
		},
		"struct": func() error { _, _, err := byName.Binder.Bind([]any{&values{1, 2, 3}}); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
