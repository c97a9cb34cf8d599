package mariadb

// Conn is what Native returns of a connection.
type Conn struct{ s *session }

// Native implements driver.Session: it returns a *Conn.
func (s *session) Native() any {
	s.dirty = true
	if s.native == nil {
		s.native = &Conn{s}
	}
	return s.native
}
