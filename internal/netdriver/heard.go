package netdriver

import (
	"net"
	"syscall"
)

// Ear hears what comes on an idle connection without reading it. The zero value works. It's for one goroutine at a time.
type Ear struct {
	raw    syscall.RawConn
	peek   func(fd uintptr) bool
	silent bool
}

// Heard reports whether the server has said something that wasn't read, or has closed the connection: conn is that of the
// operating system, below TLS, and the same each time. It costs a system call and, but for the first time, no allocation. It's
// false where conn doesn't tell.
func (e *Ear) Heard(conn net.Conn) bool {
	if e.peek == nil {
		sys, ok := conn.(syscall.Conn)
		if !ok {
			return false
		}
		raw, err := sys.SyscallConn()
		if err != nil {
			return true
		}
		e.raw, e.peek = raw, func(fd uintptr) bool { e.silent = nothingToRead(fd); return true }
	}
	return e.raw.Read(e.peek) != nil || !e.silent
}
