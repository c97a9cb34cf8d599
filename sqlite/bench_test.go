package sqlite

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

// benchmarkSession returns a session that writes to a file with a table of 1,000 rows.
func benchmarkSession(b *testing.B) *session {
	s := write(b, newFile(b, Options{}))
	run(b, s, "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INTEGER, f REAL)")
	begin(b, s, driver.TxOptions{})
	for i := range 1000 {
		run(b, s, "INSERT INTO t(name, n, f) VALUES (?, ?, ?)", fmt.Sprintf("name %d", i), i, float64(i)/3)
	}
	end(b, s, true)
	b.ReportAllocs()
	b.ResetTimer()
	return s
}

func benchmarkQuery(b *testing.B, ctx context.Context, s *session, req *driver.Request) (n int) {
	rows, err := s.Query(ctx, req)
	if err != nil {
		b.Fatal(err)
	}
	for ; ; n++ {
		if _, err := rows.Next(ctx); err == io.EOF {
			break
		} else if err != nil {
			b.Fatal(err)
		}
	}
	rows.Close(ctx)
	return n
}

func BenchmarkPointSelect(b *testing.B) {
	for name, ctx := range map[string]context.Context{"background": context.Background(), "cancelable": b.Context()} {
		b.Run(name, func(b *testing.B) {
			s := benchmarkSession(b)
			req := request("SELECT id, name, n, f FROM t WHERE id = ?", nil)
			for i := 0; b.Loop(); i++ {
				req.Args[0] = int64(i%1000 + 1)
				benchmarkQuery(b, ctx, s, req)
			}
		})
	}
}

func BenchmarkInsert(b *testing.B) {
	s := benchmarkSession(b)
	req := request("INSERT INTO t(name, n, f) VALUES (?, ?, ?)", "a name", int64(7), 2.5)
	for b.Loop() {
		if _, err := s.Execute(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInsertInATransaction(b *testing.B) {
	s := benchmarkSession(b)
	req := request("INSERT INTO t(name, n, f) VALUES (?, ?, ?)", "a name", int64(7), 2.5)
	begin(b, s, driver.TxOptions{})
	for b.Loop() {
		if _, err := s.Execute(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
	end(b, s, false)
}

func BenchmarkScan1000(b *testing.B) {
	for name, ctx := range map[string]context.Context{"background": context.Background(), "cancelable": b.Context()} {
		b.Run(name, func(b *testing.B) {
			s := benchmarkSession(b)
			req := request("SELECT id, name, n, f FROM t")
			for b.Loop() {
				if n := benchmarkQuery(b, ctx, s, req); n < 1000 {
					b.Fatal(n, "rows")
				}
			}
		})
	}
}

func BenchmarkAcquireAndRelease(b *testing.B) {
	back := newFile(b, Options{})
	b.ReportAllocs()
	for b.Loop() {
		s, err := back.Acquire(b.Context(), driver.Need{Access: driver.Read})
		if err != nil {
			b.Fatal(err)
		}
		s.Release(driver.Keep)
	}
}

// BenchmarkRaw is the same without this package, for comparison.
func BenchmarkRawPointSelect(b *testing.B) {
	s := benchmarkSession(b)
	st, _, err := s.db.PrepareTransient("SELECT id, name, n, f FROM t WHERE id = ?")
	if err != nil {
		b.Fatal(err)
	}
	defer st.Finalize()
	for i := 0; b.Loop(); i++ {
		st.BindInt64(1, int64(i%1000+1))
		st.Step()
		sinkInt = st.ColumnInt64(0) + st.ColumnInt64(2)
		sinkText, sinkFloat = st.ColumnText(1), st.ColumnFloat(3)
		st.Step()
		st.Reset()
	}
}

func BenchmarkRawScan1000(b *testing.B) {
	s := benchmarkSession(b)
	st, _, err := s.db.PrepareTransient("SELECT id, name, n, f FROM t")
	if err != nil {
		b.Fatal(err)
	}
	defer st.Finalize()
	for b.Loop() {
		for more, _ := st.Step(); more; more, _ = st.Step() {
			sinkInt = st.ColumnInt64(0) + st.ColumnInt64(2)
			sinkText, sinkFloat = st.ColumnText(1), st.ColumnFloat(3)
		}
		st.Reset()
	}
}

var (
	sinkInt   int64
	sinkText  string
	sinkFloat float64
)

// BenchmarkWatch is what a context that can end costs a call.
func BenchmarkWatch(b *testing.B) {
	s := write(b, newMemory(b))
	b.ReportAllocs()
	for b.Loop() {
		s.watch.start(b.Context())
		s.watch.end()
	}
}
