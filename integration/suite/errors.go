package suite

import (
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
)

// Tells fails the test unless err tells of a statement what want does: its kind and code, and the table, column, constraint and
// position that it's about. It was tried once, and hunter2 is a secret, which may stand only in the statement itself.
func Tells(t testing.TB, text string, err error, want *plinth.Error) {
	t.Helper()
	pe, ok := errors.AsType[*plinth.Error](err)
	if !ok {
		t.Errorf("%.60s: %v", text, err)
		return
	}
	if pe.Kind != want.Kind || pe.Code != want.Code || !errors.Is(err, want.Kind) {
		t.Errorf("%.60s: kind %v, code %s: %v", text, pe.Kind, pe.Code, err)
	}
	if pe.Table != want.Table || pe.Column != want.Column || pe.Constraint != want.Constraint || pe.Position != want.Position {
		t.Errorf("%.60s: table %q, column %q, constraint %q, position %d", text, pe.Table, pe.Column, pe.Constraint, pe.Position)
	}
	if strings.Contains(strings.ReplaceAll(err.Error(), text, ""), "hunter2") || len(pe.Attempts) > 1 {
		t.Errorf("%.60s: %d attempts, %v", text, len(pe.Attempts), err)
	}
}
