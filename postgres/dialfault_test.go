package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
)

func TestARefusedLoginEndsTheSearch(t *testing.T) {
	t.Parallel()
	for code, hint := range map[string]string{"28P01": "no password was given", "28000": "pg_hba.conf", "3D000": "create the database", "42501": ""} {
		first := newRogue(t, refuse(code, "no"))
		second := newRogue(t, serveLogins('N', nil))
		o := first.local()
		o.Role = RoleAny
		o.TLS.Mode = "disable"
		o.Hosts = append(o.Hosts, Host{Name: "127.0.0.1", Port: second.port()})
		f := refusal(t, o)
		if f.Code != code || f.Verdict != driver.Never || second.connections() != 0 {
			t.Errorf("%s: %+v, and %d connections to the second host", code, f, second.connections())
		}
		wants(t, code, f.Hint, hint)
		if _, ok := errors.AsType[*pgconn.PgError](f); !ok {
			t.Errorf("%s: the server's error isn't in %v", code, f)
		}
		if _, ok := errors.AsType[*pgconn.ConnectError](f); ok {
			t.Errorf("%s: pgconn's error, which holds the password, is", code)
		}
	}
}

func refuse(code, message string) func(net.Conn) {
	return func(conn net.Conn) {
		if b, _, err := startup(conn, 'N', nil); err == nil {
			b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: message})
			_ = b.Flush()
		}
	}
}

func TestWhatTheServerSaysAtLoginIsClassified(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code, message string
		kind          driver.Kind
		verdict       driver.Verdict
		hint          string
		down          bool
	}{
		{"53300", "sorry, too many clients already", driver.Unavailable, driver.Again, "max_connections", false},
		{"57P03", "the database system is starting up", driver.Unavailable, driver.Again, "starting", true},
		{"08P01", "no more connections allowed (max_client_conn)", driver.Unavailable, driver.Again, "max_client_conn", false},
		{"08P01", "server login has been failing, try again later", driver.Unavailable, driver.Again, "", true},
		{"08P01", "unsupported startup parameter: search_path", driver.Argument, driver.Never, "PgBouncer", false},
		{"42704", `unrecognized configuration parameter "sslmod"`, driver.Argument, driver.Never, "parameter of the URL", false},
		{"42501", "permission denied for database", driver.Permission, driver.Never, "", false},
		{"XX999", "nobody knows", driver.Unknown, driver.Never, "", false},
		{"", "", driver.Unknown, driver.Never, "", false},
	} {
		f := refusal(t, newRogue(t, refuse(test.code, test.message)).local())
		if f.Kind != test.kind || f.Verdict != test.verdict || f.Sent || f.Unreachable() != test.down {
			t.Errorf("%s: kind %v, verdict %v, sent %v, down %v", test.code, f.Kind, f.Verdict, f.Sent, f.Unreachable())
		}
		wants(t, test.code, f.Hint, test.hint)
		wants(t, test.code, f.Err.Error(), test.message)
	}
}

func TestWhatCannotBeReachedIsExplained(t *testing.T) {
	t.Parallel()
	r := newRogue(t, func(net.Conn) {})
	_ = r.Close()
	dir := t.TempDir()
	for _, test := range []struct {
		name  string
		o     Options
		cause error
		hint  string
	}{
		{"a closed port", r.local(), syscall.ECONNREFUSED, "is the server running"},
		{"no socket", Options{Hosts: []Host{{Name: dir}}, User: "app"}, syscall.ENOENT, "unix_socket_directories"},
		{"no such host", Options{Hosts: []Host{{Name: "db.invalid"}}, User: "app", Lookup: func(context.Context, string) ([]string,
			error) {
			return nil, &net.DNSError{Err: "no such host", Name: "db.invalid", IsNotFound: true}
		}}, nil, "name of the host"},
		{"no addresses", Options{Hosts: []Host{{Name: "db.invalid"}}, User: "app", Lookup: func(context.Context, string) ([]string,
			error) {
			return nil, nil
		}}, nil, "name of the host"},
		{"hangs up", newRogue(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 8)) }).local(), nil, "closed the connection"},
		{"hangs up at once", newRogue(t, func(net.Conn) {}).local(), nil, "closed the connection"},
	} {
		f := refusal(t, test.o)
		if f.Kind != driver.Unavailable || f.Verdict != driver.Again || test.cause != nil && !errors.Is(f, test.cause) {
			t.Errorf("%s: %v, %v, %v", test.name, f.Kind, f.Verdict, f.Err)
		}
		wants(t, test.name, f.Hint, test.hint)
		wants(t, test.name, f.Err.Error(), test.o.Hosts[0].Name)
	}
}

func TestAPasswordIsNotSentInClearOverANetwork(t *testing.T) {
	t.Parallel()
	asks := func(conn net.Conn) {
		b, _, err := startup(conn, 'N', nil)
		if err != nil {
			return
		}
		b.Send(&pgproto3.AuthenticationCleartextPassword{})
		_ = b.SetAuthType(pgproto3.AuthTypeCleartextPassword)
		_ = b.Flush()
		if _, err := b.Receive(); err == nil && welcome(b) == nil {
			attend(b)
		}
	}
	for _, test := range []struct {
		host, requireAuth string
		sent              bool
	}{
		{"db.example", "", false},
		{"db.example", "password", true},
		{"db.example", "scram-sha-256", false},
		{"127.0.0.1", "", true},
		{"127.0.0.1", "!password", false},
	} {
		r := newRogue(t, asks)
		o := r.options()
		o.Hosts[0].Name, o.RequireAuth, o.TLS.Mode, o.Password = test.host, test.requireAuth, "disable", config.NewSecret("in-the-clear")
		_, err := dialled(t, o)
		if got := strings.Contains(r.wasSent(), "in-the-clear"); got != test.sent || (err == nil) != test.sent {
			t.Errorf("%+v: sent %v, %v", test, got, err)
		}
		if f, ok := errors.AsType[*driver.Fault](err); ok {
			if f.Kind != driver.Auth || f.Verdict != driver.Never {
				t.Errorf("%+v: %v, %v", test, f.Kind, f.Verdict)
			}
			if test.requireAuth == "" {
				wants(t, "hint", f.Hint, "sslmode=verify-full", "require_auth=password")
			}
		}
	}
}

func TestGarbageTakesNoMemory(t *testing.T) {
	t.Parallel()
	for name, garbage := range map[string]string{
		"a long message":           "R\x3f\xff\xff\xff",
		"a negative length":        "R\xff\xff\xff\xff",
		"an unknown message":       "?\x00\x00\x00\x04",
		"another protocol":         "SSH-2.0-OpenSSH_9.2\r\n",
		"text":                     "HTTP/1.1 400 Bad Request\r\n\r\n",
		"ready without a login":    "Z\x00\x00\x00\x05I",
		"a row":                    "D\x00\x00\x00\x06\x00\x00",
		"authentication of type 9": "R\x00\x00\x00\x08\x00\x00\x00\x63",
	} {
		t.Run(name, func(t *testing.T) {
			o := newRogue(t, func(conn net.Conn) {
				_, _ = conn.Read(make([]byte, 1<<10))
				_, _ = io.WriteString(conn, garbage)
			}).local()
			o.TLS.Mode = "disable"
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f := refusal(t, o)
			runtime.ReadMemStats(&after)
			if f.Verdict == driver.IfSafe || f.Kind != driver.Unavailable {
				t.Errorf("%v, %v: %v", f.Kind, f.Verdict, f.Err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("%d bytes were allocated", grown)
			}
		})
	}
}
