// Package callsite remembers who called, cheaply, and says it when asked.
package callsite

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
)

const depth = 24

// Stack is a captured stack. The zero Stack is empty. Capturing costs well under a microsecond; turning it into
// text is put off until somebody asks.
type Stack struct {
	n   int
	pcs [depth]uintptr
}

// Capture fills s with the caller's stack.
func (s *Stack) Capture() { s.n = runtime.Callers(2, s.pcs[:]) }

// Empty reports whether nothing was captured.
func (s *Stack) Empty() bool { return s.n == 0 }

// Site returns the first frame outside Plinth as "file.go:12 (package.Function)", or "" if there is none.
func (s *Stack) Site() string {
	_, callers := s.split()
	if len(callers) == 0 {
		return ""
	}
	return site(callers[0])
}

// String returns the frames outside Plinth, two lines each, and before them the method of Plinth's that was called.
func (s *Stack) String() string {
	called, callers := s.split()
	if len(callers) > 0 && called.Function != "" {
		callers = slices.Insert(callers, 0, called)
	}
	var b strings.Builder
	for _, f := range callers {
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
	}
	return b.String()
}

// split returns the method of Plinth's that was called, and the frames that led to it. What the root package itself has
// called is no caller: a driver of somebody else's, which isn't in Plinth's folder.
func (s *Stack) split() (called runtime.Frame, callers []runtime.Frame) {
	all := slices.Collect(s.frames)
	first := max(0, slices.IndexFunc(all, func(f runtime.Frame) bool { return ours(f) && path.Dir(f.File)+"/" == root() }))
	for i := first; i < len(all); i++ {
		if !ours(all[i]) {
			return called, all[i:]
		}
		called = all[i]
	}
	return called, nil
}

func (s *Stack) frames(yield func(runtime.Frame) bool) {
	if s.n == 0 {
		return
	}
	frames := runtime.CallersFrames(s.pcs[:s.n])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") && !yield(f) {
			return
		}
		if !more {
			return
		}
	}
}

// Caller returns the call site of the first frame outside Plinth on the calling goroutine's stack.
func Caller() string {
	var s Stack
	s.Capture()
	return s.Site()
}

func site(f runtime.Frame) string {
	return fmt.Sprintf("%s:%d (%s)", path.Base(f.File), f.Line, path.Base(f.Function))
}

// ours reports whether a frame belongs to the layer itself, by its file: an inlined closure bears the name of the package
// it was inlined into. Plinth's own tests, its command and its suites are users of it.
func ours(f runtime.Frame) bool {
	rest, ok := strings.CutPrefix(f.File, root())
	if !ok {
		return strings.HasPrefix(f.Function, "iter.") || strings.HasPrefix(f.Function, "sync.") ||
			strings.HasPrefix(f.Function, "database/sql.") // on the way to package stdsql
	}
	if strings.HasSuffix(rest, "_test.go") {
		return false
	}
	for _, user := range []string{"cmd/", "internal/cli/", "drivertest/", "integration/", "plinthtest/"} {
		if strings.HasPrefix(rest, user) && !strings.HasPrefix(rest, "drivertest/internal/") {
			return false
		}
	}
	return true
}

// root is the folder that Plinth was compiled from, as the compiler writes it: a path, or with -trimpath the module's.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(file, "internal/callsite/callsite.go")
}
