//go:build unix

package mariadb

import "syscall"

// pending reports whether something can be read from a socket, or its end. It doesn't wait, and takes nothing away.
func pending(conn syscall.RawConn) bool {
	var err error
	var b [1]byte
	if conn.Read(func(fd uintptr) bool {
		_, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK) // the runtime's sockets don't block
		return true
	}) != nil {
		return true
	}
	return err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR
}
