package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
)

// The exit codes.
const (
	exitDone        = 0
	exitRefused     = 1 // the database said no, or something failed on the way
	exitUsage       = 2 // wrong flags, a wrong number of arguments, an unknown format, a bad URL
	exitUnreachable = 3 // the database can't be reached, or refuses the login, or isn't healthy

	exitInterrupted = 130 // Ctrl-C, or another signal that asks to end: 128 and SIGINT's number, as shells have it
)

// hinted is an error of the command's own.
type hinted struct {
	err   error
	hint  string // what to try
	usage bool   // the command line can't be carried out
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// usagef returns the error of a command line that can't be carried out.
func usagef(hint, format string, args ...any) error {
	return &hinted{err: fmt.Errorf(format, args...), hint: hint, usage: true}
}

// unreached is the error of a command for which no connection came about: the server wasn't there, or refused the login,
// for whatever reason.
type unreached struct{ error }

func (e *unreached) Unwrap() error { return e.error }

// errUnhealthy is health's failure. The report has been printed already.
var errUnhealthy = errors.New("not healthy")

// exit tells what went wrong, and returns the exit code.
func (a *app) exit(ctx context.Context, err error, args []string) int {
	switch {
	case err == nil, a.out.abandoned(err):
		return exitDone
	case errors.Is(err, errUnhealthy):
		return exitUnreachable
	}
	message, hint := describe(err)
	problems := configProblems(err)
	for _, line := range problems {
		a.note("plinth: %s", hideURLs(printable(line), args))
	}
	if problems == nil {
		a.note("plinth: %s", hideURLs(message, args))
	}
	var at *scriptError
	if errors.As(err, &at) {
		for _, line := range at.notes {
			a.note("  %s", line)
		}
	}
	if hint != "" {
		a.note("hint: %s", hideURLs(hint, args))
	}
	if a.Verbose && problems == nil {
		a.attempts(err)
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return exitInterrupted
	}
	return code(err)
}

// describe returns the error in one line, and apart from it what to try.
func describe(err error) (message, hint string) {
	var (
		e *plinth.Error
		f *driver.Fault
		h *hinted
		p *pool.TimeoutError
	)
	switch {
	case errors.As(err, &h):
		message, hint = err.Error(), h.hint
	case errors.Is(err, context.Canceled) && !errors.Is(err, plinth.ErrOutcomeUnknown):
		message = "cancelled"
		var at *scriptError
		if errors.As(err, &at) {
			message = at.place + ": " + message
		}
	case errors.As(err, &e) && errors.As(err, &p) && p.InUse == 0: // nobody else uses the pool
		message = strings.Replace(err.Error(), e.Error(), opening(e, p), 1)
		if errors.As(p.LastDialError, &f) {
			hint = f.Hint
		}
	case errors.As(err, &e):
		plain := *e
		plain.Hint = ""
		message, hint = strings.Replace(err.Error(), e.Error(), plain.Error(), 1), e.Hint
	case errors.As(err, &f):
		message, hint = err.Error(), f.Hint
	default:
		message = err.Error()
	}
	return printable(strings.NewReplacer(negative, "", "\n", "; ").Replace(message)), printable(hint)
}

// opening returns what a pool's time-out means here: the database wasn't open in time.
func opening(e *plinth.Error, p *pool.TimeoutError) string {
	s := fmt.Sprintf("%s on %s: timeout: the database wasn't open after %v", e.Op, e.Target, round(p.Waited))
	if p.LastDialError != nil {
		s += ": " + p.LastDialError.Error()
	}
	return s
}

// attempts lists what each attempt failed with.
func (a *app) attempts(err error) {
	var e *plinth.Error
	if !errors.As(err, &e) {
		return
	}
	for _, t := range e.Attempts {
		message, _ := describe(t.Err)
		a.note("attempt %d, %v: %s", t.N, round(t.Took), message)
		if t.Delay > 0 {
			a.note("  then a pause of %v", round(t.Delay))
		}
	}
	if len(e.Attempts) == 0 {
		a.note("one attempt was made")
	}
}

// code returns the exit code of an error.
func code(err error) int {
	var h *hinted
	if errors.As(err, &h) && h.usage {
		return exitUsage
	}
	var e *plinth.Error
	if !errors.As(err, &e) {
		return exitRefused
	}
	if _, ok := errors.AsType[*unreached](err); ok {
		return exitUnreachable
	}
	if _, ok := errors.AsType[*pool.TimeoutError](err); ok {
		return exitUnreachable
	}
	var at *scriptError
	switch e.Kind {
	case plinth.ErrArgument:
		if !errors.As(err, &at) { // in a script it isn't the command line that is wrong
			return exitUsage
		}
	case plinth.ErrUnavailable, plinth.ErrAuth, plinth.ErrPoolExhausted: // the pool's only user is us: it's exhausted by dials that fail
		return exitUnreachable
	case plinth.ErrUnsupported:
		if e.Op == "open" {
			return exitUsage
		}
	case plinth.ErrTimeout:
		switch e.Op {
		case "connect", "ping", "with", "begin":
			return exitUnreachable
		}
	}
	return exitRefused
}

// hideURLs shortens the arguments that are URLs, which may hold a password, in a message that quotes them.
func hideURLs(message string, args []string) string {
	for _, arg := range args {
		if _, rest, ok := strings.Cut(arg, "://"); ok && strings.ContainsAny(rest, "@?") {
			quoted := strconv.Quote(rest)
			message = strings.NewReplacer(rest, "…", quoted[1:len(quoted)-1], "…").Replace(message)
		}
	}
	return message
}

// abandoned reports whether err is that the reader of standard output has left, as head does when it has seen enough.
func (o *output) abandoned(err error) bool {
	_, werr := o.Write(nil) // a bufio.Writer repeats its first error
	return werr != nil && errors.Is(err, werr) && (errors.Is(werr, syscall.EPIPE) || errors.Is(werr, io.ErrClosedPipe))
}
