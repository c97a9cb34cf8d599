package plinth

import (
	"context"
	"sync"

	"github.com/plinthdb/plinth/driver"
)

const maxLost = 1000 // tokens of which lost sessions are remembered

// fence has the server end the lost sessions that may still hold the token. Whether that has helped the next attempt shows.
func (o *once) fence(ctx context.Context) {
	e := o.eng
	lost := e.lost.of(o.token)
	if len(lost) == 0 {
		return
	}
	c := call{eng: e, op: exactlyOnce, need: driver.Need{Access: driver.Write}}
	if o.fenced = c.ready(ctx); o.fenced != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, markerWait)
	defer cancel()
	sess, err := c.borrow(ctx, ctx, c.need)
	if err != nil {
		o.fenced = err
		return
	}
	f, ok := sess.(driver.Fencer)
	for _, l := range lost {
		if err == nil && ok && l.target == c.st.target {
			err = f.Fence(ctx, l.identity)
		}
	}
	o.fenced = err
	sess.Release(fate(sess, nil, err))
}

// lostSessions are the sessions that were lost in a transaction of ExactlyOnce, by the token that they may hold on their
// server. They're kept over calls: who comes back with the token may have to end what his last call has left.
type lostSessions struct {
	mu sync.Mutex
	by map[string][]lostSession
}

type lostSession struct {
	target   *target
	identity any
}

func (l *lostSessions) add(token string, s lostSession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = make(map[string][]lostSession)
	}
	if _, known := l.by[token]; !known && len(l.by) >= maxLost {
		for other := range l.by { // any one: they're of outages that are long over, as a rule
			delete(l.by, other)
			break
		}
	}
	l.by[token] = append(l.by[token], s)
}

// of returns the sessions that may hold the token.
func (l *lostSessions) of(token string) []lostSession {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]lostSession(nil), l.by[token]...)
}

// forget is told that none of them holds the token any more.
func (l *lostSessions) forget(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.by, token)
}
