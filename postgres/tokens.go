package postgres

import (
	"context"
	"io"
	"strconv"

	"github.com/plinthdb/plinth/driver"
)

// Tokens implements driver.Tokens. A token is a bytea, which no collation or encoding touches. ON CONFLICT DO NOTHING waits
// for another transaction that has the same token open, and where it commits nothing is inserted: no transaction is
// aborted, and no error is in the server's log.
func (b *backend) Tokens() driver.TokenStatements {
	return driver.TokenStatements{
		Bytes: true,
		Create: []string{
			`CREATE TABLE IF NOT EXISTS plinth_tokens (
	token bytea NOT NULL PRIMARY KEY,
	result text,
	created_at timestamptz NOT NULL DEFAULT now()
)`,
			"CREATE INDEX IF NOT EXISTS plinth_tokens_created_at ON plinth_tokens (created_at)",
		},
		Insert: "INSERT INTO plinth_tokens (token) VALUES ($1) ON CONFLICT (token) DO NOTHING",
		Store:  "UPDATE plinth_tokens SET result = $1 WHERE token = $2",
		Find:   "SELECT result FROM plinth_tokens WHERE token = $1",
		Prune: `DELETE FROM plinth_tokens WHERE token IN (
	SELECT token FROM plinth_tokens WHERE created_at < now() - make_interval(secs => $1)
	ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	}
}

// identity is who a session is on the server. Moments are microseconds, as the server has them: a pid is used again, but not
// in the same microsecond.
type identity struct {
	pid, since int64
	tx         int64 // when the transaction began; 0: of no interest, because nobody else is given this session
}

// Identity implements driver.Fencer. What it asks for is asked once a connection. Behind a pooler, which is known by the
// pid that the login was told being none of the server's, it's asked in each transaction, and counts for that one only.
func (s *session) Identity(ctx context.Context) (any, error) {
	if s.who != nil {
		return *s.who, nil
	}
	numbers, err := s.numbers(ctx, "SELECT pid, "+micros("backend_start")+", "+micros("xact_start")+
		" FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())")
	if err != nil || len(numbers) != 3 {
		return nil, err
	}
	who := identity{pid: numbers[0], since: numbers[1], tx: numbers[2]}
	if who.pid == int64(s.pid) && !s.back.to.PgBouncer {
		who.tx = 0
		s.who = &who
	}
	return who, nil
}

// Fence implements driver.Fencer, by pg_terminate_backend. Of its own role's sessions every role may ask for that.
func (s *session) Fence(ctx context.Context, who any) error {
	id, ok := who.(identity)
	if !ok {
		return driver.Faultf(driver.Argument, "a %T is no session of PostgreSQL's", who)
	}
	text := "SELECT pg_catalog.pg_terminate_backend(pid)::int FROM pg_catalog.pg_stat_get_activity(" + strconv.FormatInt(id.pid, 10) +
		") WHERE " + micros("backend_start") + " = " + strconv.FormatInt(id.since, 10)
	if id.tx != 0 {
		text += " AND " + micros("xact_start") + " = " + strconv.FormatInt(id.tx, 10)
	}
	_, err := s.numbers(ctx, text)
	return err
}

func micros(column string) string { return "(extract(epoch FROM " + column + ") * 1000000)::bigint" }

// numbers runs a query of whole numbers and returns its first row; nothing if there is none, or a number isn't known.
func (s *session) numbers(ctx context.Context, text string) ([]int64, error) {
	stmt, err := s.back.Compile(text)
	if err != nil {
		return nil, err
	}
	rows, err := s.Query(ctx, &driver.Request{Stmt: stmt, Native: text})
	if err != nil {
		return nil, err
	}
	var numbers []int64
	vals, err := rows.Next(ctx)
	for _, v := range vals {
		n, ok := v.Any().(int64)
		if !ok {
			numbers = nil
			break
		}
		numbers = append(numbers, n)
	}
	_, cerr := rows.Close(ctx)
	if err == nil || err == io.EOF {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	return numbers, nil
}
