// Command faults breaks databases and connections under programs that use them, counts every write afterwards, and holds what it
// found against what was said: what was acknowledged has to be there, what was refused mustn't be, and nothing may be there
// twice. It prints its figures beside the targets, and writes them to a file.
//
//	go run ./faults [-out ../docs/faults.md] [-short] [trial …]
//
// Each trial runs on real, durable servers of its own. The exit status is 1 if a target was missed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/plinthdb/plinth/integration/servers"
)

func main() {
	if isChild() {
		os.Exit(child())
	}
	out := flag.String("out", "", "the Markdown file that the figures are written to")
	short := flag.Bool("short", false, "do a fiftieth of everything, to see that it works")
	flag.Usage = usage
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, *out, *short, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		code = 1
	}
	os.Exit(code)
}

func usage() {
	fmt.Fprintf(os.Stderr, "usage: go run ./faults [-out FILE] [-short] [trial …]\n\n")
	flag.PrintDefaults()
	fmt.Fprintln(os.Stderr, "\ntrials:")
	for _, t := range trials() {
		fmt.Fprintf(os.Stderr, "  %-10s %s\n", t.name, t.title)
	}
}

// trial is one kind of fault.
type trial struct {
	name, title string
	did         string // what is done, for the report
	on          []*product
	run         func(ctx context.Context, b *bench) ([]figure, error)
}

// figure is what was seen, beside what had to be seen.
type figure struct {
	what, saw, target string
	ok                bool
	timed             bool // it's missed by a machine that is busy with something else, too
}

// trials are all, in the order of the report.
func trials() []trial {
	return slices.Concat(onceTrials(), lostTrials(), killTrials(), outageTrials(), mongoTrials())
}

func run(ctx context.Context, out string, short bool, names []string) (code int, err error) {
	all := trials()
	for _, name := range names {
		if !slices.ContainsFunc(all, func(t trial) bool { return t.name == name }) {
			return 2, fmt.Errorf("there is no trial %q", name)
		}
	}
	r := &report{began: time.Now(), short: short, versions: make(map[string]string)}
	for _, t := range all {
		if len(names) > 0 && !slices.Contains(names, t.name) {
			continue
		}
		fmt.Printf("%s\n", t.title)
		s := section{trial: t}
		for _, p := range t.on {
			figures, err := runOn(ctx, r, t, p)
			if errors.Is(err, servers.ErrNotInstalled) {
				fmt.Printf("  %s: not tested, it isn't installed (make setup)\n", p.name)
				r.missing = append(r.missing, p.name)
				continue
			}
			if err != nil {
				return 1, fmt.Errorf("%s on %s: %w", t.name, p.name, err)
			}
			for _, f := range figures {
				mark := "ok  "
				if !f.ok {
					mark, code = "MISS", 1
				}
				fmt.Printf("  %s %s, %s: %s (target: %s)\n", mark, p.name, f.what, f.saw, f.target)
				f.what = p.name + ", " + f.what
				s.figures = append(s.figures, f)
			}
		}
		r.sections = append(r.sections, s)
		if err := r.write(out); err != nil { // what was measured isn't lost if the next trial can't be run
			return 1, err
		}
	}
	fmt.Printf("all of it took %v\n", time.Since(r.began).Round(time.Second))
	return code, nil
}

func runOn(ctx context.Context, r *report, t trial, p *product) ([]figure, error) {
	b := &bench{product: p, short: r.short, progress: &progress{out: os.Stdout, what: p.name}}
	defer b.close()
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	r.versions[p.name] = b.version()
	defer b.progress.clear()
	return t.run(ctx, b)
}

// report is what is written in the end.
type report struct {
	began    time.Time
	short    bool
	versions map[string]string
	missing  []string
	sections []section
}

type section struct {
	trial
	figures []figure
}

func (r *report) write(out string) error {
	if out == "" {
		return nil
	}
	return os.WriteFile(out, []byte(r.markdown()), 0o644) //nolint:gosec // a document
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString(`# What happens when things break

Each figure here was measured by ` + "`make faults`" + ` on real servers with durable settings, but for MongoDB's,
which is a scripted replica set in the program itself. Every write carries a token of its own. In the
end all tokens in the database are counted and held against what the program was told: one that was acknowledged has to be there
once, one that was refused not at all, and one whose outcome was reported as unknown (` + "`plinth.ErrOutcomeUnknown`" + `) not more than
once. The servers' processes are killed with SIGKILL, which loses what they had in memory; the operating system goes on, so this
doesn't test disks.

`)
	fmt.Fprintf(&b, "Measured on %s, with %d processors.", r.began.UTC().Format("2 January 2006"), runtime.NumCPU())
	for _, name := range []string{"PostgreSQL", "MariaDB", "SQLite", "MongoDB"} {
		if v := r.versions[name]; v != "" {
			fmt.Fprintf(&b, " %s: %s.", name, v)
		}
	}
	if r.short {
		b.WriteString(" This was the short form: a fiftieth of everything.")
	}
	slices.Sort(r.missing)
	if missing := slices.Compact(r.missing); len(missing) > 0 {
		fmt.Fprintf(&b, " Not tested: %s.", strings.Join(missing, ", "))
	}
	b.WriteString("\n")
	for _, s := range r.sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| what | seen | has to be |\n|---|---|---|\n", s.title, s.did)
		for _, f := range s.figures {
			saw := f.saw
			if !f.ok {
				saw = "**missed:** " + saw
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", f.what, saw, f.target)
		}
	}
	return b.String()
}
