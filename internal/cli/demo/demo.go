// Package demo is the tour that the command plinth gives: steps on a temporary database, each shown as the lines of Go
// that run and what they print. A step checks its own result, so the tour is a test as well.
package demo

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/plinthdb/plinth"
)

// The steps' own source, so that what is shown is what runs.
//
//go:embed step*.go
var sources embed.FS

// step is one stop of the tour.
type step struct {
	title string
	file  string // has the lines to show between "// show" and "// end"
	run   func(ctx context.Context, t *tour) error
}

func steps() []step {
	return []step{
		{"Open a database, fill a table, read rows into a struct", "step1_open.go", openAndRead},
		{"Eight goroutines write at the same time", "step2_writers.go", writeTogether},
		{"Another process holds the lock: the write is tried again", "step3_busy.go", retryBusy},
		{"A slow query is logged", "step4_slow.go", logSlowQuery},
		{"Hooks: one refuses a statement, one measures", "step5_hooks.go", hooks},
		{"Rows that nobody closes are found", "step6_leak.go", findLeak},
		{"A savepoint is undone, the transaction around it stays", "step7_savepoint.go", undoSavepoint},
		{"The pool's statistics", "step8_pool.go", poolStatistics},
		{"Is it healthy?", "step9_health.go", checkHealth},
		{"Futures: inserts that wait share a commit", "step10_async.go", writeAsync},
	}
}

// tour is what the steps share.
type tour struct {
	out *screen
	url string
	db  *plinth.Engine // opened by the first step
}

// quietURL is the database for the steps that aren't about slow statements: a slow disk shouldn't log into the tour.
func (t *tour) quietURL() string { return t.url + "?slow_threshold=off" }

// limit bounds the whole tour, which takes a few seconds.
const limit = time.Minute

// Run takes the tour and prints it to w. It returns an error if a step didn't do what it says.
func Run(ctx context.Context, w io.Writer, colors bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "plinth-demo-")
	if err != nil {
		return err
	}
	t := &tour{out: &screen{w: w, colors: colors}, url: "sqlite:" + filepath.ToSlash(filepath.Join(dir, "demo.db"))}
	defer func() {
		err = errors.Join(err, t.close(ctx), os.RemoveAll(dir))
	}()

	start := time.Now()
	for i, s := range steps() {
		code, err := shown(s.file)
		if err != nil {
			return err
		}
		t.out.step(fmt.Sprintf("%d. %s", i+1, s.title), code)
		if err := s.run(ctx, t); err != nil {
			return fmt.Errorf("step %d of the demo, %q: %w", i+1, s.title, err)
		}
		if err := t.out.done(); err != nil {
			return err
		}
	}
	t.out.end(fmt.Sprintf("%d steps in %v. The database was temporary and is gone.", len(steps()), time.Since(start).Round(10*time.Millisecond)))
	return t.out.err
}

func (t *tour) close(ctx context.Context) error {
	if t.db == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return t.db.Close(ctx)
}

// shown returns the lines of a step's file that are between "// show" and "// end", without the indentation that they
// all have and what is only for the linter.
func shown(file string) (string, error) {
	source, err := sources.ReadFile(file)
	if err != nil {
		return "", err
	}
	var lines []string
	showing := false
	for line := range strings.Lines(string(source)) {
		switch strings.TrimSpace(line) {
		case "// show":
			showing = true
		case "// end":
			showing = false
		default:
			if showing {
				if code, _, found := strings.Cut(line, " //nolint"); found {
					line = code + "\n"
				}
				lines = append(lines, strings.ReplaceAll(strings.TrimPrefix(line, "\t"), "\t", "    "))
			}
		}
	}
	if len(lines) == 0 {
		return "", fmt.Errorf("%s has no lines to show", file)
	}
	return strings.Join(lines, ""), nil
}

// expect makes an error of a result that isn't what the step promises.
func expect(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// screen prints the tour. What a step writes to it is set apart from the code by a bar in front of each line.
// Steps write from several goroutines.
type screen struct {
	w      io.Writer
	colors bool

	mu   sync.Mutex
	said bytes.Buffer // by the current step
	err  error
}

const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	plain = "\x1b[0m"
)

// step prints a heading and the code that is about to run.
func (s *screen) step(title, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said.Reset()
	s.print(s.paint(bold, title) + "\n\n")
	for line := range strings.Lines(code) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			line = s.paint(faint, "    "+line)
		}
		s.print(line + "\n")
	}
	s.print("\n")
}

// end prints the last line.
func (s *screen) end(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.print(s.paint(bold, text) + "\n")
}

// Write prints the output of a step, line by line.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said.Write(p)
	for line := range bytes.Lines(p) {
		s.print("  | " + string(line))
	}
	return len(p), s.err
}

// done ends the output of a step.
func (s *screen) done() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.print("\n")
	return s.err
}

// has reports whether the current step has written text.
func (s *screen) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.said.String(), text)
}

func (s *screen) print(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.w, text)
	}
}

func (s *screen) paint(style, text string) string {
	if !s.colors {
		return text
	}
	return style + text + plain
}
