package open_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"path/filepath"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/open"
)

func Example() {
	ctx := context.Background()
	environ := map[string]string{"DATABASE_URL": "sqlite::memory:"} // a service leaves this to the process
	db, err := open.Open(ctx, plinth.Options{Config: []config.Option{
		config.WithEnviron(func(name string) (string, bool) { v, ok := environ[name]; return v, ok }),
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)
	answer, err := plinth.One[int](ctx, db, "select 6 * :n", map[string]any{"n": 7})
	fmt.Println(db.Name(), answer, err)
	// Output: sqlite 42 <nil>
}

func TestOpenDialsNothingUnlessAsked(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "missing", "app.db") // its folder isn't there
	lazy, err := open.Open(t.Context(), plinth.Options{URL: "sqlite:" + file})
	if err != nil {
		t.Fatalf("Open dialled: %v", err)
	}
	if err := lazy.TestConnection(t.Context()); !errors.Is(err, plinth.ErrUnavailable) {
		t.Errorf("TestConnection = %v, want ErrUnavailable", err)
	}
	if err := lazy.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := open.Open(t.Context(), plinth.Options{URL: "sqlite:" + file, Connect: true}); !errors.Is(err, plinth.ErrUnavailable) {
		t.Errorf("Open with Connect = %v, want ErrUnavailable", err)
	}
}

func TestOpenSaysWhatItCanNotOpen(t *testing.T) {
	t.Parallel()
	none := config.WithEnviron(func(string) (string, bool) { return "", false })
	for _, name := range []string{"postgres", "mariadb", "mongodb"} {
		db, err := open.Open(t.Context(), plinth.Options{URL: name + "://app@localhost/a", Config: []config.Option{none}})
		if err != nil || db.Name() != name {
			t.Fatalf("Open = %v, %v", db, err)
		}
		if err := db.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for url, want := range map[string]error{
		"":                                  plinth.ErrArgument,
		"oracle://db":                       plinth.ErrArgument,
		"sqlite:app.db?joural=wal":          plinth.ErrArgument,
		"mongodb://localhost/a?replicSet=b": plinth.ErrArgument,
	} {
		if _, err := open.Open(t.Context(), plinth.Options{URL: url, Config: []config.Option{none}}); !errors.Is(err, want) {
			t.Errorf("Open(%q) = %v, want %v", url, err, want)
		}
	}
}
