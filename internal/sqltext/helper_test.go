package sqltext

import (
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

func dialects() []Dialect { return []Dialect{SQLite(), PostgreSQL(), MariaDB()} }

// compile compiles what has to compile.
func compile(t *testing.T, text string, d Dialect) *driver.Stmt {
	t.Helper()
	st, err := Compile(text, d)
	if err != nil {
		t.Fatalf("%s: Compile(%q): %v", d.name, text, err)
	}
	return st
}

// checkFault checks an error's kind, and that its text has all the parts.
func checkFault(t *testing.T, err error, kind driver.Kind, parts ...string) *driver.Fault {
	t.Helper()
	var f *driver.Fault
	if !errors.As(err, &f) {
		t.Fatalf("got %v (%T), want a *driver.Fault", err, err)
	}
	if f.Kind != kind {
		t.Errorf("kind is %v, want %v: %v", f.Kind, kind, err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q doesn't say %q", err, part)
		}
	}
	return f
}
