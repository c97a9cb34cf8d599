package postgres

import (
	"net"
	"sync/atomic"
	"syscall"
)

// socket counts the bytes that cross a network connection, below TLS. What was sent is known by these counts alone: nothing
// above the socket, pgx included, is trusted to tell.
type socket struct {
	net.Conn
	written atomic.Int64 // bytes that the operating system took
	read    atomic.Int64

	raw    syscall.RawConn // of heard, as is the rest
	peek   func(fd uintptr) bool
	silent bool
}

// heard reports whether the server has said something that wasn't read, or has closed the connection. From an idle session
// nothing is to be heard but that it ends, or that a setting of the server's has changed. It costs a system call and, but
// for the first time, no allocation.
func (s *socket) heard() bool {
	if s.peek == nil {
		conn, ok := s.Conn.(syscall.Conn)
		if !ok {
			return false
		}
		raw, err := conn.SyscallConn()
		if err != nil {
			return true
		}
		s.raw, s.peek = raw, func(fd uintptr) bool { s.silent = nothingToRead(fd); return true }
	}
	return s.raw.Read(s.peek) != nil || !s.silent
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
