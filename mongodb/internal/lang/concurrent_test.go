package lang_test

import (
	"sync"
	"testing"
)

func TestAStatementServesManyGoroutines(t *testing.T) {
	t.Parallel()
	type user struct{ Name string }
	s := parse(t, `db.c.find({a: :name, b: {$in: [1, 2]}, $expr: {$eq: ["$a", :name]}}).sort({a: 1}).limit(5)`)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				flat, err := s.Bind([]any{user{"$x"}})
				if err != nil {
					t.Error(err)
					return
				}
				c, err := s.Command(flat)
				if err != nil {
					t.Error(err)
					return
				}
				if got := extJSON(c.Filter); got != `{"a":"$x","b":{"$in":[1,2]},"$expr":{"$eq":["$a",{"$literal":"$x"}]}}` {
					t.Error(got)
				}
				if s.Fingerprint() != `db.c.find({a: ?, b: {$in: [?]}, $expr: {$eq: ["$a", ?]}}).sort({a: 1}).limit(?)` {
					t.Error(s.Fingerprint())
				}
			}
		})
	}
	all.Wait()
}
