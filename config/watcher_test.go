package config

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A script is a watcher whose files change by the clock.
type script struct {
	dirty   chan struct{}
	begun   time.Time
	mu      sync.Mutex // of the state
	state   Config
	err     error
	missed  bool            // changes aren't told
	looks   []time.Duration // when it was read
	news    []string
	changed func()
}

func (s *script) at(t *testing.T, when time.Duration, c Config, err error) {
	time.Sleep(time.Until(s.begun.Add(when)))
	s.mu.Lock()
	s.state, s.err = c, err
	s.mu.Unlock()
	if !s.missed {
		select {
		case s.dirty <- struct{}{}:
		default:
		}
	}
}

func play(t *testing.T, s *script, scene func()) {
	synctest.Test(t, func(t *testing.T) {
		s.dirty, s.begun = make(chan struct{}, 1), time.Now()
		s.state = Config{Database: "0"}
		read := s.state
		w := watcher{
			last: s.state,
			look: func() (Config, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.looks = append(s.looks, time.Since(s.begun))
				read = s.state
				return s.state, s.err
			},
			moved: func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return !read.Equal(s.state)
			},
			changed: func(c Config, err error) {
				if err != nil {
					c.Database = err.Error()
				}
				s.news = append(s.news, c.Database)
				if s.changed != nil {
					s.changed()
				}
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() { w.run(ctx, s.dirty); close(ended) }()
		scene()
		cancel()
		<-ended
	})
}

func TestABurstOfWritesIsReadOnceWhenItIsOver(t *testing.T) {
	t.Parallel()
	s := &script{}
	play(t, s, func() {
		for i := range 5 {
			s.at(t, time.Duration(i)*50*time.Millisecond, Config{Database: string(rune('a' + i))}, nil)
		}
		time.Sleep(time.Minute)
	})
	if !slices.Equal(s.looks, []time.Duration{200*time.Millisecond + quiet}) || !slices.Equal(s.news, []string{"e"}) {
		t.Errorf("read at %v, told %q", s.looks, s.news)
	}
}

func TestWhatIsWrittenAllTheTimeIsReadAfterASecond(t *testing.T) {
	t.Parallel()
	s := &script{}
	play(t, s, func() {
		for i := range 50 {
			s.at(t, time.Duration(i)*50*time.Millisecond, Config{Database: string(rune('A' + i))}, nil)
		}
		time.Sleep(time.Minute)
	})
	if len(s.news) != 3 || s.news[2] != string(rune('A'+49)) || s.looks[0] > patience {
		t.Errorf("read at %v, told %q", s.looks, s.news)
	}
}

func TestAChangeThatIsNotToldIsFoundByLooking(t *testing.T) {
	t.Parallel()
	s := &script{missed: true}
	play(t, s, func() {
		s.at(t, time.Second, Config{Database: "1"}, nil)
		time.Sleep(2 * pollEvery)
	})
	if !slices.Equal(s.looks, []time.Duration{pollEvery + quiet}) || !slices.Equal(s.news, []string{"1"}) {
		t.Errorf("read at %v, told %q", s.looks, s.news)
	}
}

func TestAnErrorIsToldOnceAndItsEndToo(t *testing.T) {
	t.Parallel()
	s := &script{}
	one, two := errors.New("one"), errors.New("two")
	play(t, s, func() {
		for i, err := range []error{nil, one, one, errors.New("one"), two, nil, nil, one, nil} {
			s.at(t, time.Duration(i+1)*time.Second, Config{Database: "0"}, err)
		}
		time.Sleep(time.Minute)
	})
	if want := []string{"one", "two", "0", "one", "0"}; !slices.Equal(s.news, want) {
		t.Errorf("told %q, want %q", s.news, want)
	}
}

func TestAChangeDuringACallIsToldAfterIt(t *testing.T) {
	t.Parallel()
	s := &script{}
	s.changed = func() {
		if len(s.news) == 1 {
			s.at(t, 10*time.Second, Config{Database: "2"}, nil)
			s.at(t, 20*time.Second, Config{Database: "3"}, nil)
		}
	}
	play(t, s, func() {
		s.at(t, time.Second, Config{Database: "1"}, nil)
		time.Sleep(time.Minute)
	})
	if !slices.Equal(s.news, []string{"1", "3"}) {
		t.Errorf("told %q", s.news)
	}
}
