package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// local are the options of a client for which the server is this machine's.
func (r *rogue) local() Options {
	return Options{Hosts: []Host{{Name: "127.0.0.1", Port: r.port()}}, User: "app", Database: "shop",
		ConnectTimeout: 5 * time.Second}
}

func TestNothingOfTheEnvironmentGetsIntoAConnection(t *testing.T) {
	home := t.TempDir()
	write(t, filepath.Join(home, ".pgpass"), 0o600, []byte("*:*:*:*:from-the-home\n"))
	write(t, filepath.Join(home, ".pg_service.conf"), 0o600, []byte("[here]\nhost=203.0.113.1\nuser=mallory\nwork_mem=1\n"))
	if err := os.Mkdir(filepath.Join(home, ".postgresql"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgresql.crt", "postgresql.key", "root.crt"} {
		write(t, filepath.Join(home, ".postgresql", name), 0o600, []byte("garbage"))
	}
	t.Setenv("HOME", home)
	var started *pgproto3.StartupMessage
	r := newRogue(t, func(conn net.Conn) {
		b, m, err := startup(conn, 'N', nil)
		if err != nil {
			return
		}
		started = m
		b.Send(&pgproto3.AuthenticationCleartextPassword{})
		_ = b.SetAuthType(pgproto3.AuthTypeCleartextPassword)
		if b.Flush() == nil {
			if _, err = b.Receive(); err == nil && welcome(b) == nil {
				attend(b)
			}
		}
	})
	for _, service := range []string{"", "here", "missing"} {
		for name, value := range map[string]string{
			"PGHOST": "203.0.113.1", "PGHOSTADDR": "203.0.113.1", "PGPORT": "garbage", "PGDATABASE": "other", "PGUSER": "mallory",
			"PGPASSWORD": "from-the-environment", "PGPASSFILE": filepath.Join(home, ".pgpass"), "PGSERVICE": service,
			"PGSERVICEFILE": filepath.Join(home, ".pg_service.conf"), "PGOPTIONS": "-c work_mem=1", "PGAPPNAME": "mallory",
			"PGCONNECT_TIMEOUT": "garbage", "PGSSLMODE": "garbage", "PGSSLCERT": "/missing", "PGSSLKEY": "/missing", "PGSSLROOTCERT": "/missing",
			"PGSSLCERTMODE": "garbage", "PGSSLSNI": "garbage", "PGSSLPASSWORD": "garbage", "PGSSLNEGOTIATION": "direct", "PGTZ": "garbage",
			"PGTARGETSESSIONATTRS": "standby", "PGMINPROTOCOLVERSION": "3.2", "PGMAXPROTOCOLVERSION": "garbage", "PGCHANNELBINDING": "require",
			"PGREQUIREAUTH": "scram-sha-256", "PGLOADBALANCEHOSTS": "random", "PGCLIENTENCODING": "latin1", "PGGSSENCMODE": "require",
		} {
			t.Setenv(name, value)
		}
		o := r.local()
		if _, err := dialled(t, o); err != nil {
			t.Fatalf("PGSERVICE=%s: %v", service, err)
		}
		if sent := r.wasSent(); strings.Contains(sent, "from-the") || strings.Contains(sent, "mallory") {
			t.Errorf("PGSERVICE=%s: %q was sent", service, sent)
		}
		want := map[string]string{"user": "app", "database": "shop", "client_encoding": "UTF8", "DateStyle": "ISO",
			"standard_conforming_strings": "on"}
		if fmt.Sprint(started.Parameters) != fmt.Sprint(want) {
			t.Errorf("PGSERVICE=%s: the session begins with %v, want %v", service, started.Parameters, want)
		}
		left, _ := filepath.Glob(filepath.Join(os.TempDir(), "plinth-service-*"))
		if len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	}
}

func TestBytesAreCountedOnTheSocket(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	r := newRogue(t, serveLogins('S', ca.server(t, later(), "db.example")))
	o := r.options()
	o.TLS.RootCert = ca.file
	w, err := dialled(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if n, want := w.sock.written.Load(), int64(len(r.wasSent())); n != want {
		t.Errorf("%d bytes are counted, %d arrived", n, want)
	}
	if n := w.sock.read.Load(); n == 0 {
		t.Error("none was read")
	}
	if w.pid != 7 || string(w.secret) != "\x01\x02\x03\x04" || w.status != 'I' || w.host != fmt.Sprintf("db.example:%d", r.port()) {
		t.Errorf("pid %d, secret %v, status %c, host %s", w.pid, w.secret, w.status, w.host)
	}
}

// nowhere takes what is written and never has anything to read.
type nowhere struct{ net.Conn }

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Read(p []byte) (int, error)  { return len(p), nil }

func TestCountingAllocatesNothing(t *testing.T) {
	s, p := &socket{Conn: nowhere{}}, make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = s.Write(p)
		_, _ = s.Read(p)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s.written.Load() != s.read.Load() || s.written.Load()%100 != 0 {
		t.Errorf("%d and %d bytes", s.written.Load(), s.read.Load())
	}
}

func TestTheNextHostIsTriedInOrder(t *testing.T) {
	t.Parallel()
	const off, on = "off", "on"
	server := func(standby, readOnly string) *rogue {
		return newRogue(t, serveLogins('N', nil, "in_hot_standby", standby, "default_transaction_read_only", readOnly))
	}
	closed, primary, standby, frozen := newRogue(t, func(net.Conn) {}), server(off, off), server(on, off), server(off, on)
	_ = closed.Close()
	all := map[string]*rogue{"closed": closed, "primary": primary, "standby": standby, "frozen": frozen}
	for _, test := range []struct {
		hosts    string
		role     Role
		readOnly bool
		want     string // "": none
	}{
		{"closed primary", "", false, "primary"},
		{"closed standby primary", "", false, "primary"},
		{"closed standby primary", "", true, "standby"},
		{"standby", "", false, "standby"},
		{"standby primary", RoleAny, false, "standby"},
		{"frozen standby primary", RoleReadWrite, false, "primary"},
		{"frozen standby", RoleReadWrite, false, ""},
		{"frozen standby", "", false, ""},
		{"primary frozen", RoleReadOnly, false, "frozen"},
		{"primary standby", RoleReadOnly, false, "standby"},
		{"standby frozen", RolePrimary, false, "frozen"},
		{"primary frozen standby", RoleStandby, false, "standby"},
		{"primary frozen", RoleStandby, false, ""},
		{"closed primary frozen standby", RolePreferStandby, false, "standby"},
		{"closed primary frozen", RolePreferStandby, false, "primary"},
		{"closed", "", false, ""},
	} {
		t.Run(test.hosts+" "+string(test.role), func(t *testing.T) {
			t.Parallel()
			o := Options{User: "app", Role: test.role, ReadOnly: test.readOnly}
			for _, name := range strings.Fields(test.hosts) {
				o.Hosts = append(o.Hosts, Host{Name: "127.0.0.1", Port: all[name].port()})
			}
			w, err := dialled(t, o)
			switch {
			case test.want == "":
				f, ok := errors.AsType[*driver.Fault](err)
				if !ok || f.Kind != driver.Unavailable || f.Verdict != driver.Again {
					t.Fatalf("%v: no fault to try again", err)
				}
				for _, h := range o.Hosts {
					wants(t, "error", err.Error(), h.String())
				}
			case err != nil:
				t.Error(err)
			case w.host != fmt.Sprintf("127.0.0.1:%d", all[test.want].port()):
				t.Errorf("%s isn't the %s", w.host, test.want)
			}
		})
	}
}

func TestAnOlderServerIsAskedForItsRole(t *testing.T) {
	t.Parallel()
	answer := func(question, value string) *rogue {
		return newRogue(t, func(conn net.Conn) {
			b, _, err := startup(conn, 'N', nil)
			if err != nil || welcome(b) != nil {
				return
			}
			m, err := b.Receive()
			if q, ok := m.(*pgproto3.Query); err != nil || !ok || !strings.Contains(q.String, question) {
				return
			}
			b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("x"), DataTypeOID: 25}}})
			b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(value)}})
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SHOW")})
			b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			if b.Flush() == nil {
				attend(b)
			}
		})
	}
	for _, test := range []struct {
		role            Role
		question, value string
		ok              bool
	}{
		{RoleReadWrite, "transaction_read_only", "off", true}, {RoleReadWrite, "transaction_read_only", "on", false},
		{RoleReadOnly, "transaction_read_only", "on", true}, {RoleReadOnly, "transaction_read_only", "off", false},
		{RolePrimary, "pg_is_in_recovery", "f", true}, {RolePrimary, "pg_is_in_recovery", "t", false},
		{RoleStandby, "pg_is_in_recovery", "t", true}, {RoleStandby, "pg_is_in_recovery", "f", false},
	} {
		o := answer(test.question, test.value).local()
		o.Role = test.role
		if _, err := dialled(t, o); (err == nil) != test.ok {
			t.Errorf("%s, %s = %s: %v", test.role, test.question, test.value, err)
		}
	}
}

// refuse is a server that refuses every login.
// silent never answers.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestAnAddressThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	mute, second := newRogue(t, silent), newRogue(t, serveLogins('N', nil))
	o := mute.local()
	o.ConnectTimeout = 50 * time.Millisecond
	f := refusal(t, o)
	if f.Kind != driver.Unavailable || f.Verdict != driver.Again {
		t.Errorf("%v, %v: %v", f.Kind, f.Verdict, f.Err)
	}
	wants(t, "hint", f.Hint, "nothing answers")
	wants(t, "error", f.Err.Error(), "within 50ms")

	o.Role = RoleAny
	o.Hosts = append(o.Hosts, Host{Name: "127.0.0.1", Port: second.port()})
	o.ConnectTimeout = time.Second
	if w, err := dialled(t, o); err != nil || w.host != o.Hosts[1].String() {
		t.Errorf("the second host: %v", err)
	}
}

func TestTheContextEndsADialAtOnce(t *testing.T) {
	t.Parallel()
	salted := func(conn net.Conn) { // and then silence
		if b, _, err := startup(conn, 'N', nil); err == nil {
			b.Send(&pgproto3.AuthenticationMD5Password{Salt: [4]byte{1}})
			_ = b.Flush()
			silent(conn)
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"silent": silent, "in the login": salted,
		"in the handshake": func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 8))
			_, _ = conn.Write([]byte("S"))
			silent(conn)
		},
	} {
		for _, deadline := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", deadline), func(t *testing.T) {
				t.Parallel()
				o := newRogue(t, serve).local()
				if name == "in the handshake" {
					o.TLS.Mode = "require"
				}
				to, err := o.resolve()
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				if deadline {
					ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
				} else {
					time.AfterFunc(50*time.Millisecond, cancel)
				}
				defer cancel()
				begin := time.Now()
				_, err = to.dial(ctx, nil)
				if took := time.Since(begin); took > time.Second {
					t.Errorf("it took %v", took)
				}
				f, ok := errors.AsType[*driver.Fault](err)
				if want := netdriver.ContextKind(ctx); !ok || f.Kind != want || f.Verdict != driver.Never || !errors.Is(err, ctx.Err()) {
					t.Errorf("%v, want %v that isn't tried again", err, want)
				}
			})
		}
	}
}

func TestWhoLogsInIsAskedForEachConnection(t *testing.T) {
	t.Parallel()
	r := newRogue(t, serveLogins('N', nil))
	o := r.local()
	o.User = "fixed"
	to, err := o.resolve()
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"rotated1", "rotated2", ""} {
		w, err := to.dial(t.Context(), func(context.Context) (string, string, error) { return user, "", nil })
		if err != nil {
			t.Fatal(err)
		}
		_ = w.conn.Close()
		if user == "" {
			user = "fixed"
		}
		if !strings.Contains(r.wasSent(), "user\x00"+user+"\x00") {
			t.Errorf("%s didn't log in", user)
		}
	}
	vault := errors.New("the vault is sealed")
	_, err = to.dial(t.Context(), func(context.Context) (string, string, error) { return "", "", vault })
	f, ok := errors.AsType[*driver.Fault](err)
	if !ok || f.Kind != driver.Auth || !errors.Is(err, vault) {
		t.Errorf("%v", err)
	}
}

func TestACancelRequestIsOverWhenTheServerHasClosedIt(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, encrypted := range []bool{false, true} {
		t.Run(fmt.Sprint(encrypted), func(t *testing.T) {
			t.Parallel()
			closing := make(chan struct{})
			got := make(chan *pgproto3.CancelRequest, 1)
			server := ca.server(t, later(), "db.example")
			serve := serveLogins('N', nil)
			if encrypted {
				serve = serveLogins('S', server)
			}
			first := true
			r := newRogue(t, func(conn net.Conn) {
				if first {
					first = false
					serve(conn)
					return
				}
				m, err := canceller(conn, encrypted, server)
				if err == nil {
					got <- m
					<-closing
				}
			})
			o := r.options()
			if encrypted {
				o.TLS.RootCert = ca.file
			} else {
				o.TLS.Mode = "disable"
			}
			w, err := dialled(t, o)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := w.CancelRequest(t.Context())
				done <- err
			}()
			m := <-got
			if m.ProcessID != 7 || string(m.SecretKey) != "\x01\x02\x03\x04" {
				t.Errorf("it was for %d, %v", m.ProcessID, m.SecretKey)
			}
			select {
			case err := <-done:
				t.Errorf("it was over before the server had closed it: %v", err)
			default:
			}
			close(closing)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestACancelRequestThatReachesNobodyIsntSent(t *testing.T) {
	t.Parallel()
	r := newRogue(t, serveLogins('N', nil))
	w, err := dialled(t, r.local())
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if sent, err := w.CancelRequest(t.Context()); sent || err == nil {
		t.Errorf("sent %v: %v", sent, err)
	}
}

func TestACancelRequestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	first := true
	r := newRogue(t, func(conn net.Conn) {
		if first {
			first = false
			serveLogins('N', nil)(conn)
			return
		}
		silent(conn)
	})
	w, err := dialled(t, r.local())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if sent, err := w.CancelRequest(ctx); !sent || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("sent %v: %v", sent, err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAUnixSocketIsDialled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5433"))
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serveLogins('N', nil)(conn)
			}()
		}
	}()
	w, err := dialled(t, Options{Hosts: []Host{{Name: dir, Port: 5433}}, User: "app", TLS: TLS{Mode: "verify-full"}})
	if err != nil {
		t.Fatal(err)
	}
	if w.network != "unix" || w.conn != net.Conn(w.sock) {
		t.Errorf("network %s, connection %T", w.network, w.conn)
	}
}
