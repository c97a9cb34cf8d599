//go:build unix

package netdriver

import "syscall"

// nothingToRead reports whether nothing can be read from a socket now, its end included. It doesn't wait, and takes nothing away.
func nothingToRead(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK) // the runtime's sockets don't block
	return err == syscall.EAGAIN || err == syscall.EWOULDBLOCK || err == syscall.EINTR
}
