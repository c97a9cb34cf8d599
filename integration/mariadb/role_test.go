package mariadb_test

import (
	"context"
	"errors"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mariadb"
)

// TestAServerThatTurnsReadOnlyIsLeftForOneThatWrites has the first of two hosts refuse writes under an open engine.
func TestAServerThatTurnsReadOnlyIsLeftForOneThatWrites(t *testing.T) {
	first, second := servers.MariaDB(t, servers.Private()), servers.MariaDB(t, servers.Private())
	o := options(t, first.URLAs("app", "test")) // an admin may write all the same
	o.Hosts = append(o.Hosts, options(t, second.URL()).Hosts...)
	e, err := suite.Connect(t, opener(o))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*servers.Server{first, second} {
		execute(t, openURL(t, s.URL()), "create table things (id int)")
	}
	execute(t, e, "insert into things values (1)")
	execute(t, openURL(t, first.URL()), "set global read_only = 1")
	if server, err := e.Ping(t.Context()); err != nil || server.Writable || server.Role != "replica" {
		t.Errorf("Ping: %+v, %v", server, err)
	}
	execute(t, e, "insert into things values (2)")
	if err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		_, err := tx.Execute(ctx, "insert into things values (3)")
		return err
	}); err != nil {
		t.Errorf("a transaction: %v", err)
	}
	if r := e.Stats().Retries; r != 1 {
		t.Errorf("%d retries, want the one that found it out", r)
	}
	if n, err := plinth.One[int](t.Context(), openURL(t, second.URL()), "select count(*) from things"); n != 2 || err != nil {
		t.Errorf("the second has %d rows, %v; want 2", n, err)
	}
	if server, err := e.Ping(t.Context()); err != nil || !server.Writable || server.Role != "primary" {
		t.Errorf("Ping: %+v, %v", server, err)
	}

	o.Role = mariadb.RoleReadOnly
	reader, err := suite.Connect(t, opener(o))
	if err != nil {
		t.Fatal(err)
	}
	_, err = reader.Execute(t.Context(), "insert into things values (4)")
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrReadOnly || len(pe.Attempts) > 1 {
		t.Errorf("a write on what only reads: %v, want ErrReadOnly, once", err)
	}
}
