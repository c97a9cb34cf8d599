package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/postgres"
)

func TestTheHostThatCanBeWrittenToIsFound(t *testing.T) {
	s, frozen := servers.Postgres(t), servers.Postgres(t, servers.Flags("-c", "default_transaction_read_only=on"))
	for _, test := range []struct {
		role     postgres.Role
		readOnly bool
		want     *servers.Server
	}{
		{"", false, s}, {"", true, frozen}, {postgres.RoleReadWrite, false, s}, {postgres.RoleReadOnly, false, frozen},
		{postgres.RoleAny, false, frozen}, {postgres.RolePrimary, false, frozen}, {postgres.RolePreferStandby, false, frozen}, {postgres.RoleStandby, false, nil},
	} {
		first, o := options(t, frozen.URL()), options(t, s.URL())
		o.Hosts = append(first.Hosts, o.Hosts...)
		o.Role, o.ReadOnly = test.role, test.readOnly
		e, err := connect(t, o)
		if test.want == nil {
			if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrUnavailable || !strings.Contains(err.Error(), "isn't a standby") {
				t.Errorf("%s: %v", test.role, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.role, err)
			continue
		}
		got, err := plinth.One[string](t.Context(), e, "select host(inet_server_addr()) || ':' || inet_server_port()")
		if err != nil || got != test.want.Addr() {
			t.Errorf("%s, read only %v: %s, want %s, %v", test.role, test.readOnly, got, test.want.Addr(), err)
		}
	}
}

func TestWhatASessionBeginsWith(t *testing.T) {
	url := servers.Postgres(t).Database(t)
	admin := openURL(t, url)
	execute(t, admin, "do $$ begin execute format('alter database %I set datestyle = ''SQL, DMY''', current_database()); end $$",
		"do $$ begin execute format('alter database %I set standard_conforming_strings = off', current_database()); end $$")
	e := openURL(t, url+"&application_name=shop&search_path=one,two&TimeZone=Asia/Tokyo&app.tenant=7&read_only=true&options=-c%20geqo%3Doff")
	for name, want := range map[string]string{
		"client_encoding": "UTF8", "DateStyle": "ISO, MDY", "standard_conforming_strings": "on", "application_name": "shop", "search_path": "one,two",
		"TimeZone": "Asia/Tokyo", "app.tenant": "7", "default_transaction_read_only": "on", "geqo": "off",
	} {
		if got, err := plinth.One[string](t.Context(), e, "select current_setting(?)", name); err != nil || got != want {
			t.Errorf("%s: %s, want %s, %v", name, got, want, err)
		}
	}
}

func TestAServerThatIsDownOrFullIsTriedAgain(t *testing.T) {
	s := servers.Postgres(t, servers.Private(), servers.Flags("-c", "max_connections=4", "-c", "superuser_reserved_connections=1", "-c", "max_wal_senders=0"))
	app := s.URLAs("app", "postgres")
	holder := openURL(t, app, poolOf(3))
	held := make([]*plinth.Tx, 3)
	for i := range held {
		var err error
		if held[i], err = holder.Begin(t.Context(), plinth.TxOptions{}); err != nil {
			t.Fatal(err)
		}
		execute(t, held[i], "select 1")
	}
	e := openURL(t, app, func(o *plinth.Options) { o.Retry.Attempts = 2 })
	_, err := e.Execute(t.Context(), "select 1")
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrUnavailable || pe.Code != "53300" || len(pe.Attempts) != 2 ||
		!strings.Contains(pe.Hint, "max_connections") {
		t.Errorf("full: %v", err)
	}
	for _, tx := range held {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	_, err = e.Execute(t.Context(), "select 1")
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrUnavailable || len(pe.Attempts) != 2 || !strings.Contains(pe.Hint, "is the server running") {
		t.Errorf("down: %v", err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Execute(t.Context(), "select 1"); err != nil {
		t.Errorf("up again: %v", err)
	}
}

func TestPgBouncerIsToldApart(t *testing.T) {
	bouncer := servers.PgBouncer(t, servers.Postgres(t))
	url := bouncer.URL()
	e := openURL(t, url+"&pgbouncer=true")
	for i := range 20 {
		if n, err := plinth.One[int](t.Context(), e, "select ?::int", i); err != nil || n != i {
			t.Fatalf("%d, %v", n, err)
		}
	}
	_, err := openURL(t, url+"&pgbouncer=true&statement_timeout=5s").Execute(t.Context(), "select 1")
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrArgument || !strings.Contains(pe.Hint, "PgBouncer") {
		t.Errorf("a startup parameter that PgBouncer doesn't take: %v", err)
	}
}
