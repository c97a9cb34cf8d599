package lanes

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func item(j int) *Item[int] { return &Item[int]{Job: j} }

func items(jobs ...int) (all []*Item[int]) {
	for _, j := range jobs {
		all = append(all, item(j))
	}
	return all
}

func TestJobsThatArriveWhileALaneIsBusyShareTheNextChunk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var chunks [][]int
		g := New(1, 100, func(c []int) {
			chunks = append(chunks, slices.Clone(c))
			time.Sleep(time.Second)
		})
		g.Put(item(1))
		synctest.Wait()
		for i := 2; i <= 5; i++ {
			g.Put(item(i))
		}
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(chunks) != 2 || !slices.Equal(chunks[1], []int{2, 3, 4, 5}) {
			t.Errorf("the chunks were %v, want 1 alone and then the four that came meanwhile", chunks)
		}
		if s := g.Stats(); s != (Stats{Chunks: 2, Jobs: 5, Largest: 4}) {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestLanesShareWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sizes := make(map[time.Duration][]int)
		start := time.Now()
		g := New(2, 6, func(c []int) {
			mu.Lock()
			at := time.Since(start)
			sizes[at] = append(sizes[at], len(c))
			mu.Unlock()
			time.Sleep(time.Second)
		})
		g.Put(item(0))
		g.Put(item(1))
		synctest.Wait()
		for i := range 20 {
			g.Put(item(i))
		}
		if s := g.Stats(); s.Queued != 20 || s.Running != 2 || s.Lanes != 2 {
			t.Errorf("stats %+v while both lanes are busy", s)
		}
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		for at, s := range sizes {
			if len(s) > 2 || slices.Max(s) > 6 {
				t.Errorf("at %v chunks of %v ran, at most two of at most 6 may", at, s)
			}
		}
	})
}

func TestWhatIsPutBackIsNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []int
		var g *Group[int]
		g = New(1, 2, func(c []int) {
			time.Sleep(time.Second)
			if c[0] == 1 && !slices.Contains(order, 1) {
				order = append(order, c[0])
				g.PutBack(items(c[1:]...))
				g.PutBack(items(10, 11, 12))
				return
			}
			order = append(order, c...)
		})
		g.Put(item(0))
		synctest.Wait()
		for i := 1; i <= 4; i++ {
			g.Put(item(i))
		}
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []int{0, 1, 10, 11, 12, 2, 3, 4}; !slices.Equal(order, want) {
			t.Errorf("they ran in the order %v, want %v", order, want)
		}
	})
}

func TestEveryJobRunsOnceUnderLoad(t *testing.T) {
	t.Parallel()
	const callers, each = 64, 2000
	var mu sync.Mutex
	seen := make(map[int]int, callers*each)
	g := New(3, 50, func(c []int) {
		mu.Lock()
		defer mu.Unlock()
		for _, j := range c {
			seen[j]++
		}
	})
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range each {
				g.Put(item(c*each + i))
			}
		})
	}
	all.Wait()
	if err := g.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(seen) != callers*each {
		t.Errorf("%d of %d jobs ran", len(seen), callers*each)
	}
	for j, n := range seen {
		if n != 1 {
			t.Fatalf("job %d ran %d times", j, n)
		}
	}
	if s := g.Stats(); s.Jobs != callers*each || s.Queued != 0 || s.Lanes != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestWhatIsTakenOutOfTheQueueNeverRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		var ran []int
		g := New(1, 100, func(c []int) {
			<-end
			ran = append(ran, c...)
		})
		all := items(0, 1, 2, 3, 4, 5, 6)
		for _, it := range all {
			g.Put(it)
			synctest.Wait() // the first is taken
		}
		var gone []int
		ctx, cancel := context.WithCancel(t.Context())
		g.PutUntil(ctx, item(7), func() { gone = append(gone, 7) })
		g.PutUntil(t.Context(), item(8), func() { gone = append(gone, 8) })
		for _, j := range []int{1, 6, 3} {
			if !g.Remove(all[j]) || g.Remove(all[j]) {
				t.Errorf("job %d wasn't taken out once", j)
			}
		}
		if g.Remove(all[0]) {
			t.Error("a job was taken out that runs")
		}
		cancel()
		synctest.Wait()
		if s := g.Stats(); s.Queued != 4 || !slices.Equal(gone, []int{7}) {
			t.Errorf("%d are queued, %v were told that they're gone", s.Queued, gone)
		}
		close(end)
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ran, []int{0, 2, 4, 5, 8}) {
			t.Errorf("%v ran", ran)
		}
	})
}

// A job either runs or is gone, whenever its context ends.
func TestEveryJobRunsOrIsGoneOnce(t *testing.T) {
	t.Parallel()
	g := New(2, 10, func(c []func()) {
		for _, run := range c {
			run()
		}
	})
	var all sync.WaitGroup
	var ran, gone atomic.Int64
	for range 32 {
		all.Go(func() {
			for range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				var ended sync.WaitGroup
				ended.Add(1)
				all.Go(cancel)
				g.PutUntil(ctx, &Item[func()]{Job: func() { ran.Add(1); ended.Done() }}, func() { gone.Add(1); ended.Done() })
				ended.Wait()
			}
		})
	}
	all.Wait()
	if n := ran.Load() + gone.Load(); n != 32*500 || g.Stats().Queued != 0 {
		t.Errorf("%d ran and %d were gone of %d; %+v", ran.Load(), gone.Load(), 32*500, g.Stats())
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		g := New(1, 1, func([]int) { <-end })
		g.Put(item(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait returned %v while a job ran", err)
		}
		close(end)
		if err := g.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestALaneThatIsLeftByGoexitIsReplaced(t *testing.T) {
	t.Parallel()
	var ran []int
	g := New(1, 1, func(c []int) {
		ran = append(ran, c...)
		if c[0] == 1 {
			runtime.Goexit()
		}
	})
	g.Put(item(1))
	g.Put(item(2))
	if err := g.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ran, []int{1, 2}) {
		t.Errorf("%v ran", ran)
	}
	if s := g.Stats(); s.Running != 0 || s.Lanes != 0 {
		t.Errorf("stats %+v", s)
	}
}
