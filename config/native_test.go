package config

import (
	"maps"
	"slices"
	"testing"
	"testing/fstest"
)

// nativeCase is a configuration, found where nothing but what the case says is around.
type nativeCase struct {
	name string
	opts []Option
	env  []string
	disk fstest.MapFS
	want map[string]string // by key, as from has it
	err  []string
}

func runNative(t *testing.T, cases []nativeCase) {
	t.Helper()
	for _, tt := range cases {
		quiet, _ := logged()
		c, err := Load(t.Context(), append([]Option{environ(tt.env...), files(tt.disk), quiet}, tt.opts...)...)
		if got := lines(err); !slices.Equal(got, tt.err) {
			t.Errorf("%s\n got %q\nwant %q", tt.name, got, tt.err)
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(tt.want)) {
			if got := from(c, key); got != tt.want[key] {
				t.Errorf("%s: %s is %q, want %q", tt.name, key, got, tt.want[key])
			}
		}
	}
}

func TestTheVariablesOfLibpqFillWhatIsMissing(t *testing.T) {
	t.Parallel()
	all := []string{
		"PGHOST", "db", "PGPORT", "5433", "PGUSER", "me", "PGPASSWORD", "s3cret", "PGDATABASE", "shop", "PGSSLMODE", "verify-full",
		"PGSSLROOTCERT", "/ca", "PGSSLCERT", "/cert", "PGSSLKEY", "/key", "PGAPPNAME", "cart", "PGCONNECT_TIMEOUT", "5",
		"PGOPTIONS", "-c geqo=off", "PGTARGETSESSIONATTRS", "read-write",
	}
	runNative(t, []nativeCase{
		{"where the engine is asked for", []Option{WithEngine(PostgreSQL)}, all, nil, map[string]string{
			"engine": "postgres (argument)", "host": "db (environment PGHOST)", "port": "5433 (environment PGPORT)",
			"user": "me (environment PGUSER)", "password": "[redacted] (environment PGPASSWORD)", "database": "shop (environment PGDATABASE)",
			"sslmode": "verify-full (environment PGSSLMODE)", "sslrootcert": "/ca (environment PGSSLROOTCERT)", "sslcert": "[redacted] (environment PGSSLCERT)",
			"sslkey": "[redacted] (environment PGSSLKEY)", "application_name": "cart (environment PGAPPNAME)", "connect_timeout": "5 (environment PGCONNECT_TIMEOUT)",
			"target_session_attrs": "read-write (environment PGTARGETSESSIONATTRS)", "max_open_conns": "10 (default)",
		}, nil},
		{"and where a URL names it", []Option{WithURL("postgres://you@h/db?sslmode=require")}, all, nil, map[string]string{
			"host": "h (argument)", "port": "5433 (environment PGPORT)", "user": "you (argument)", "database": "db (argument)",
			"sslmode": "require (argument)", "application_name": "cart (environment PGAPPNAME)",
		}, nil},
		{"and go before a default URL of theirs", []Option{WithEngine(PostgreSQL), WithDefaultURL("postgres://d/d")}, []string{"PGDATABASE", "shop"}, nil, map[string]string{
			"database": "shop (environment PGDATABASE)", "host": "localhost (default)",
		}, nil},
		{"but not the environment's URL", []Option{WithEngine(PostgreSQL)}, append([]string{"DATABASE_URL", "postgres://u/u"}, all...), nil, map[string]string{
			"host": "u (environment DATABASE_URL)", "user": "me (environment PGUSER)",
		}, nil},
		{"several hosts", []Option{WithEngine(PostgreSQL)}, []string{"PGHOST", "a,b", "PGPORT", "1,2"}, nil, map[string]string{
			"host": "a (environment PGHOST)", "port": "1 (environment PGPORT)", "other_hosts": "b:2 (environment PGPORT)",
		}, nil},
		{"a URL's hosts and a port for them", []Option{WithURL("postgres://a,b/d")}, []string{"PGPORT", "6"}, nil, map[string]string{
			"port": "6 (environment PGPORT)", "other_hosts": "b:6 (environment PGPORT)",
		}, nil},
		{"a socket", []Option{WithURL("postgres:///d")}, []string{"PGHOST", "/run/pg"}, nil, map[string]string{"host": "/run/pg (environment PGHOST)", "port": "5432 (default)"}, nil},
		{"a setting alone is no target", []Option{WithEngine(PostgreSQL)}, []string{"PGSSLMODE", "require"}, nil, nil, []string{
			"config: url (from environment DATABASE_URL): no database is named; set DATABASE_URL, for instance to postgres://user@host/database, or give a URL as an argument",
		}},
		{"nothing without the engine", nil, all, nil, nil, []string{
			"config: url (from environment DATABASE_URL): no database is named; set DATABASE_URL, for instance to sqlite:app.db, or give a URL as an argument",
		}},
		{"nothing for a name", []Option{WithEngine(PostgreSQL), WithName("orders")}, all, nil, nil, []string{
			"config: url (from environment ORDERS_DATABASE_URL): isn't set; set it to the database's URL, for instance sqlite:orders.db",
		}},
		{"nothing for another engine", []Option{WithURL("mariadb://h/d")}, all, nil, map[string]string{"user": "", "port": "3306 (default)"}, nil},
		{"all that is wrong", []Option{WithEngine(PostgreSQL)}, []string{"PGHOST", "a b", "PGPORT", "x", "PGSSLMODE", "on"}, nil, nil, []string{
			"config: host (from environment PGHOST): isn't a name, an address or the path of a socket",
			"config: port (from environment PGPORT): isn't a number from 1 to 65535; if a password is in the way, write its @ as %40, : as %3A, / as %2F and ? as %3F",
			"config: sslmode (from environment PGSSLMODE): has a wrong value; one of disable, allow, prefer, require, verify-ca, verify-full",
		}},
	})
}

func TestTheVariablesOfMariaDBFillWhatIsMissing(t *testing.T) {
	t.Parallel()
	maria := []Option{WithEngine(MariaDB)}
	runNative(t, []nativeCase{
		{"the client's", maria, []string{"MYSQL_HOST", "db", "MYSQL_TCP_PORT", "3307", "MYSQL_PWD", "x", "MYSQL_UNIX_PORT", "/run/s"}, nil, map[string]string{
			"host": "db (environment MYSQL_HOST)", "port": "3307 (environment MYSQL_TCP_PORT)", "password": "[redacted] (environment MYSQL_PWD)",
		}, nil},
		{"the socket of this machine", maria, []string{"MYSQL_HOST", "localhost", "MYSQL_TCP_PORT", "3307", "MYSQL_UNIX_PORT", "/run/s"}, nil, map[string]string{
			"host": "/run/s (environment MYSQL_UNIX_PORT)", "port": "",
		}, nil},
		{"no socket where a port is said", []Option{WithURL("mariadb://:3308/d")}, []string{"MYSQL_UNIX_PORT", "/run/s"}, nil, map[string]string{
			"host": "localhost (default)", "port": "3308 (argument)",
		}, nil},
		{"the container image's", maria, []string{"MARIADB_USER", "me", "MYSQL_USER", "other", "MYSQL_PASSWORD", "x", "MARIADB_DATABASE", "shop", "MARIADB_ROOT_PASSWORD", "y"}, nil, map[string]string{
			"user": "me (environment MARIADB_USER)", "password": "[redacted] (environment MYSQL_PASSWORD)", "database": "shop (environment MARIADB_DATABASE)",
			"host": "localhost (default)",
		}, nil},
		{"its secrets", maria, []string{"MYSQL_USER", "me", "MYSQL_PASSWORD_FILE", "/s"}, fstest.MapFS{"s": private("x\n")}, map[string]string{
			"password": "[redacted] (environment MYSQL_PASSWORD_FILE)",
		}, nil},
		{"its user's password is for that user", []Option{WithURL("mariadb://you@h/d")}, []string{"MARIADB_USER", "me", "MARIADB_PASSWORD", "x"}, nil, map[string]string{
			"user": "you (argument)", "password": "",
		}, nil},
		{"a URL's hosts and a port for them", []Option{WithURL("mariadb://a,b/d")}, []string{"MYSQL_TCP_PORT", "6"}, nil, map[string]string{
			"port": "6 (environment MYSQL_TCP_PORT)", "other_hosts": "b:6 (environment MYSQL_TCP_PORT)",
		}, nil},
		{"nothing is said of root", maria, []string{"MARIADB_ROOT_PASSWORD", "y"}, nil, nil, []string{
			"config: url (from environment DATABASE_URL): no database is named; set DATABASE_URL, for instance to mariadb://user@host/database, or give a URL as an argument",
		}},
		{"X and X_FILE", maria, []string{"MARIADB_PASSWORD", "x", "MARIADB_PASSWORD_FILE", "/s"}, nil, nil, []string{
			"config: password (from environment MARIADB_PASSWORD): is given by MARIADB_PASSWORD_FILE as well; unset one of the two",
		}},
		{"a wrong socket", maria, []string{"MYSQL_UNIX_PORT", "run/s"}, nil, nil, []string{"config: socket (from environment MYSQL_UNIX_PORT): isn't an absolute path"}},
	})
}

func TestMongoDBsVariableIsAWholeTarget(t *testing.T) {
	t.Parallel()
	env := []string{"MONGODB_URI", "mongodb://me:x@h/d?appName=y&timeout=5s"}
	runNative(t, []nativeCase{
		{"where the engine is asked for", []Option{WithEngine(MongoDB)}, env, nil, map[string]string{
			"host": "h (environment MONGODB_URI)", "password": "[redacted] (environment MONGODB_URI)", "timeout": "5s (environment MONGODB_URI)",
		}, nil},
		{"from a file", []Option{WithEngine(MongoDB)}, []string{"MONGODB_URI_FILE", "/s"}, fstest.MapFS{"s": private("mongodb://h/d")}, map[string]string{
			"host": "h (environment MONGODB_URI_FILE)",
		}, nil},
		{"and nothing beside another", []Option{WithURL("mongodb://other")}, env, nil, map[string]string{"host": "other (argument)", "user": "", "timeout": "off (default)"}, nil},
		{"of another engine", []Option{WithEngine(MongoDB)}, []string{"MONGODB_URI", "postgres://h"}, nil, nil, []string{
			"config: engine (from environment MONGODB_URI): is postgres, but mongodb is asked for; use postgres.Open, or open.Open, which takes any",
		}},
	})
}

func TestAnOverridesTargetIsFilledToo(t *testing.T) {
	t.Parallel()
	env := environ("DATABASE_URL", "sqlite:app.db", "PGPASSWORD", "x")
	c, err := Load(WithOverride(t.Context(), WithURL("postgres://h/d")), env)
	if err != nil || from(c, "password") != "[redacted] (environment PGPASSWORD)" {
		t.Errorf("got %s, %v", from(c, "password"), err)
	}
	base, err := Load(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	c, err = base.Under(WithOverride(t.Context(), WithURL("postgres://h/d"), env))
	if err != nil || from(c, "password") != "[redacted] (environment PGPASSWORD)" {
		t.Errorf("got %s, %v", from(c, "password"), err)
	}
}
