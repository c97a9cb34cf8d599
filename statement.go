package plinth

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/plinthdb/plinth/driver"
)

// statement is a compiled text, shared by all its calls.
type statement struct {
	*driver.Stmt
	cost atomic.Int64 // nanoseconds of its last runs, on average: see learn

	last, before atomic.Int32 // how many rows All has read the last two times
}

// expected returns how many rows there will be if it's as the last two times, for which All makes room at once; 0 for what is
// soon read anyway.
func (s *statement) expected() int {
	if n := int(min(s.last.Load(), s.before.Load())); n >= fewRows {
		return n
	}
	return 0
}

const fewRows = 8

// returned takes note of how many rows there were.
func (s *statement) returned(n int) {
	if now := int32(min(n, math.MaxInt32)); now >= fewRows || s.last.Load() != 0 {
		s.before.Store(s.last.Swap(now))
	}
}

// statements keeps compiled texts. It has two generations: when the young one is full the old one is dropped and
// the young one takes its place, so what is used stays, what was used once goes, and a look-up is one map access.
type statements struct {
	mu         sync.RWMutex
	young, old map[string]*statement
}

// Texts longer than maxKeptText aren't kept: they are generated, and each would be another one.
const (
	maxStatements = 1024 // a generation
	maxKeptText   = 16 << 10
)

// get returns the text's statement, compiling it if it isn't there.
func (s *statements) get(text string, compile func(string) (*driver.Stmt, error)) (*statement, error) {
	s.mu.RLock()
	st, ok := s.young[text]
	s.mu.RUnlock()
	if ok {
		return st, nil
	}
	s.mu.RLock()
	st, ok = s.old[text]
	s.mu.RUnlock()
	if !ok {
		compiled, err := compile(text)
		if err != nil {
			return nil, err
		}
		st = &statement{Stmt: compiled}
	}
	if len(text) <= maxKeptText {
		s.put(text, st)
	}
	return st, nil
}

func (s *statements) put(text string, st *statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= maxStatements {
		s.old, s.young = s.young, nil
	}
	if s.young == nil {
		s.young = make(map[string]*statement)
	}
	s.young[text] = st
}
