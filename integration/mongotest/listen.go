package mongotest

import (
	"net"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Listen starts a replica set for a program that is no test. It ends with Close.
func Listen(opts ...Option) (*Server, error) {
	s := &Server{
		members: make([]*Member, 1), process: bson.NewObjectID(), done: make(chan struct{}), changed: make(chan struct{}), news: make(chan struct{}),
		cursors: map[int64]*cursor{}, sessions: map[string]*session{}, term: 1, topology: 1,
		store: store{collections: map[string]*collection{}},
	}
	for _, o := range opts {
		o(s)
	}
	for i := range s.members {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
		if err != nil {
			s.Close()
			return nil, err
		}
		s.members[i] = &Member{server: s, index: i, listener: l, addr: l.Addr().String(), alive: true, conns: map[*conn]struct{}{}, lag: -1}
	}
	for _, m := range s.members {
		s.running.Go(m.accept)
	}
	return s, nil
}

// Close ends the server, and waits for all its goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	close(s.done)
	for _, m := range s.members {
		if m != nil {
			m.end()
		}
	}
	s.mu.Unlock()
	s.running.Wait()
}
