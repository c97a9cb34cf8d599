package mongotest

import (
	"slices"
	"time"
)

// Failure is what befalls commands, as the server's own failCommand does it
// (https://github.com/mongodb/mongo/wiki/The-%22failCommand%22-fail-point), and more.
type Failure struct {
	Command string // by name: "commitTransaction"; any but hello if empty
	Skip    int    // the first so many of these aren't befallen
	Times   int    // how many are; 0: one, -1: all that come until Heal
	Member  *Member

	// Applied lets the command do its work first, so that what follows is only about the reply.
	Applied bool
	// Before is called first: server.StepDown. It may call whatever the Server has.
	Before func()
	// Block waits so long before the command, or before the reply if it's Applied. It ends with the connection's end, and
	// then the command is carried out nonetheless.
	Block time.Duration
	// Code is the error that is answered, if it isn't 0. Labels are its labels; nil means those that a server would put
	// there, and an empty list none.
	Code    int32
	Labels  []string
	Message string
	// ConcernCode is the code of a writeConcernError that is added to the reply: the write is done, but not as safely as
	// asked for. Labels are for it, where Code is 0.
	ConcernCode int32
	// Close ends the connection instead of a reply.
	Close bool
}

// Fail plans a failure. Of several that fit a command the one planned first befalls it.
func (s *Server) Fail(f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults = append(s.faults, &f)
}

// Heal takes back all failures that have not befallen a command yet, and returns how many.
func (s *Server) Heal() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.faults)
	s.faults = nil
	return n
}

// befalls takes the failure for a command, nil if none is planned. The lock is held.
func (s *Server) befalls(c *conn, name string) *Failure {
	for i, f := range s.faults {
		if f.Command != "" && f.Command != name || f.Member != nil && f.Member != c.member {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return f
	}
	return nil
}

// wait waits for a time, or for the end of the connection or the server.
func (c *conn) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.gone:
	case <-c.member.server.done:
	}
}

func (f *Failure) error() *serverError {
	text := f.Message
	if text == "" {
		text = "as the test's Failure says"
	}
	return &serverError{code: f.Code, text: text, labels: f.Labels}
}
