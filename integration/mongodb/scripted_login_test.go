package mongodb_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/integration/mongotest"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/retry"
)

const password = "s3cret, pässword="

// guarded starts a replica set that asks who logs in, and returns the options of who may.
func guarded(t *testing.T) (*mongotest.Server, mongodb.Options) {
	t.Helper()
	s := mongotest.Start(t, mongotest.Users(map[string]string{"app": password}))
	o := optionsOf(t, s.URL())
	o.User, o.Password, o.Auth.Source = "app", config.NewSecret(password), "admin"
	return s, o
}

func TestALoginBySCRAM(t *testing.T) {
	t.Parallel()
	s, o := guarded(t)
	for _, mechanism := range []string{"", "SCRAM-SHA-256"} {
		o.Auth.Mechanism = mechanism
		e, err := suite.Connect(t, opener(o))
		if err != nil {
			t.Fatalf("%q: %v", mechanism, err)
		}
		if _, err := e.Execute(t.Context(), "db.things.insertOne({a: 1})"); err != nil {
			t.Errorf("%q: %v", mechanism, err)
		}
	}
	if n := s.LoggedIn("app"); n != 2 {
		t.Errorf("%d connections are logged in", n)
	}
}

// TestALoginMayTakeLong, as SCRAM does on a busy machine: the two seconds that opening waits for a server aren't for that.
func TestALoginMayTakeLong(t *testing.T) {
	t.Parallel()
	s, o := guarded(t)
	s.Fail(mongotest.Failure{Command: "saslContinue", Block: 3 * time.Second, Times: -1})
	e, err := plinth.New(plinth.Options{Retry: retry.Policy{Attempts: 1}}, opener(o))
	if err != nil {
		t.Fatal(err)
	}
	suite.CloseWith(t, e)
	if err := e.Connect(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLoginsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*mongodb.Options)
		code   string
		says   string
	}{
		{"a wrong password", func(o *mongodb.Options) { o.Password = config.NewSecret("wrong") }, "18", "check the user, the password and authSource"},
		{"nobody", func(o *mongodb.Options) { o.User = "nobody" }, "18", "check"},
		{"no login", func(o *mongodb.Options) { o.User, o.Password = "", config.Secret{} }, "13", "requires authentication"},
		{"a mechanism that isn't offered", func(o *mongodb.Options) { o.Auth.Mechanism = "SCRAM-SHA-1" }, "334", "isn't offered"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, o := guarded(t)
			test.change(&o)
			e, err := suite.Connect(t, opener(o))
			if e == nil {
				t.Fatal(err)
			}
			for call, err := range map[string]error{"Connect": err, "Execute": func() error {
				_, err := e.Execute(t.Context(), "db.things.insertOne({a: 1})")
				return err
			}()} {
				pe, ok := errors.AsType[*plinth.Error](err)
				if !ok || !errors.Is(err, plinth.ErrAuth) || pe.Code != test.code || len(pe.Attempts) > 1 {
					t.Errorf("%s: %v, want ErrAuth by %s, once", call, err, test.code)
				}
				if !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), password) {
					t.Errorf("%s: %v doesn't say %q, or says too much", call, err, test.says)
				}
			}
		})
	}
}
