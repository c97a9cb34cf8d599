package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
)

// BenchmarkPointSelect reads one row by its key: with pgx's pool and a hand-written Scan, and through an engine with default
// options. Both have a context that can be cancelled, and no TLS. cpu-ns/op is what the process used.
func BenchmarkPointSelect(b *testing.B) {
	url := strings.ReplaceAll(servers.Postgres(b).Database(b), "sslmode=verify-full", "sslmode=disable")
	e := openURL(b, url)
	execute(b, e, "create table albums (id bigint primary key, title text not null, artist bigint not null)",
		"insert into albums select g, 'title ' || g, g % 10 from generate_series(1, 1000) g")
	const text = "select id, title, artist from albums where id = $1"
	type album struct {
		ID     int64
		Title  string
		Artist int64
	}
	pool, err := pgxpool.New(b.Context(), strings.Split(url, "&sslrootcert")[0])
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run("pgx", func(b *testing.B) {
		measure(b, func(i int) error {
			var a album
			return pool.QueryRow(ctx, text, int64(i%1000+1)).Scan(&a.ID, &a.Title, &a.Artist)
		})
	})
	b.Run("plinth", func(b *testing.B) {
		measure(b, func(i int) error {
			_, err := plinth.One[album](ctx, e, text, int64(i%1000+1))
			return err
		})
	})
	b.Run("pgx1000", func(b *testing.B) {
		measure(b, func(int) error {
			rows, err := pool.Query(ctx, "select id, title, artist from albums")
			if err != nil {
				return err
			}
			defer rows.Close()
			all := make([]album, 0, 16)
			for rows.Next() {
				var a album
				if err := rows.Scan(&a.ID, &a.Title, &a.Artist); err != nil {
					return err
				}
				all = append(all, a)
			}
			if len(all) != 1000 {
				return fmt.Errorf("%d rows", len(all))
			}
			return rows.Err()
		})
	})
	b.Run("plinth1000", func(b *testing.B) {
		measure(b, func(int) error {
			_, err := plinth.All[album](ctx, e, "select id, title, artist from albums")
			return err
		})
	})
	b.Run("pgxinsert", func(b *testing.B) {
		measure(b, func(i int) error {
			_, err := pool.Exec(ctx, "update albums set artist = $1 where id = $2", int64(i), int64(i%1000+1))
			return err
		})
	})
	b.Run("plinthinsert", func(b *testing.B) {
		measure(b, func(i int) error {
			_, err := e.Execute(ctx, "update albums set artist = $1 where id = $2", int64(i), int64(i%1000+1))
			return err
		})
	})
}

// measure runs f b.N times and reports the processor time of this process.
func measure(b *testing.B, f func(i int) error) {
	b.ReportAllocs()
	before := cpu(b)
	i := 0
	for b.Loop() {
		if err := f(i); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(i), "cpu-ns/op")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
