package mariadb_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mariadb"
)

// others are the sessions that others have on this database.
const others = "from information_schema.processlist where db = database() and id <> connection_id()"

// slow is a query that nobody waits for.
const slow = "select seq from seq_1_to_100000000000 where seq + 0 < 0"

// database is MariaDB as the suite sees it.
var database = &suite.Database{
	Server: servers.MariaDB, Engine: mariadb.Open, FromConfig: mariadb.OpenConfig,
	Opener:  func(c suite.Client) driver.Opener { return opener(own(c)) },
	Reserve: 2, // what sends a KILL has no database
	Asides:  1, End: end, Busy: busy,
	ShortWaits: "innodb_lock_wait_timeout=0",
	SQL: suite.SQL{
		Number:  "?",
		Numbers: "select seq from seq_1_to_1000 where seq <= ?",
		Nonces:  "select concat(?) as nonce, seq as g, repeat('x', seq % 50) as pad from seq_1_to_3000 where seq <= ?",
		Endless: "select seq, repeat('x', 100) from seq_1_to_10000000",
		Big: []string{
			"select seq, repeat('x', 1000) from seq_1_to_100000000000",
			"select seq, repeat('x', 20000) from seq_1_to_100000000000 where seq <= 5 or seq % 500000000 = 1", // the server sends what fills a buffer
		},
		Slow:     slow,
		Running:  "select count(*) " + others + " and info like 'select seq%'",
		Doze:     "select sleep(0.004)",
		Fails:    "select exp(1000 * ?)",
		Name:     "set @mine = 'mine'",
		Named:    "select @mine",
		Sessions: "select count(*) " + others,

		SessionID: "connection_id()",
		LoggedIn:  "select substring_index(user(), '@', 1)",
		Mine: func(nonce string) []string {
			return []string{
				"set @mine = '" + nonce + "'", "create temporary table shared (n int)", "insert into shared values (2)",
				"select get_lock('mine', 0)", "set session sort_buffer_size = 123456, time_zone = '+05:00'", "set names latin1",
				"set autocommit = 0", "use mysql",
			}
		},
		Is: "select @mine",
		Traces: `select concat_ws(' ', coalesce(@mine, 'unset'), (select n from shared), @@sort_buffer_size = 123456, @@time_zone,
			@@character_set_client, @@autocommit = 1, coalesce(is_used_lock('mine') = connection_id(), 0))`,
		Clean:   "unset 1 0 +00:00 utf8mb4 1 0",
		Batched: "insert into entry (token) select ?",
		Routines: []string{
			"create procedure written_by(t bigint) insert into entry (token) values (t)",
			"create function written(t bigint) returns bigint modifies sql data begin insert into entry (token) values (t); return t; end",
		},
		Writes: []suite.Write{
			{Name: "a CTE before the write", Text: "insert into entry (token) with v as (select ? as token) select token from v"},
			{Name: "REPLACE", Text: "replace into entry (token) values (?)"},
		},
		Fresh: 2, Anew: 2, // each text is prepared first
	},
	TLS:   tlsWords,
	Guard: guard,
	Bulk:  suite.Bulk{Tables: bulkTables, Insert: insertThing},
}

// activeTransaction is what InnoDB says of one, up to the session that has it.
var activeTransaction = regexp.MustCompile(`(?m)^---TRANSACTION .*, ACTIVE.*\n(?:[^-].*\n)*?(?:MariaDB|MySQL) thread id (\d+)`)

// busy asks for InnoDB's own report: information_schema.innodb_trx isn't renewed as long as somebody reads it ten times a second.
func busy(ctx context.Context, q plinth.Querier) (int, error) {
	status, err := q.FetchOne(ctx, "show engine innodb status")
	if err != nil {
		return 0, err
	}
	text, err := status.Text("Status")
	if err != nil {
		return 0, err
	}
	var active []string
	for _, match := range activeTransaction.FindAllStringSubmatch(text, -1) {
		active = append(active, match[1])
	}
	n := 0
	for session, err := range plinth.Each[struct {
		ID      int64
		Command string
	}](ctx, q, "select id, command "+others) {
		if err != nil {
			return 0, err
		}
		if session.Command != "Sleep" || slices.Contains(active, strconv.FormatInt(session.ID, 10)) {
			n++
		}
	}
	return n, nil
}

// end has the server end sessions.
func end(ctx context.Context, q plinth.Querier, most int) (int, error) {
	ids, err := plinth.All[int64](ctx, q, "select id "+others+" order by rand()")
	if err != nil {
		return 0, err
	}
	ended := 0
	for _, id := range ids {
		_, err := q.Execute(ctx, fmt.Sprintf("kill %d", id))
		if pe, ok := errors.AsType[*plinth.Error](err); ok && pe.Code == "1094" {
			continue // it has gone
		} else if err != nil {
			return ended, err
		}
		if ended++; ended == most {
			break
		}
	}
	return ended, nil
}

func TestSoak(t *testing.T) { database.Soak(t) }

func TestPromises(t *testing.T) { database.Promises(t) }

func TestFaults(t *testing.T) { database.Faults(t) }
