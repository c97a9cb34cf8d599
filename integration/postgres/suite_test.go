package postgres_test

import (
	"context"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/postgres"
)

// others are the sessions that others have on this database.
const others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"

// slow is a query that nobody waits for.
const slow = "with recursive s (i) as (select 1 union all select i + 1 from s where i < 1000000000) select i from s where i < 0"

// database is PostgreSQL as the suite sees it.
var database = &suite.Database{
	Server: servers.Postgres, Engine: postgres.Open, FromConfig: postgres.OpenConfig,
	Opener:  func(c suite.Client) driver.Opener { return opener(own(c)) },
	Reserve: 2, // cancel requests aren't sessions
	End: func(ctx context.Context, q plinth.Querier, most int) (int, error) {
		return plinth.One[int](ctx, q, "select count(pg_terminate_backend(pid)) from (select pid "+others+
			" order by random() limit nullif(?::bigint, 0)) s", most)
	},
	Busy: func(ctx context.Context, q plinth.Querier) (int, error) {
		return plinth.One[int](ctx, q, "select count(*) "+others+" and state <> 'idle'")
	},
	ShortWaits: "lock_timeout=5ms", DeadlocksSoon: []servers.Option{servers.Flags("-c", "deadlock_timeout=10ms")},
	SQL: suite.SQL{
		Number:  "?::bigint",
		Numbers: "select g from generate_series(1, ?) g",
		Nonces:  "select ?::text as nonce, g, repeat('x', g % 50) as pad from generate_series(1, ?) g",
		Endless: "select generate_series(1, 10000000), repeat('x', 100)", // in FROM it would be made before its first row
		Big: []string{
			"with recursive s (i) as (select 1 union all select i + 1 from s where i < 1000000000) select i, repeat('x', 1000) from s",
			"with recursive s (i) as (select 1 union all select i + 1 from s where i < 1000000000) select i, repeat('x', 10000) from s " +
				"where i <= 5 or i % 500000000 = 1", // the server sends what fills a buffer
		},
		Slow:     slow,
		Running:  "select count(*) " + others + " and state = 'active' and query like 'with recursive%'",
		Doze:     "select pg_sleep(0.004)",
		Fails:    "select 1 / (? - 1)",
		Name:     "set application_name = 'mine'",
		Named:    "show application_name",
		Sessions: "select count(*) " + others,

		SessionID: "pg_backend_pid()",
		LoggedIn:  "select session_user::text",
		Mine: func(nonce string) []string {
			return []string{
				"set plinth.mine = '" + nonce + "'", "create temporary table shared (n int)", "insert into shared values (2)",
				"select pg_advisory_lock_shared(1)", "prepare mine as select 1", "set search_path to nowhere, pg_temp", "listen mine",
			}
		},
		Is: "select current_setting('plinth.mine')",
		Traces: `select concat_ws(' ', coalesce(nullif(current_setting('plinth.mine', true), ''), 'unset'),
			(select n from shared), current_setting('search_path'),
			(select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
			(select count(*) from pg_listening_channels()), (select count(*) from pg_prepared_statements where name = 'mine'))`,
		Clean:   `unset 1 "$user", public 0 0 0`,
		Batched: "insert into entry (token) values (? + 0)", // not by COPY
		Routines: []string{
			"create procedure written_by(bigint) language sql as 'insert into entry (token) values ($1)'",
			"create function written(bigint) returns bigint language sql as 'insert into entry (token) values ($1) returning token'",
		},
		Writes: []suite.Write{
			{Name: "a CTE that writes", Text: "with w as (insert into entry (token) values (?) returning token) select token from w", Returns: true},
			{Name: "a CTE before the write", Text: "with v as (select ?::bigint as token) insert into entry (token) select token from v"},
		},
		Fresh: 2, Anew: 2, // each text is prepared first
	},
	TLS:   tlsWords,
	Guard: guard,
	Bulk:  bulk,
}

func TestSoak(t *testing.T) { database.Soak(t) }

func TestPromises(t *testing.T) { database.Promises(t) }

func TestFaults(t *testing.T) { database.Faults(t) }
