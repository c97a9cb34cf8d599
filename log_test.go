package plinth_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/querylog"
)

// The default hook tells of attempts and the query log of calls: with both, a failure is told once.
func TestAFailureIsLoggedOnceByTheDefaultHookOrByTheQueryLog(t *testing.T) {
	t.Parallel()
	for _, hooked := range []bool{true, false} {
		for name, slowFrom := range map[string]time.Duration{"fast": time.Hour, "slow": time.Nanosecond} {
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			o := plinth.Options{Logger: logger, QueryLog: querylog.Options{Logger: logger, Errors: true, Threshold: slowFrom}}
			if hooked {
				o.After = hook.DefaultAfter(logger)
			}
			db := onFile(t, o)
			for _, c := range []struct {
				text    string
				args    []any
				attempt bool
			}{
				{"insert into t values (1, 100)", nil, true}, // the check fails
				{"insert into t values (?, ?)", []any{1}, false},
			} {
				log.Reset()
				if _, err := db.Execute(t.Context(), c.text, c.args...); err == nil {
					t.Fatalf("%s was executed", c.text)
				}
				by := "query failed"
				switch {
				case hooked && c.attempt:
					by = "statement failed"
				case name == "slow" && c.attempt: // what had none took no time
					by = "slow query"
				}
				errs := 0
				for line := range strings.Lines(log.String()) {
					if !strings.Contains(line, " error.") {
						continue
					}
					if errs++; !strings.Contains(line, by) {
						t.Errorf("%s, hook: %v: it's told by %s, want it in %q", name, hooked, line, by)
					}
				}
				if slow := strings.Count(log.String(), "slow query"); errs != 1 || (slow == 1) != (name == "slow" && c.attempt) {
					t.Errorf("%s, hook: %v, %q: %d records have the error:\n%s", name, hooked, c.text, errs, log.String())
				}
			}
		}
	}
}
