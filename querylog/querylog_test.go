package querylog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth/hook"
)

// text is the source of an event's fingerprint.
type text string

func (s text) Fingerprint() string { return string(s) }

// duplicate is an error whose text quotes a value, and which says what may be logged of it.
type duplicate struct{}

func (duplicate) Error() string { return "Duplicate entry 'ann@example.com'" }
func (duplicate) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", "unique constraint"))
}

// capture returns a logger and a function that returns the records written since it was last called.
func capture(level slog.Level) (*slog.Logger, func(*testing.T) []map[string]any) {
	var b bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: level}))
	return logger, func(t *testing.T) []map[string]any {
		t.Helper()
		var records []map[string]any
		for dec := json.NewDecoder(&b); ; {
			var r map[string]any
			if err := dec.Decode(&r); errors.Is(err, io.EOF) {
				return records
			} else if err != nil {
				t.Fatal(err)
			}
			delete(r, "time")
			records = append(records, r)
		}
	}
}

// event is a call that took that long.
func event(total time.Duration, err error) *hook.Event {
	return &hook.Event{
		Engine: "sqlite", Target: "shop.db", Op: hook.Query, Source: text("select ? from t"), Statement: "select 'Ann' from t",
		Args: []any{int64(7), "ann@example.com"}, Attempt: 2, Rows: 3, Total: total, Err: err,
		Wait: time.Millisecond, Execute: 2 * time.Millisecond, Fetch: 3 * time.Millisecond,
	}
}

func TestASlowCallIsLoggedWithAllThatIsKnown(t *testing.T) {
	t.Parallel()
	logger, records := capture(slog.LevelDebug)
	log := Observer(Options{Logger: logger})
	queued := event(DefaultThreshold, duplicate{})
	queued.Queue = 4 * time.Millisecond
	log.CallEnd(t.Context(), event(DefaultThreshold, duplicate{}))
	log.CallEnd(t.Context(), queued)
	got := records(t)
	if len(got) != 2 {
		t.Fatalf("%d records, want 2", len(got))
	}
	if got[1]["queue"] != 4e6 {
		t.Errorf("the time in the queue is %v", got[1]["queue"])
	}
	caller, _ := got[0]["caller"].(string)
	if !strings.HasPrefix(caller, "querylog_test.go:") || !strings.Contains(caller, "TestASlowCall") {
		t.Errorf("caller %q, want this test", caller)
	}
	delete(got[0], "caller")
	want := map[string]any{
		"level": "WARN", "msg": "slow query", "statement": "select ? from t", "engine": "sqlite", "target": "shop.db",
		"op": "query", "total": 200e6, "wait": 1e6, "execute": 2e6, "fetch": 3e6, "rows": 3.0, "attempts": 2.0,
		"args": "2 redacted (int64, string)", "error": map[string]any{"kind": "unique constraint"},
	}
	if fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("logged\n%v, want\n%v", got[0], want)
	}
}

func TestWhatIsLoggedAndHow(t *testing.T) {
	t.Parallel()
	const fast, slow = time.Millisecond, time.Second
	for name, test := range map[string]struct {
		o     Options
		total time.Duration
		err   error
		want  string // level and message; "" for nothing
	}{
		"just below the threshold":       {Options{}, DefaultThreshold - 1, nil, ""},
		"at the threshold":               {Options{}, DefaultThreshold, nil, "WARN slow query"},
		"below one's own threshold":      {Options{Threshold: 2 * time.Second}, slow, nil, ""},
		"above one's own threshold":      {Options{Threshold: time.Second / 2}, slow, nil, "WARN slow query"},
		"failed":                         {Options{}, fast, duplicate{}, ""},
		"failed, asked for":              {Options{Errors: true}, fast, duplicate{}, "WARN query failed"},
		"succeeded, failures asked for":  {Options{Errors: true}, fast, nil, ""},
		"failed and slow":                {Options{Errors: true}, slow, duplicate{}, "WARN slow query"},
		"fast, all asked for":            {Options{All: true}, fast, nil, "DEBUG query"},
		"failed, all asked for":          {Options{All: true}, fast, duplicate{}, "DEBUG query"},
		"slow, no threshold":             {Options{Threshold: -1, Errors: true}, slow, nil, ""},
		"slow, no threshold, all":        {Options{Threshold: -1, All: true}, slow, nil, "DEBUG query"},
		"the sample is next to nothing":  {Options{All: true, Sample: 1e-300}, fast, nil, ""},
		"the sample is everything":       {Options{All: true, Sample: 1}, fast, nil, "DEBUG query"},
		"slow calls are never sampled":   {Options{All: true, Sample: 1e-300}, slow, nil, "WARN slow query"},
		"failed calls are never sampled": {Options{All: true, Errors: true, Sample: 1e-300}, fast, duplicate{}, "WARN query failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logger, records := capture(slog.LevelDebug)
			test.o.Logger = logger
			Observer(test.o).CallEnd(t.Context(), event(test.total, test.err))
			got := ""
			for _, r := range records(t) {
				got += fmt.Sprint(r["level"], " ", r["msg"])
			}
			if got != test.want {
				t.Errorf("logged %q, want %q", got, test.want)
			}
		})
	}
}

func TestACallSaysItselfFromHowLongItIsSlow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		own, threshold, total time.Duration
		slow                  bool
	}{
		{0, 0, DefaultThreshold, true},
		{0, time.Second, time.Second - 1, false},
		{time.Millisecond, time.Second, time.Millisecond, true},
		{time.Millisecond, -1, time.Millisecond, true},
		{-1, time.Millisecond, time.Hour, false},
		{time.Hour, time.Millisecond, time.Second, false},
	} {
		logger, records := capture(slog.LevelDebug)
		e := event(test.total, nil)
		e.Slow = test.own
		Observer(Options{Logger: logger, Threshold: test.threshold}).CallEnd(t.Context(), e)
		if got := len(records(t)) > 0; got != test.slow {
			t.Errorf("a call of %v that says %v, with a threshold of %v: logged %v", test.total, test.own, test.threshold, got)
		}
	}
}

func TestNoValueIsLoggedUnlessAskedFor(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{duplicate{}, fmt.Errorf("in a closure: %w", duplicate{}), errors.New("no 'ann@example.com'")} {
		logger, records := capture(slog.LevelDebug)
		o := Options{Logger: logger, Errors: true, All: true}
		Observer(o).CallEnd(t.Context(), event(time.Millisecond, failure))
		LogQuery(t.Context(), o, "select 'ann@example.com'", time.Now())
		hidden := records(t)
		if s := fmt.Sprint(hidden); len(hidden) != 2 || strings.Contains(s, "ann@") {
			t.Errorf("want two records without the address, got %v", s)
		}

		o.ShowArgs = true
		Observer(o).CallEnd(t.Context(), event(time.Millisecond, failure))
		LogQuery(t.Context(), o, "select 'ann@example.com'", time.Now())
		shown := records(t)
		if len(shown) != 2 {
			t.Fatalf("%d records, want 2", len(shown))
		}
		for key, want := range map[string]string{"args": `7, "ann@example.com"`, "error": failure.Error()} {
			if got := shown[0][key]; got != want {
				t.Errorf("asked for, %s is %q, want %q", key, got, want)
			}
		}
		if got := shown[1]["statement"]; got != "select 'ann@example.com'" {
			t.Errorf("asked for, the statement is %q", got)
		}
	}
}

func TestSamplingLogsAboutItsShare(t *testing.T) {
	t.Parallel()
	logger, records := capture(slog.LevelDebug)
	o := Observer(Options{Logger: logger, All: true, Sample: 0.1})
	for range 5000 {
		o.CallEnd(t.Context(), event(time.Millisecond, nil))
	}
	if n := len(records(t)); n < 350 || n > 650 { // seven standard deviations
		t.Errorf("%d of 5000 calls logged, want about 500", n)
	}
}

func TestSlowCallsAreBoundedAndTheRestIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logger, records := capture(slog.LevelDebug)
		o := Observer(Options{Logger: logger, PerSecond: 10, Errors: true})
		slow, failed := event(time.Second, nil), event(time.Millisecond, duplicate{})
		for range 50 {
			o.CallEnd(t.Context(), slow)
			o.CallEnd(t.Context(), failed)
		}
		if n := len(records(t)); n != 10 {
			t.Errorf("%d records in a second, want 10", n)
		}
		time.Sleep(time.Second)
		o.CallEnd(t.Context(), slow)
		o.CallEnd(t.Context(), slow)
		got := records(t)
		if len(got) != 2 {
			t.Fatalf("%d records in the next second, want 2", len(got))
		}
		if got[0]["suppressed"] != 90.0 || got[1]["suppressed"] != nil {
			t.Errorf("suppressed %v, then %v; want 90, then nothing", got[0]["suppressed"], got[1]["suppressed"])
		}
	})
}

func TestTheBoundCanBeLeftAndLifted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for perSecond, want := range map[int]int{0: DefaultPerSecond, -1: 1000, 1: 1} {
			logger, records := capture(slog.LevelWarn)
			o := Observer(Options{Logger: logger, PerSecond: perSecond})
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 125 {
						o.CallEnd(t.Context(), event(time.Second, nil))
					}
				})
			}
			wg.Wait()
			if n := len(records(t)); n != want {
				t.Errorf("PerSecond %d: %d of 1000 logged, want %d", perSecond, n, want)
			}
		}
	})
}

func TestWhatTheLoggerDoesNotWantUsesNoneOfTheBound(t *testing.T) {
	t.Parallel()
	logger, records := capture(slog.LevelError)
	o := Observer(Options{Logger: logger, All: true, PerSecond: 1})
	o.CallEnd(t.Context(), event(time.Millisecond, nil))
	o.CallEnd(t.Context(), event(time.Second, nil))
	if got := records(t); len(got) != 0 {
		t.Errorf("logged %v below the logger's level", got)
	}
}

func TestLogQueryLogsTheDurationAndWarnsWhenSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logger, records := capture(slog.LevelDebug)
		for name, test := range map[string]struct {
			o    Options
			took time.Duration
			want string
		}{
			"fast":                {Options{}, DefaultThreshold - 1, "DEBUG query"},
			"slow":                {Options{}, DefaultThreshold, "WARN slow query"},
			"slow by the option":  {Options{Threshold: 1}, 1, "WARN slow query"},
			"none is slow":        {Options{Threshold: -1}, time.Hour, "DEBUG query"},
			"not in the sample":   {Options{Sample: 1e-300}, 1, ""},
			"slow, not in sample": {Options{Sample: 1e-300}, time.Hour, "WARN slow query"},
		} {
			test.o.Logger = logger
			start := time.Now()
			time.Sleep(test.took)
			LogQuery(t.Context(), test.o, "select 'Ann'", start)
			got := ""
			for _, r := range records(t) {
				got += fmt.Sprint(r["level"], " ", r["msg"])
				if r["statement"] != "select ?" || r["total"] != float64(test.took) {
					t.Errorf("%s: logged %v", name, r)
				}
				if caller, _ := r["caller"].(string); !strings.HasPrefix(caller, "querylog_test.go:") {
					t.Errorf("%s: caller %q, want this file", name, caller)
				}
			}
			if got != test.want {
				t.Errorf("%s: logged %q, want %q", name, got, test.want)
			}
		}
	})
}

// Not parallel: it replaces the default logger.
func TestWithoutALoggerTheDefaultOfTheMomentIsUsed(t *testing.T) {
	o := Observer(Options{})
	old := slog.Default()
	defer slog.SetDefault(old)
	logger, records := capture(slog.LevelDebug)
	slog.SetDefault(logger)
	o.CallEnd(t.Context(), event(time.Second, nil))
	LogQuery(t.Context(), Options{}, "select 1", time.Now())
	if n := len(records(t)); n != 2 {
		t.Errorf("%d records in the logger that became the default later, want 2", n)
	}
}

func TestAFastCallAllocatesNothing(t *testing.T) {
	logger, _ := capture(slog.LevelInfo)
	o := Options{Logger: logger, Errors: true}
	observer, e, ctx := Observer(o), event(time.Millisecond, nil), context.Background()
	if n := testing.AllocsPerRun(100, func() { observer.CallEnd(ctx, e) }); n != 0 {
		t.Errorf("the observer allocates %v times", n)
	}
	start := time.Now().Add(time.Hour) // no pause of the machine makes this slow
	if n := testing.AllocsPerRun(100, func() { LogQuery(ctx, o, "select 1", start) }); n != 0 {
		t.Errorf("LogQuery allocates %v times", n)
	}
}

func BenchmarkFastCall(b *testing.B) {
	b.ReportAllocs()
	o, e, ctx := Observer(Options{}), event(time.Millisecond, nil), b.Context()
	for b.Loop() {
		o.CallEnd(ctx, e)
	}
}

func BenchmarkSlowCall(b *testing.B) {
	b.ReportAllocs()
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	o, e, ctx := Observer(Options{Logger: logger, PerSecond: -1}), event(time.Second, nil), b.Context()
	for b.Loop() {
		o.CallEnd(ctx, e)
	}
}

func TestTimeSpentBetweenTheRowsIsASlowFetch(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := Observer(Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	o.CallEnd(t.Context(), &hook.Event{Op: hook.Query, Execute: time.Millisecond, Fetch: time.Second, Total: time.Second + time.Millisecond})
	if !strings.Contains(out.String(), `msg="slow fetch"`) {
		t.Errorf("logged %q, want a slow fetch", out.String())
	}
}
