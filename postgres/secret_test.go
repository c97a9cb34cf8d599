package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
)

// password is one that no message holds four characters of by chance.
const password = "Zq7Vx9Kp2LmWt"

// shows returns the part of the password that the error shows in any form, or "".
func shows(err error) string {
	var texts []string
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		texts = append(texts, fmt.Sprintf("%v\x00%+v\x00%q", err, err, err))
		if f, ok := err.(*driver.Fault); ok {
			texts = append(texts, fmt.Sprintf("%+v", *f))
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		}
	}
	walk(err)
	text := strings.Join(texts, "\x00")
	for i := range len(password) - 3 {
		if strings.Contains(text, password[i:i+4]) {
			return password[i : i+4]
		}
	}
	return ""
}

// echo asks for the password in clear and says it in an error.
func echo(conn net.Conn) {
	b, _, err := startup(conn, 'N', nil)
	if err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationCleartextPassword{})
	_ = b.SetAuthType(pgproto3.AuthTypeCleartextPassword)
	if b.Flush() != nil {
		return
	}
	m, err := b.Receive()
	if p, ok := m.(*pgproto3.PasswordMessage); err == nil && ok {
		b.Send(&pgproto3.ErrorResponse{Severity: p.Password, Code: "28P01", Message: "wrong: " + p.Password, Detail: p.Password,
			Hint:      p.Password,
			TableName: p.Password, ConstraintName: p.Password})
		_ = b.Flush()
	}
}

func TestAServerCannotSayThePassword(t *testing.T) {
	t.Parallel()
	o := newRogue(t, echo).local()
	o.Password = config.NewSecret(password)
	f := refusal(t, o)
	if part := shows(f); part != "" {
		t.Errorf("%v shows %q", f, part)
	}
	wants(t, "error", f.Error(), "wrong: [redacted]")
	if f.Kind != driver.Auth {
		t.Errorf("kind %v", f.Kind)
	}
}

func FuzzErrorsShowNoPassword(f *testing.F) {
	f.Add("", uint8(0), []byte(nil), uint8(0))
	f.Add("@", uint8(18), []byte("N"), uint8(1))
	f.Add("/", uint8(20), []byte("SHTTP/1.1 400"), uint8(2))
	f.Add("&sslmode=require", uint8(60), []byte("S\x15\x03\x01\x00\x02\x02\x28"), uint8(2))
	f.Add("&require_auth=", uint8(60), []byte("R\x00\x00\x00\x08\x00\x00\x00\x03E\x00\x00\x00\x10SFATAL\x00C28P01\x00\x00"),
		uint8(2))
	f.Add("?", uint8(25), []byte("R\x00\x00\x00\x08\x00\x00\x00\x03"), uint8(3))
	f.Fuzz(func(t *testing.T, insert string, at uint8, answer []byte, server uint8) {
		url := "postgres://app:" + password + "@db.example:5433/shop?connect_timeout=1"
		cut := min(int(at), len(url))
		c, err := config.Parse(url[:cut] + insert + url[cut:])
		if err != nil {
			return // package config's own fuzzing looks at its errors
		}
		if !c.Password.Equal(config.NewSecret(password)) || strings.Contains(c.Redacted(), password[4:8]) {
			return // it's another password, and this one's text is somewhere else by the URL's own words
		}
		o, err := fromConfig(c)
		if err == nil {
			o.Lookup = func(_ context.Context, name string) ([]string, error) {
				if server&4 != 0 {
					return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
				}
				return []string{"127.0.0.1"}, nil
			}
			o.Dial = func(_ context.Context, network, address string) (net.Conn, error) {
				if server&3 == 0 {
					return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
				}
				ours, theirs := net.Pipe()
				_ = theirs.SetDeadline(time.Now().Add(time.Second))
				go func() {
					defer func() { _ = theirs.Close() }()
					if server&3 == 1 {
						echo(theirs)
						return
					}
					p := make([]byte, 1<<10)
					for len(answer) > 0 { // a bit of the answer for whatever comes
						if _, err := theirs.Read(p); err != nil {
							return
						}
						n := len(answer)
						if server&3 == 3 {
							n = (n + 1) / 2
						}
						if _, err := theirs.Write(answer[:n]); err != nil {
							return
						}
						answer = answer[n:]
					}
				}()
				return ours, nil
			}
			var to *target
			if to, err = o.resolve(); err == nil {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var w *wire
				if w, err = to.dial(ctx, nil); err == nil {
					_ = w.conn.Close()
					return
				}
				if part := shows(errors.New(to.label())); part != "" {
					t.Errorf("the label shows %q", part)
				}
			}
		}
		fault, ok := errors.AsType[*driver.Fault](err)
		if !ok {
			t.Fatalf("%T isn't a fault: %v", err, err)
		}
		if part := shows(fault); part != "" {
			t.Errorf("%v (hint %s) shows %q", fault, fault.Hint, part)
		}
	})
}
