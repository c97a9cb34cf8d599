package servers_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// dial opens a URL of a server with the clients that others wrote, TLS verified.
func dial(link string) (*sql.DB, error) {
	if strings.HasPrefix(link, "postgres:") {
		c, err := pgx.ParseConfig(link)
		if err != nil {
			return nil, err
		}
		c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // all that PgBouncer's console takes
		return stdlib.OpenDB(*c), nil
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil, err
	}
	c, params := mysql.NewConfig(), u.Query()
	c.User, c.Net, c.Addr, c.DBName = u.User.Username(), "tcp", u.Host, u.Path[1:]
	c.Passwd, _ = u.User.Password()
	c.Logger = &mysql.NopLogger{} // tests fail on purpose
	if path := params.Get("socket"); path != "" {
		c.Net, c.Addr = "unix", path
	}
	if params.Get("ssl_mode") == "VERIFY_IDENTITY" {
		c.TLS = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: u.Hostname()}
		ca, err := os.ReadFile(params.Get("ssl_ca"))
		if err != nil || !c.TLS.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("no CA in %s: %w", params.Get("ssl_ca"), err)
		}
	}
	if cert := params.Get("ssl_cert"); cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, params.Get("ssl_key"))
		if err != nil {
			return nil, err
		}
		c.TLS.Certificates = []tls.Certificate{pair}
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// query returns all values of the result, with spaces between.
func query(ctx context.Context, link, statement string) (string, error) {
	db, err := dial(link)
	if err != nil {
		return "", err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	var all []string
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return "", err
		}
		for _, v := range values {
			all = append(all, v.String)
		}
	}
	return strings.Join(all, " "), rows.Err()
}

func ask(t *testing.T, link, statement string) string {
	t.Helper()
	got, err := query(t.Context(), link, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return got
}

func tell(t *testing.T, link, statement string) {
	t.Helper()
	ask(t, link, statement)
}

func try(ctx context.Context, link, statement string) error {
	_, err := query(ctx, link, statement)
	return err
}

// hold runs a statement in a transaction that stays open, and returns how to run another in it.
func hold(t *testing.T, link, statement string) func(ctx context.Context, statement string) error {
	t.Helper()
	db, err := dial(link)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, statement string) error {
		_, err := tx.ExecContext(ctx, statement)
		return err
	}
	if err := run(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = tx.Rollback() // the server may have ended it
		_ = db.Close()
	})
	return run
}
