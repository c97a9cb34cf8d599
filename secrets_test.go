package plinth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/sqlite"
)

func TestCredentialsAreAskedForEachConnection(t *testing.T) {
	t.Parallel()
	asked := 0
	var host driver.Host
	db, err := plinth.New(plinth.Options{
		Credentials: func(context.Context) (string, config.Secret, error) {
			asked++
			if asked == 3 {
				return "", config.Secret{}, errors.New("the vault is sealed")
			}
			return "app", config.NewSecret(fmt.Sprint("password ", asked)), nil
		},
	}, func(h driver.Host) (driver.Backend, error) {
		host = h
		return sqlite.NewBackend(sqlite.Options{Path: ":memory:"}, h)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	for i := range 2 {
		user, password, err := host.Login(t.Context())
		if user != "app" || password != fmt.Sprint("password ", i+1) || err != nil {
			t.Errorf("got %s, %s, %v", user, password, err)
		}
	}
	if _, _, err := host.Login(t.Context()); !errors.Is(err, driver.Auth) || !strings.Contains(err.Error(), "vault is sealed") {
		t.Errorf("got %v", err)
	}
	if _, err := sqlite.Open(t.Context(), plinth.Options{
		URL:         "sqlite::memory:",
		Credentials: func(context.Context) (string, config.Secret, error) { return "", config.Secret{}, nil },
	}); !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("SQLite has no login, but: %v", err)
	}
}

func TestAnEnginePrintsNoSecret(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("postgres://app:hunter2secret@127.0.0.1:1/db?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	db, err := plinth.OpenConfig(t.Context(), plinth.Options{URL: c.URL().Reveal()}, c, func(_ config.Config, h driver.Host) (driver.Backend, error) {
		return sqlite.NewBackend(sqlite.Options{Path: ":memory:"}, h)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	held := struct{ db *plinth.Engine }{db}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("started", "db", db, "held", held)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		log.WriteString(fmt.Sprintf(verb, db) + fmt.Sprintf(verb, held) + fmt.Sprintf(verb, db.Pin()))
	}
	for i := range len("hunter2secret") - 3 {
		if part := "hunter2secret"[i : i+4]; strings.Contains(log.String(), part) {
			t.Fatalf("%q is in %s", part, &log)
		}
	}
}
