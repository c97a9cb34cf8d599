package wire

import (
	"errors"
	"testing"
	"time"

	"github.com/plinthdb/plinth/plinthtest"
)

// TestExecutionsSentTogetherAreAnsweredInOrder sends executions of three statements in one flush: rows, a write's OK, and a
// failure, each of which leaves the next as it is.
func TestExecutionsSentTogetherAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	c := connect(t, realServer(t).config(t, "app"))
	query(t, c, "CREATE TEMPORARY TABLE once (id bigint primary key)")
	read, write := prepare(t, c, "SELECT ? + 0, 'x'"), prepare(t, c, "INSERT INTO once VALUES (? DIV 2)")
	const n = 64
	for i := range int64(n) {
		c.SendExecute(read, int64s(i))
		c.SendExecute(write, int64s(i)) // each second fails
	}
	flush(t, c)
	for i := range int64(n) {
		check(t, readAll(t, c), []string{le(i), "x"})
		res, err := c.ReadResult()
		if said := (*ServerError)(nil); i%2 == 0 && (err != nil || res.OK.AffectedRows != 1) ||
			i%2 == 1 && (!errors.As(err, &said) || said.Number != 1062) {
			t.Errorf("write %d: %+v, %v", i, res, err)
		}
	}
	if c.Awaited() != 0 || c.Failed() != nil {
		t.Errorf("%d answers are awaited, %v", c.Awaited(), c.Failed())
	}
}

// BenchmarkSelectsOverADelay reads 64 rows by their key over a round trip of 2.8 ms, one after the other and in one flush.
func BenchmarkSelectsOverADelay(b *testing.B) {
	r := realServer(b)
	proxy := plinthtest.NewProxy(b, r.Address)
	proxy.Delay(plinthtest.Both, 1400*time.Microsecond, 0)
	cfg := r.config(b, "app")
	cfg.Address = proxy.Addr()
	c := connect(b, cfg)
	query(b, c, "CREATE TEMPORARY TABLE track (id bigint primary key, name varchar(100))")
	query(b, c, "INSERT INTO track SELECT seq, concat('Track number ', seq) FROM seq_1_to_64")
	st := prepare(b, c, "SELECT id, name FROM track WHERE id = ?")
	for name, together := range map[string]int64{"one by one": 1, "together": 64} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for first := int64(1); first <= 64; first += together {
					for id := first; id < first+together; id++ {
						c.SendExecute(st, int64s(id))
					}
					flush(b, c)
					for id := first; id < first+together; id++ {
						if got := readAll(b, c); len(got) != 1 || got[0][0] != le(id) {
							b.Fatalf("%q instead of row %d", got, id)
						}
					}
				}
			}
		})
	}
}
