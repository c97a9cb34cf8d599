package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/retry"
)

func TestTheHostThatCanBeWrittenToIsFound(t *testing.T) {
	s, frozen := servers.Postgres(t), servers.Postgres(t, servers.Flags("-c", "default_transaction_read_only=on"))
	for _, test := range []struct {
		role     postgres.Role
		readOnly bool
		want     *servers.Server
	}{
		{"", false, s}, {"", true, frozen}, {postgres.RoleReadWrite, false, s}, {postgres.RoleReadOnly, false, frozen},
		{postgres.RoleAny, false, frozen}, {postgres.RolePrimary, false, frozen}, {postgres.RolePreferStandby, false,
			frozen}, {postgres.RoleStandby, false, nil},
	} {
		first, o := options(t, frozen.URL()), options(t, s.URL())
		o.Hosts = append(first.Hosts, o.Hosts...)
		o.Role, o.ReadOnly = test.role, test.readOnly
		e, err := suite.Connect(t, opener(o))
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
	s := servers.Postgres(t, servers.Private(), servers.Flags("-c", "max_connections=4", "-c",
		"superuser_reserved_connections=1", "-c", "max_wal_senders=0"))
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

func TestALoginThatIsCutAnywhereMayBeTriedAgain(t *testing.T) {
	s := servers.Postgres(t)
	for _, mode := range []string{"disable", "require"} {
		proxy := plinthtest.NewProxy(t, s.Addr())
		o := options(t, s.URL())
		o.Hosts[0], o.TLS = postgres.Host{Name: proxy.Host(), Port: proxy.Port()}, postgres.TLS{Mode: mode}
		once := func() error {
			e, err := plinth.New(plinth.Options{Retry: retry.Policy{Attempts: 1}}, opener(o))
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close(context.Background())
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			return e.Connect(ctx)
		}
		for _, dir := range []plinthtest.Direction{plinthtest.ToServer, plinthtest.ToClient} {
			for _, end := range []plinthtest.End{plinthtest.RST, plinthtest.FIN} {
				for n := int64(0); n < 2_000; n += 1 + n/8 {
					proxy.CutAfter(dir, n, end)
					err := once()
					if err == nil { // it was over before
						break
					}
					pe, ok := errors.AsType[*plinth.Error](err)
					if !ok || pe.Kind != plinth.ErrUnavailable || !strings.Contains(pe.Hint, "closed the connection") {
						t.Errorf("%s, %v after %d bytes %v: %v", mode, end, n, dir, err)
					}
				}
			}
		}
		proxy.CutAfter(plinthtest.Both, -1, plinthtest.RST)
		if err := once(); err != nil {
			t.Errorf("%s, uncut: %v", mode, err)
		}
	}
}

func TestAPrimaryThatStopsWritingIsLeft(t *testing.T) {
	first, second := servers.Postgres(t, servers.Private()), servers.Postgres(t)
	o := options(t, first.URL())
	o.Hosts = append(o.Hosts, options(t, second.URL()).Hosts...)
	var direct [2]*plinth.Engine
	for i, s := range []*servers.Server{first, second} {
		direct[i] = openURL(t, s.URL())
		execute(t, direct[i], "create table if not exists writes (id int primary key)", "truncate writes")
	}
	t.Cleanup(func() { _, _ = direct[1].Execute(context.Background(), "drop table writes") })
	e, err := suite.Connect(t, opener(o))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if i == 100 {
			execute(t, direct[0], "alter system set default_transaction_read_only = on", "select pg_reload_conf()")
			eventually(t, "the first server is read-only", func() bool {
				only, err := plinth.One[bool](t.Context(), direct[0], "select current_setting('default_transaction_read_only')::bool")
				return err == nil && only
			})
		}
		if _, err := e.Execute(t.Context(), "insert into writes values (?)", i); err != nil {
			t.Errorf("write %d: %v", i, err)
		}
	}
	var there [2]int
	for i, e := range direct {
		if there[i], err = plinth.One[int](t.Context(), e, "select count(*) from writes"); err != nil {
			t.Error(err)
		}
	}
	if there[0]+there[1] != 200 || there[0] < 100 || there[1] < 90 {
		t.Errorf("%d of 200 writes are on the servers", there)
	}
}
