// Command benchasync measures what batches gain: many callers on an engine with its pipeline on, against the same callers on the
// same engine without it, both with a pool of ten, on servers that write to disk before they say so. The two take turns; what counts
// is the median of the rounds' ratios, and its spread.
//
//	go run ./benchasync [-rounds 7] [-time 1s] [workload …]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/cputime"
	"github.com/plinthdb/plinth/pool"
)

func main() {
	rounds := flag.Int("rounds", 7, "rounds of each side")
	long := flag.Duration("time", time.Second, "how long a round takes")
	flag.Parse()
	ctx := context.Background()
	fmt.Printf("%s, %s/%s, %d processors; %d rounds of %v, pools of 10\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.GOMAXPROCS(0), *rounds, *long)
	fmt.Printf("%-34s %9s %9s %7s %-15s %7s  %-17s %s\n", "workload", "off /s", "on /s", "x", "(min to max)", "wanted", "p99 off, on", "batches of")
	dir, err := os.MkdirTemp("", "plinth-bench-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it's in the temporary directory
	for _, w := range slices.Concat(postgresWorkloads(), sqliteWorkloads(), mariadbWorkloads()) {
		if flag.NArg() > 0 && !slices.ContainsFunc(flag.Args(), func(arg string) bool { return strings.HasPrefix(w.name, arg) }) {
			continue
		}
		if err := w.measure(ctx, filepath.Join(dir, strings.ReplaceAll(w.name, " ", "-")), *rounds, *long); err != nil {
			log.Fatalf("%s: %v", w.name, err)
		}
	}
}

// workload is what every caller does again and again.
type workload struct {
	name    string
	callers int
	wanted  float64 // the ratio of throughputs; of CPU a call for one caller, at most
	open    func(ctx context.Context, dir string, o plinth.Options) (*plinth.Engine, func(), error)
	call    func(ctx context.Context, e *plinth.Engine, r *rand.Rand) error
}

// result is what one round brought.
type result struct {
	rate, cpu float64 // calls a second, CPU a call
	p99       time.Duration
}

func (w workload) measure(ctx context.Context, dir string, rounds int, long time.Duration) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var engines [2]*plinth.Engine
	for i := range engines {
		o := plinth.Options{Pipeline: i == 1, Pool: pool.Options{MaxOpenConns: 10, MaxIdleConns: 10, AcquireTimeout: time.Minute}}
		o.QueryLog.Threshold = -1
		e, closed, err := w.open(ctx, dir, o)
		if err != nil {
			return err
		}
		defer closed()
		engines[i] = e
	}
	var results [2][]result
	for round := range rounds + 1 {
		for _, i := range rand.Perm(2) {
			r, err := w.round(ctx, engines[i], long)
			if err != nil {
				return err
			}
			if round > 0 { // the first warms up
				results[i] = append(results[i], r)
			}
		}
	}
	w.report(results[0], results[1], engines[1].Stats().Pipeline)
	return nil
}

func (w workload) report(off, on []result, s plinth.PipelineStats) {
	ratios := make([]float64, len(on))
	for i := range on {
		if w.callers == 1 {
			ratios[i] = on[i].cpu / off[i].cpu
		} else {
			ratios[i] = on[i].rate / off[i].rate
		}
	}
	slices.Sort(ratios)
	batch := 0.0
	if s.Batches > 0 {
		batch = float64(s.Statements) / float64(s.Batches)
	}
	name := fmt.Sprintf("%s, %d callers", w.name, w.callers)
	if w.callers == 1 {
		name = w.name + ", 1 caller, CPU"
	}
	fmt.Printf("%-34s %9.0f %9.0f %7.2f %-15s %7.2f  %-17s %.1f\n", name, middle(off, func(r result) float64 { return r.rate }),
		middle(on, func(r result) float64 { return r.rate }), ratios[len(ratios)/2],
		fmt.Sprintf("(%.2f to %.2f)", ratios[0], ratios[len(ratios)-1]), w.wanted,
		fmt.Sprintf("%v, %v", time.Duration(middle(off, p99)).Round(10*time.Microsecond), time.Duration(middle(on, p99)).Round(10*time.Microsecond)), batch)
}

func p99(r result) float64 { return float64(r.p99) }

func middle(all []result, of func(result) float64) float64 {
	values := make([]float64, len(all))
	for i, r := range all {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// round has the callers call for a while.
func (w workload) round(ctx context.Context, e *plinth.Engine, long time.Duration) (result, error) {
	runtime.GC()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stop atomic.Bool
	var mu sync.Mutex
	var failed error
	var times []time.Duration
	var all sync.WaitGroup
	cpu, start := cputime.Used(), time.Now()
	for range w.callers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
			mine := make([]time.Duration, 0, 4096)
			for !stop.Load() {
				began := time.Now()
				if err := w.call(ctx, e, r); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
				mine = append(mine, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, mine...)
		})
	}
	time.Sleep(long)
	stop.Store(true)
	all.Wait()
	took, used := time.Since(start), cputime.Used()-cpu
	if failed != nil || len(times) == 0 {
		return result{}, failed
	}
	slices.Sort(times)
	n := float64(len(times))
	return result{rate: n / took.Seconds(), cpu: float64(used) / n, p99: times[len(times)*99/100]}, nil
}
