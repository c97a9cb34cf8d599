package postgres

import (
	"net"
	"sync/atomic"
)

// socket counts the bytes that cross a network connection, below TLS. What was sent is known by these counts alone: nothing
// above the socket, pgx included, is trusted to tell.
type socket struct {
	net.Conn
	written atomic.Int64 // bytes that the operating system took
	read    atomic.Int64
}

// Write implements net.Conn. It allocates nothing.
func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.written.Add(int64(n))
	return n, err
}

// Read implements net.Conn. It allocates nothing.
func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.read.Add(int64(n))
	return n, err
}
