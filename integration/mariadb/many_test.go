package mariadb_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
)

func TestManyRowsKeepWhatIsBeyondInt64(t *testing.T) {
	e := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, e, "create table big (id int primary key, n bigint unsigned)")
	want := []uint64{math.MaxUint64, 1, math.MaxInt64 + 1}
	if _, err := e.ExecuteMany(t.Context(), "insert into big (id, n) values (?, ?)", func(yield func([]any) bool) {
		for i, n := range want {
			if !yield([]any{i, n}) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := plinth.All[uint64](t.Context(), e, "select n from big order by id"); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestManyRowsThatWaitForALockEndWithTheirContext(t *testing.T) {
	e := openURL(t, servers.MariaDB(t).Database(t), poolOf(2))
	execute(t, e, "create table locked (id int primary key)")
	if err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		if _, err := tx.Execute(ctx, "insert into locked values (?)", 1); err != nil {
			return err
		}
		waits, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := e.ExecuteMany(waits, "insert into locked values (?)", slices.Values([][]any{{0}, {1}}))
		if !errors.Is(err, plinth.ErrTimeout) {
			t.Errorf("error %v, want ErrTimeout", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
