package pool

import (
	"context"
	"testing"
	"time"
)

func benchPool(b *testing.B, o Options, change ...func(*Config[*thing])) *Pool[*thing] {
	far := &target{}
	p := newPool(b, far, o, change...)
	b.Cleanup(func() { drain(b, p, far) })
	if err := p.Warm(b.Context()); err != nil {
		b.Fatal(err)
	}
	return p
}

// One caller, one idle connection: what the pool costs where there is no contention.
func BenchmarkUncontended(b *testing.B) {
	far := &target{}
	for _, bb := range []struct {
		name   string
		o      Options
		change []func(*Config[*thing])
	}{
		{name: "plain"},
		{name: "check", change: []func(*Config[*thing]){withCheck(far)}},
		{name: "leak detection", o: Options{LeakThreshold: time.Minute}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			p := benchPool(b, bb.o, bb.change...)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				c, err := p.Acquire(ctx)
				if err != nil {
					b.Fatal(err)
				}
				c.Release()
			}
		})
	}
}

// 64 goroutines share 10 connections and do nothing with them: all contention and hand-over.
func Benchmark64On10(b *testing.B) {
	p := benchPool(b, Options{MaxOpenConns: 10, MinConns: 10}, withCheck(&target{}))
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	b.SetParallelism(32) // times GOMAXPROCS, which is 2 where the numbers in the docs were measured
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c, err := p.Acquire(ctx)
			if err != nil {
				b.Error(err)
				return
			}
			c.Release()
		}
	})
}
