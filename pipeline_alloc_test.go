//go:build !race

package plinth_test

import (
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/sqlite"
)

func TestACallerWhoIsAloneAllocatesNothingForThePipeline(t *testing.T) {
	measure := func(pipeline bool) (write, read float64) {
		e, err := sqlite.Open(t.Context(), plinth.Options{URL: "sqlite:" + t.TempDir() + "/test.db", Pipeline: pipeline})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(t.Context()) //nolint:errcheck // the measuring is over
		execute(t, e, "create table t (a integer)")
		execute(t, e, "insert into t values (1)")
		ctx := t.Context()
		write = testing.AllocsPerRun(200, func() {
			if _, err := e.Execute(ctx, "update t set a = ?", 7); err != nil {
				t.Fatal(err)
			}
		})
		read = testing.AllocsPerRun(200, func() {
			if _, err := plinth.One[int](ctx, e, "select a from t where a <> ?", 0); err != nil {
				t.Fatal(err)
			}
		})
		return write, read
	}
	write, read := measure(false)
	if w, r := measure(true); w > write || r > read {
		t.Errorf("a write makes %v allocations with the pipeline and %v without it, a read %v and %v", w, write, r, read)
	}
}
