package suite

import (
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
)

// LogsIn connects, and wants to be that user.
func (d *Database) LogsIn(t testing.TB, opener driver.Opener, user string) {
	t.Helper()
	e, err := Connect(t, opener)
	if err != nil {
		t.Error(err)
		return
	}
	if got, err := plinth.One[string](t.Context(), e, d.LoggedIn); got != user || err != nil {
		t.Errorf("it's %s, %v", got, err)
	}
}

// LoginRefused connects, and wants that refused as a kind, by the server's code, at once and with a hint that holds this one.
func LoginRefused(t testing.TB, opener driver.Opener, password config.Secret, kind plinth.Kind, code, hint string) {
	t.Helper()
	_, err := Connect(t, opener)
	pe, ok := errors.AsType[*plinth.Error](err)
	if !ok || pe.Kind != kind || pe.Code != code || len(pe.Attempts) > 1 {
		t.Fatalf("%v, want %v by %s, once", err, kind, code)
	}
	if !strings.Contains(pe.Hint, hint) {
		t.Errorf("%v doesn't say %q", err, hint)
	}
	if secret := password.Reveal(); secret != "" && strings.Contains(err.Error(), secret) {
		t.Errorf("%v shows the password", err)
	}
}
