package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/sqlite"
)

// tracks is how many rows there are to select.
const tracks = 10_000

// trip is how long bytes take each way where there is a delay: a round trip of 2.8 ms.
const trip = 1400 * time.Microsecond

func postgresWorkloads() []workload {
	near, far := onServer(servers.KindPostgres, postgres.Open, 0), onServer(servers.KindPostgres, postgres.Open, trip)
	return []workload{
		{"postgres selects", 64, 2.5, near, selects},
		{"postgres selects", 256, 3.5, near, selects},
		{"postgres selects, 2.8 ms away", 64, 3.5, far, selects},
		{"postgres selects, 2.8 ms away", 256, 8, far, selects},
		{"postgres marked inserts", 64, 4, near, inserts(0)},
		{"postgres marked inserts", 256, 8, near, inserts(0)},
		{"postgres marked inserts, 1 % fail", 64, 3.5, near, inserts(100)},
		{"postgres marked inserts, 10 % fail", 64, 1.8, near, inserts(10)},
		{"postgres selects, 1 % take 500 ms", 64, 1, near, someSlow},
		{"postgres selects", 1, 1.03, near, selects},
	}
}

func sqliteWorkloads() []workload {
	return []workload{
		{"sqlite inserts, FULL", 64, 20, onFile("full"), inserts(0)},
		{"sqlite inserts, NORMAL", 64, 4.5, onFile("normal"), inserts(0)},
		{"sqlite selects", 1, 1.03, onFile("normal"), selects},
		{"sqlite inserts, NORMAL", 1, 1.03, onFile("normal"), inserts(0)},
	}
}

func mariadbWorkloads() []workload {
	near, far := onServer(servers.KindMariaDB, mariadb.Open, 0), onServer(servers.KindMariaDB, mariadb.Open, trip)
	return []workload{
		{"mariadb marked inserts", 64, 2, near, inserts(0)},
		{"mariadb selects", 64, 1.2, near, selects},
		{"mariadb selects, 2.8 ms away", 64, 3, far, selects},
		{"mariadb selects", 1, 1.03, near, selects},
	}
}

// selects reads a row by its key.
func selects(ctx context.Context, e *plinth.Engine, r *rand.Rand) error {
	_, err := plinth.One[struct {
		ID   int64
		Name string
	}](ctx, e, "select id, name from track where id = ?", r.IntN(tracks))
	return err
}

// someSlow is selects, of which one of a hundred takes 500 ms.
func someSlow(ctx context.Context, e *plinth.Engine, r *rand.Rand) error {
	if r.IntN(100) > 0 {
		return selects(ctx, e, r)
	}
	_, err := plinth.One[string](ctx, e, "select cast(pg_sleep(0.5) as text)")
	return err
}

// inserts adds a row; one of so many is refused, for its key is taken.
func inserts(refused int) func(context.Context, *plinth.Engine, *rand.Rand) error {
	var last atomic.Int64
	last.Store(rand.Int64N(1 << 40))
	return func(ctx context.Context, e *plinth.Engine, r *rand.Rand) error {
		id := last.Add(1)
		if refused > 0 && r.IntN(refused) == 0 {
			id = 0
		}
		_, err := e.Execute(plinth.Idempotent(ctx), "insert into play (id, track_id, note) values (?, ?, ?)", id, r.IntN(tracks), "a note of usual length")
		if id == 0 && errors.Is(err, plinth.ErrUnique) {
			return nil
		}
		return err
	}
}

// fill makes the tables, if that wasn't done before.
func fill(ctx context.Context, e *plinth.Engine) error {
	for _, text := range []string{
		"create table if not exists track (id bigint primary key, name varchar(100) not null)",
		"create table if not exists play (id bigint primary key, track_id bigint not null, note varchar(100) not null)",
	} {
		if _, err := e.Execute(ctx, text); err != nil {
			return err
		}
	}
	if n, err := plinth.One[int](ctx, e, "select count(*) from track"); err != nil || n > 0 {
		return err
	}
	if _, err := e.Execute(ctx, "insert into play values (0, 0, 'taken')"); err != nil {
		return err
	}
	_, err := e.ExecuteMany(ctx, "insert into track values (?, ?)", func(yield func([]any) bool) {
		for id := range tracks {
			if !yield([]any{id, "For Those About To Rock (We Salute You)"}) {
				return
			}
		}
	})
	return err
}

func onFile(synchronous string) func(context.Context, string, plinth.Options) (*plinth.Engine, func(), error) {
	return func(ctx context.Context, dir string, o plinth.Options) (*plinth.Engine, func(), error) {
		o.URL = "sqlite:" + filepath.Join(dir, "bench.db") + "?_synchronous=" + synchronous
		return ready(ctx, sqlite.Open, o, func() {})
	}
}

// onServer returns what opens an engine on a server that both sides of a workload have, behind a delay.
func onServer(
	kind servers.Kind, open func(context.Context, ...plinth.Options) (*plinth.Engine, error), delay time.Duration,
) func(context.Context, string, plinth.Options) (*plinth.Engine, func(), error) {
	return func(ctx context.Context, _ string, o plinth.Options) (*plinth.Engine, func(), error) {
		server, err := servers.Start(ctx, kind, servers.Durable())
		if err != nil {
			return nil, nil, err
		}
		database := "postgres"
		if kind == servers.KindMariaDB {
			database = "bench"
			admin, err := mariadb.Open(ctx, plinth.Options{URL: server.URL()})
			if err != nil {
				return nil, nil, err
			}
			if _, err := admin.Execute(ctx, "create database if not exists bench"); err != nil {
				return nil, nil, err
			}
			if err := admin.Close(ctx); err != nil {
				return nil, nil, err
			}
		}
		o.URL = server.URLAs("", database)
		if delay == 0 {
			return ready(ctx, open, o, func() { _ = server.Close() })
		}
		proxy, err := plinthtest.Listen(server.Addr())
		if err != nil {
			return nil, nil, err
		}
		proxy.Delay(plinthtest.Both, delay, 0)
		o.URL = proxy.URL(o.URL)
		return ready(ctx, open, o, func() {
			_ = proxy.Close()
			_ = server.Close()
		})
	}
}

func ready(
	ctx context.Context, open func(context.Context, ...plinth.Options) (*plinth.Engine, error), o plinth.Options, closed func(),
) (*plinth.Engine, func(), error) {
	e, err := open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if err := fill(ctx, e); err != nil {
		return nil, nil, err
	}
	return e, func() {
		_ = e.Close(ctx)
		closed()
	}, nil
}
