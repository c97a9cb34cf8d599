// Command bench measures Plinth beside its peers, in one run: for each task the contenders take turns in random order, and the
// table shows the median of the rounds. CPU time and allocations are steadier than wall time on a shared machine, so they are
// what to compare.
//
//	go run ./bench [-rounds 15] [-ops 20000] [-cpuprofile FILE] [task …]
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/plinthdb/plinth/integration/cputime"
)

// task is what each contender does.
type task struct {
	name string
	note string
	ops  int // a round, in parts of the -ops flag: 1 for a point select
	open func(ctx context.Context, dir string) ([]contender, error)
}

// contender is one library's way of doing a task. run does it n times.
type contender struct {
	name   string
	run    func(ctx context.Context, n int) error
	close  func()
	before func(ctx context.Context) error // each round, if there is one: it isn't measured
}

// sample is what one round cost, an operation.
type sample struct{ cpu, wall, allocs, bytes float64 }

func main() {
	rounds := flag.Int("rounds", 15, "rounds a contender")
	ops := flag.Int("ops", 20000, "point operations a round")
	profile := flag.String("cpuprofile", "", "write a CPU profile of all rounds")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			log.Fatal(err)
		}
		defer f.Close() //nolint:errcheck // the profile's stop has written it
		if err := pprof.StartCPUProfile(f); err != nil {
			log.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Printf("%s, %s/%s, %d processors; median of %d rounds, contenders in random order\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), *rounds)
	for _, t := range slices.Concat(sqliteTasks(), postgresTasks(), mariadbTasks(), mongodbTasks()) {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), t.name) {
			continue
		}
		if err := measure(t, *rounds, max(1, *ops/t.ops)); err != nil {
			log.Fatalf("%s: %v", t.name, err)
		}
	}
}

func measure(t task, rounds, n int) error {
	// The context can be cancelled, as a request's can: that is the case to be fast in.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "plinth-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it's in the temporary directory
	contenders, err := t.open(ctx, dir)
	if err != nil {
		return err
	}
	samples := make([][]sample, len(contenders))
	for round := range rounds + 1 {
		for _, i := range rand.Perm(len(contenders)) {
			s, err := once(ctx, contenders[i], n)
			if err != nil {
				return fmt.Errorf("%s: %w", contenders[i].name, err)
			}
			if round > 0 { // the first warms up
				samples[i] = append(samples[i], s)
			}
		}
	}
	fmt.Printf("\n%s: %s (%d operations a round)\n", t.name, t.note, n)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tCPU/op\tx\twall/op\tx\tallocs/op\tB/op\t")
	for i, c := range contenders {
		s := median(samples[i])
		fmt.Fprintf(w, "%s\t%v\t%.2f\t%v\t%.2f\t%.1f\t%.0f\t\n", c.name,
			time.Duration(s.cpu).Round(10*time.Nanosecond), ratio(samples[i], samples[0], func(s sample) float64 { return s.cpu }),
			time.Duration(s.wall).Round(10*time.Nanosecond), ratio(samples[i], samples[0], func(s sample) float64 { return s.wall }),
			s.allocs, s.bytes)
		c.close()
	}
	return w.Flush()
}

func once(ctx context.Context, c contender, n int) (sample, error) {
	if c.before != nil {
		if err := c.before(ctx); err != nil {
			return sample{}, err
		}
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, wall := cputime.Used(), time.Now()
	if err := c.run(ctx, n); err != nil {
		return sample{}, err
	}
	took, used := time.Since(wall), cputime.Used()-cpu
	runtime.ReadMemStats(&after)
	per := func(total float64) float64 { return total / float64(n) }
	return sample{
		cpu: per(float64(used)), wall: per(float64(took)),
		allocs: per(float64(after.Mallocs - before.Mallocs)), bytes: per(float64(after.TotalAlloc - before.TotalAlloc)),
	}, nil
}

// ratio is the median of the rounds' ratios, which a drifting machine moves less than a ratio of medians.
func ratio(a, b []sample, of func(sample) float64) float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = of(a[i]) / of(b[i])
	}
	slices.Sort(r)
	return r[len(r)/2]
}

func median(s []sample) sample {
	pick := func(of func(sample) float64) float64 {
		v := make([]float64, len(s))
		for i := range s {
			v[i] = of(s[i])
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return sample{
		cpu:    pick(func(s sample) float64 { return s.cpu }),
		wall:   pick(func(s sample) float64 { return s.wall }),
		allocs: pick(func(s sample) float64 { return s.allocs }),
		bytes:  pick(func(s sample) float64 { return s.bytes }),
	}
}
