package suite

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

// Connect opens an engine, which is closed with the test, and a connection of it.
func Connect(t testing.TB, opener driver.Opener) (*plinth.Engine, error) {
	t.Helper()
	e, err := plinth.New(plinth.Options{}, opener)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	ctx, cancel := context.WithTimeout(t.Context(), Within)
	defer cancel()
	return e, e.Connect(ctx)
}

// Refused holds err to be of a server that isn't spoken to: it says why, hints at what to do, and doesn't show secret.
func Refused(t testing.TB, err error, says, hint, secret string) {
	t.Helper()
	pe, ok := errors.AsType[*plinth.Error](err)
	if !ok || pe.Kind != plinth.ErrUnavailable {
		t.Fatalf("it isn't refused: %v", err)
	}
	if !strings.Contains(err.Error(), says) || !strings.Contains(pe.Hint, hint) {
		t.Errorf("%v doesn't say %q and %q", err, says, hint)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("%v shows the password", err)
	}
}

// Answering returns what dials a server that talk stands for.
func Answering(talk func(server net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = theirs.Close() }()
			talk(theirs)
		}()
		return ours, nil
	}
}
