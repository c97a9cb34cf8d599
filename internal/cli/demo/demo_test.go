package demo

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestEveryStepDoesWhatItSays(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out bytes.Buffer
	if err := Run(t.Context(), &out, false); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, s := range steps() {
		if !strings.Contains(out.String(), s.title) {
			t.Errorf("the tour lacks %q", s.title)
		}
	}
	for _, text := range []string{
		"    db, err := open.Open(ctx, plinth.Options{URL: url})\n", "  | {ID:1 Title:Emma Year:1815}\n", ": 400 rows, errors: <nil>\n",
		"attempt 1: locked true, again in ", "slow", "a delete without where", "demo.findLeak", "closed after all: true", `committed: ["Persuasion"]`,
		"300 inserts one by one took ", "600 rows; up to ",
	} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("the tour lacks %q", text)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("escape codes without colours")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("the tour left files behind: %v, %v", left, err)
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestWhatIsShownIsTheCodeThatRuns(t *testing.T) {
	t.Parallel()
	for _, s := range steps() {
		code, err := shown(s.file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(code, "//"+" show") || strings.Contains(code, "//"+" end") || strings.Contains(code, "\t") || strings.Contains(code, "nolint") {
			t.Errorf("%s:\n%s", s.file, code)
		}
		if n := strings.Count(code, "\n"); n > 40 {
			t.Errorf("%s shows %d lines, too many for a tour", s.file, n)
		}
	}
}

func TestColoursAreForHeadingsAndCode(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := &screen{w: &b, colors: true}
	s.step("1. A", "x := 1\n\ny := 2\n")
	if _, err := s.Write([]byte("one\ntwo\n")); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[1m1. A\x1b[0m\n\n\x1b[2m    x := 1\x1b[0m\n\n\x1b[2m    y := 2\x1b[0m\n\n  | one\n  | two\n"
	if b.String() != want {
		t.Errorf("%q, want %q", &b, want)
	}
}

func TestAReaderThatLeftEndsTheTour(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	if err := Run(t.Context(), failing{gone}, false); !errors.Is(err, gone) {
		t.Errorf("Run = %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
