package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"
)

type text string

func (s text) Fingerprint() string { return string(s) }

// duplicate is an error whose text quotes a value, and which says what may be logged of it.
type duplicate struct{}

func (duplicate) Error() string { return "Duplicate entry 'ann@example.com'" }
func (duplicate) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", "unique constraint"))
}

func buffer(level slog.Level) (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})), &b
}

func event(err error) *Event {
	return &Event{
		Engine: "sqlite", Target: "shop.db", Op: Query, Source: text("select ?"), Statement: "select 'ann@example.com'",
		Args: []any{"ann@example.com"}, Attempt: 2, Total: 3 * time.Second, Rows: 4, Err: err,
	}
}

func TestTheDefaultHooksLogStartAndEnd(t *testing.T) {
	t.Parallel()
	const common = `statement="select ?" engine=sqlite target=shop.db op=query attempt=2`
	for name, test := range map[string]struct {
		level       slog.Level
		err         error
		start, ends string
	}{
		"at debug":          {slog.LevelDebug, nil, `level=DEBUG msg="statement starts" ` + common, `level=DEBUG msg="statement ended" ` + common + ` total=3s rows=4`},
		"at info":           {slog.LevelInfo, nil, "", ""},
		"a failure at info": {slog.LevelInfo, duplicate{}, "", `level=WARN msg="statement failed" ` + common + ` total=3s rows=4 error.kind="unique constraint"`},
		"a failure at error": {
			slog.LevelError, duplicate{}, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logger, b := buffer(test.level)
			e := event(test.err)
			ctx, err := DefaultBefore(logger)(t.Context(), e)
			if err != nil || ctx != t.Context() {
				t.Errorf("the before hook returned %v, %v; want the context it was given and no veto", ctx, err)
			}
			if got := strings.TrimSuffix(b.String(), "\n"); got != test.start {
				t.Errorf("start:\n got %s\nwant %s", got, test.start)
			}
			b.Reset()
			DefaultAfter(logger)(t.Context(), e)
			if got := strings.TrimSuffix(b.String(), "\n"); got != test.ends {
				t.Errorf("end:\n got %s\nwant %s", got, test.ends)
			}
			if want := test.err != nil && test.ends != ""; e.Logged != want {
				t.Errorf("that it logged an error is noted: %v, want %v", e.Logged, want)
			}
		})
	}
}

// Not parallel: it replaces the default logger.
func TestWithoutALoggerTheDefaultOfTheMomentIsUsed(t *testing.T) {
	before, after := DefaultBefore(nil), DefaultAfter(nil)
	old := slog.Default()
	defer slog.SetDefault(old)
	logger, b := buffer(slog.LevelDebug)
	slog.SetDefault(logger)
	_, _ = before(t.Context(), event(nil))
	after(t.Context(), event(nil))
	if n := strings.Count(b.String(), "\n"); n != 2 {
		t.Errorf("%d records in the logger that became the default later, want 2", n)
	}
}

func TestErrorAttrShowsNoValues(t *testing.T) {
	t.Parallel()
	quoting := errors.New("no row for 'ann@example.com'")
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"none":                        {nil, ""},
		"says itself":                 {duplicate{}, `error.kind="unique constraint"`},
		"wraps one that does":         {fmt.Errorf("for ann@example.com: %w", duplicate{}), `error.kind="unique constraint"`},
		"joined":                      {errors.Join(quoting, duplicate{}), `error.kind="unique constraint"`},
		"says nothing":                {quoting, "error=*errors.errorString"},
		"wraps one that says nothing": {fmt.Errorf("for ann@example.com: %w", &fs.PathError{Err: quoting}), "error=*errors.errorString"},
		"cancelled":                   {fmt.Errorf("for ann@example.com: %w", context.Canceled), `error="context canceled"`},
		"out of time":                 {context.DeadlineExceeded, `error="context deadline exceeded"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logger, b := buffer(slog.LevelDebug)
			logger.LogAttrs(t.Context(), slog.LevelInfo, "m", ErrorAttr(test.err))
			got := strings.TrimSpace(strings.TrimPrefix(b.String(), "level=INFO msg=m"))
			if got != test.want {
				t.Errorf("logged %s, want %s", got, test.want)
			}
		})
	}
}

func TestAHookThatLogsNothingAllocatesNothing(t *testing.T) {
	logger, _ := buffer(slog.LevelInfo)
	before, after, e, ctx := DefaultBefore(logger), DefaultAfter(logger), event(nil), context.Background()
	if n := testing.AllocsPerRun(100, func() { _, _ = before(ctx, e); after(ctx, e) }); n != 0 {
		t.Errorf("the hooks allocate %v times", n)
	}
}

func TestTheFingerprintOfNoStatementIsTheOperation(t *testing.T) {
	t.Parallel()
	if got := (&Event{Op: Begin}).Fingerprint(); got != "begin" {
		t.Errorf("a begin's fingerprint is %q", got)
	}
}
