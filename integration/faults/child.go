package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
)

// childVariable is set where this program runs as the one that is killed: product, what to do, and the first and the last token.
const childVariable, childURL = "PLINTH_FAULTS_CHILD", "PLINTH_FAULTS_URL"

func isChild() bool { return os.Getenv(childVariable) != "" }

// child writes tokens, and says "begun N" before and "done N" after each, until it's killed. Errors are of no interest: whoever
// counts the tokens takes what isn't done for unknown. It returns only if it can't begin, or has written all.
func child() int {
	words := strings.Fields(os.Getenv(childVariable))
	first, _ := strconv.ParseInt(words[2], 10, 64)
	last, _ := strconv.ParseInt(words[3], 10, 64)
	ctx := context.Background()
	i := 0
	products := []*product{postgreSQL(), mariaDB(), sqLite()}
	for ; products[i].name != words[0]; i++ {
	}
	o := plinth.Options{URL: os.Getenv(childURL), Logger: slog.New(slog.DiscardHandler)}
	o.QueryLog.Logger = o.Logger
	e, err := products[i].open(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if words[1] == "once" {
		return childOnce(ctx, e, first, last)
	}
	var next atomic.Int64
	next.Store(first)
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for {
				token := next.Add(1) - 1
				_, _ = os.Stdout.WriteString("begun " + strconv.FormatInt(token, 10) + "\n")
				if childWrites(ctx, e, token) == nil {
					_, _ = os.Stdout.WriteString("done " + strconv.FormatInt(token, 10) + "\n")
				}
			}
		})
	}
	work.Wait()
	return 0
}

func childWrites(ctx context.Context, e *plinth.Engine, token int64) error {
	if rand.IntN(2) == 0 {
		_, err := e.Execute(ctx, ledger.Insert, token)
		return err
	}
	return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { return ledger.Transfer(ctx, tx, token) })
}

// process is a child as its parent sees it.
type process struct {
	cmd     *exec.Cmd
	lines   *bufio.Scanner
	last    int64 // the highest token that it began with
	done    int64 // how many it was done with
	already int64 // of these, those that had been applied before
}

func startChild(p *product, url, what string, first, last int64) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &process{cmd: exec.Command(program), last: first - 1} //nolint:gosec,noctx // itself; it's killed
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %d", childVariable, p.name, what, first, last), childURL+"="+url)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.lines = bufio.NewScanner(out)
	return c, c.cmd.Start()
}

// killed kills the process some time after it was done with so many tokens, or lets it come to its end, and notes all that it said.
func (c *process) killed(ctx context.Context, l *ledger.Ledger, after time.Duration, tokens int64) error {
	kill := func() { _ = c.cmd.Process.Kill() }
	late := time.AfterFunc(within, kill)
	defer late.Stop()
	stop := context.AfterFunc(ctx, kill)
	defer stop()
	for c.lines.Scan() {
		word, rest, _ := strings.Cut(c.lines.Text(), " ")
		number, again, _ := strings.Cut(rest, " ")
		token, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			continue // killed in the middle of a line
		}
		switch word {
		case "begun":
			l.Note(ledger.Unknown, token)
			c.last = max(c.last, token)
		case "done":
			l.Note(ledger.Applied, token)
			if c.done++; c.done == tokens {
				time.AfterFunc(after, kill)
			}
			if again != "" {
				c.already++
			}
		}
	}
	_ = c.cmd.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
