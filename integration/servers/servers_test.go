package servers_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plinthdb/plinth/integration/servers"
)

func TestMain(m *testing.M) {
	if os.Getenv(guestEnv) != "" {
		guest()
		return
	}
	servers.Main(m)
}

// each runs a test on every kind of server that holds data.
func each(t *testing.T, test func(t *testing.T, open func(opts ...servers.Option) *servers.Server)) {
	t.Run("postgres", func(t *testing.T) {
		test(t, func(opts ...servers.Option) *servers.Server { return servers.Postgres(t, opts...) })
	})
	t.Run("mariadb", func(t *testing.T) {
		test(t, func(opts ...servers.Option) *servers.Server { return servers.MariaDB(t, opts...) })
	})
}

func TestAServerStartsFromItsTemplate(t *testing.T) {
	each(t, func(t *testing.T, open func(opts ...servers.Option) *servers.Server) {
		open(servers.Private()) // makes the template if there is none
		start := time.Now()
		s := open(servers.Private())
		started := time.Since(start)
		start = time.Now()
		url := s.Database(t)
		t.Logf("%s: started in %s, a database in %s", s.Version(), started.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
		if got := ask(t, url, "select 1+1"); got != "2" {
			t.Errorf("got %q", got)
		}
	})
}

func TestTestsShareAServerOfTheSameOptions(t *testing.T) {
	each(t, func(t *testing.T, open func(opts ...servers.Option) *servers.Server) {
		s := open()
		if s != open() {
			t.Error("two servers for the same options")
		}
		if s == open(servers.NoTLS()) {
			t.Error("one server for different options")
		}
		if s == open(servers.Private()) {
			t.Error("a private server is shared")
		}
	})
}

func TestASharedServerCannotBeStopped(t *testing.T) {
	each(t, func(t *testing.T, open func(opts ...servers.Option) *servers.Server) {
		s := open()
		for name, err := range map[string]error{
			"Stop": s.Stop(), "Kill": s.Kill(), "Restart": s.Restart(), "Signal": s.Signal(syscall.SIGSTOP),
		} {
			if err == nil || !strings.Contains(err.Error(), "Private") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !s.Running() {
			t.Error("it doesn't run")
		}
	})
}

func TestADatabaseIsEmptyAndGoneAfterTheTest(t *testing.T) {
	each(t, func(t *testing.T, open func(opts ...servers.Option) *servers.Server) {
		s := open()
		names := "select count(*) from information_schema.schemata where schema_name like 'test_%'"
		tables := "select count(*) from information_schema.tables where table_schema = database()"
		if s.Kind() == servers.KindPostgres {
			names = "select count(*) from pg_database where datname like 'test_%'"
			tables = "select count(*) from information_schema.tables where table_schema = 'public'"
		}
		before := ask(t, s.URL(), names)
		for range 2 {
			t.Run("test", func(t *testing.T) {
				url := s.Database(t)
				if got := ask(t, url, tables); got != "0" {
					t.Errorf("%s tables in a new database", got)
				}
				tell(t, url, "create table things (id int primary key)")
				if got := ask(t, url, tables); got != "1" {
					t.Errorf("%s tables after one was made", got)
				}
				hold(t, url, "select * from things") // a transaction that is open when the test ends
			})
		}
		if after := ask(t, s.URL(), names); after != before {
			t.Errorf("%s databases before, %s after", before, after)
		}
	})
}

func TestEveryUserLogsInAsSaid(t *testing.T) {
	each(t, func(t *testing.T, open func(opts ...servers.Option) *servers.Server) {
		s := open()
		whoami := "select concat(substring_index(user(), '@', 1), ' ', if(@@ssl_ca <> '', (select variable_value <> '' from " +
			"information_schema.session_status where variable_name = 'Ssl_cipher'), ''))"
		if s.Kind() == servers.KindPostgres {
			whoami = "select current_user || ' ' || ssl::int from pg_stat_ssl where pid = pg_backend_pid()"
		}
		for _, u := range s.Users() {
			want := u.Name + " 1"
			if u.Login == "unix_socket" {
				want = u.Name + " 0"
			}
			if got := ask(t, s.URLAs(u.Name, ""), whoami); got != want {
				t.Errorf("%s (%s): got %q, want %q", u.Name, u.Login, got, want)
			}
			if u.Password == "" {
				continue
			}
			wrong := strings.Replace(s.URLAs(u.Name, ""), u.Password, "wrong", 1)
			if err := try(t.Context(), wrong, "select 1"); err == nil {
				t.Errorf("%s logs in with a wrong password", u.Name)
			}
		}
	})
}

func TestPasswordsAreKeptAsScram(t *testing.T) {
	s := servers.Postgres(t)
	got := ask(t, s.URL(), "select string_agg(rolname || ' ' || left(rolpassword, 3), ',' order by rolname) from pg_authid where rolpassword is not null")
	if want := "app SCR,md5 md5,postgres SCR"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAClientCertificateOfAnotherCAIsRefused(t *testing.T) {
	each(t, func(t *testing.T, open func(opts ...servers.Option) *servers.Server) {
		s := open()
		user := "x509"
		if s.Kind() == servers.KindPostgres {
			user = "cert"
		}
		url := s.URLAs(user, "")
		tell(t, url, "select 1")
		c := s.Certs()
		url = strings.NewReplacer(c.ClientKey, c.OtherClientKey, c.Client, c.OtherClient).Replace(url)
		if err := try(t.Context(), url, "select 1"); err == nil {
			t.Error("it was let in")
		}
	})
}

func TestWrongCertificatesAreWrongForAClientThatVerifies(t *testing.T) {
	each(t, func(t *testing.T, open func(opts ...servers.Option) *servers.Server) {
		for cert, want := range map[servers.Cert]string{
			servers.CertSelfSigned: "certificate signed by unknown authority",
			servers.CertWrongName:  "certificate is valid for|doesn't contain any IP SANs",
			servers.CertExpired:    "certificate has expired",
		} {
			s := open(servers.WithCert(cert))
			err := try(t.Context(), s.URL(), "select 1")
			if err == nil || !slices.ContainsFunc(strings.Split(want, "|"), func(w string) bool { return strings.Contains(err.Error(), w) }) {
				t.Errorf("%s: got %v, want %q", cert, err, want)
			}
			s.Database(t) // still works: it's for the harness
		}
		tell(t, open(servers.NoTLS()).Database(t), "select 1")
	})
}

func TestAuthIsForEverybodyButTheFirstUser(t *testing.T) {
	for _, method := range []string{"trust", "password", "md5", "cert"} {
		s := servers.Postgres(t, servers.Auth(method))
		tell(t, s.URL(), "select 1")
		app := s.URLAs("app", "")
		err := try(t.Context(), app, "select 1")
		nobody := try(t.Context(), strings.Replace(app, s.Users()[1].Password, "wrong", 1), "select 1")
		if letIn := err == nil; letIn != (method != "cert") {
			t.Errorf("%s, right password: %v", method, err)
		}
		if letIn := nobody == nil; letIn != (method == "trust") {
			t.Errorf("%s, wrong password: %v", method, nobody)
		}
	}
	s := servers.Postgres(t, servers.Auth("hostnossl all app all scram-sha-256", "host all all all reject"))
	if err := try(t.Context(), s.URLAs("app", ""), "select 1"); err == nil {
		t.Error("lines of pg_hba.conf aren't heeded")
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	if got := ask(t, servers.Postgres(t, servers.Flags("-c", "max_connections=17")).URL(), "show max_connections"); got != "17" {
		t.Errorf("max_connections is %s", got)
	}
	if got := ask(t, servers.MariaDB(t, servers.Flags("--max-connections=17")).URL(), "select @@max_connections"); got != "17" {
		t.Errorf("max_connections is %s", got)
	}
	bouncer := servers.PgBouncer(t, servers.Postgres(t), servers.Flags("max_client_conn = 17"))
	if got := ask(t, bouncer.URLAs("", "pgbouncer"), "show config"); !strings.Contains(got, "max_client_conn 17 ") {
		t.Errorf("got %s", got)
	}
}

func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	each(t, func(t *testing.T, open func(opts ...servers.Option) *servers.Server) {
		s := open(servers.Durable(), servers.Private())
		url, addr, pid := s.Database(t), s.Addr(), s.Pid()
		tell(t, url, "create table things (id int primary key)")
		for i := range 50 {
			tell(t, url, fmt.Sprintf("insert into things values (%d)", i))
		}
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if s.Running() || try(t.Context(), url, "select 1") == nil {
			t.Error("it runs still")
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, url, "select count(*) from things"); got != "50" {
			t.Errorf("%s of 50 rows are there", got)
		}
		if s.Addr() != addr || s.Pid() == pid {
			t.Errorf("was %s with pid %d, is %s with pid %d", addr, pid, s.Addr(), s.Pid())
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, url, "select count(*) from things"); got != "50" {
			t.Errorf("%s of 50 rows are there after Restart", got)
		}
	})
}

func TestSignalMakesAServerHang(t *testing.T) {
	each(t, func(t *testing.T, open func(opts ...servers.Option) *servers.Server) {
		s := open(servers.Private())
		url := s.Database(t)
		held := hold(t, url, "select 1")
		if err := s.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := held(ctx, "select 1"); err == nil {
			t.Error("an open connection answers")
		}
		if err := try(ctx, url, "select 1"); err == nil {
			t.Error("a new connection answers")
		}
		if err := s.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		tell(t, url, "select 1")
		if err := s.Signal(syscall.SIGSTOP); err != nil { // and it can be closed
			t.Fatal(err)
		}
	})
}

func TestStartAfterCloseIsRefused(t *testing.T) {
	s := servers.Postgres(t, servers.Private())
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Start(); err == nil {
		t.Error("it started")
	}
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	servers.Postgres(t)
	_, err := servers.Start(t.Context(), servers.KindPostgres, servers.Flags("-c", "no_such_setting=1"))
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := servers.Start(ctx, servers.KindPostgres); err == nil {
		t.Errorf("it started with an ended context: %v", s.Close())
	}
}

func TestGoroutinesAreKnownToGoleak(t *testing.T) {
	servers.Postgres(t)
	goleak.VerifyNone(t, goleak.IgnoreAnyFunction(servers.Goroutines), goleak.IgnoreTopFunction("testing.(*T).Run"))
}

func TestPgBouncerStandsBeforeADatabase(t *testing.T) {
	behind := servers.Postgres(t)
	s := servers.PgBouncer(t, behind)
	url := s.Database(t)
	tell(t, url, "create table things (id int)")
	direct := strings.Replace(url, s.Addr(), behind.Addr(), 1)
	if direct == url || ask(t, direct, "select count(*) from things") != "0" {
		t.Errorf("%s isn't before %s", url, direct)
	}
	if got := ask(t, s.URLAs("", "pgbouncer"), "show config"); !strings.Contains(got, "pool_mode transaction ") {
		t.Errorf("got %s", got)
	}
	own := servers.PgBouncer(t, behind, servers.Private())
	url = own.Database(t)
	tell(t, url, "select 1")
	if err := own.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := try(t.Context(), url, "select 1"); err == nil {
		t.Error("it runs still")
	}
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	tell(t, url, "select 1")
}
