package plinthtest

import (
	"fmt"
	"os"
	"syscall"
)

// port keeps a port of 127.0.0.1 while nobody listens on it, by a socket that is bound and doesn't listen: connections are
// refused, and nobody else gets the port. Otherwise a client that tries again and again while the proxy
// refuses would sooner or later get it as its own port, and be connected to itself.
type port struct {
	number int
	fd     int
}

func holdPort() (*port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("plinthtest: opening a socket: %w", os.NewSyscallError("socket", err))
	}
	// With SO_REUSEADDR, which package net sets for listeners, both can have the port as only one listens.
	err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	if err == nil {
		err = os.NewSyscallError("bind", syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	}
	var name syscall.Sockaddr
	if err == nil {
		name, err = syscall.Getsockname(fd)
		err = os.NewSyscallError("getsockname", err)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("plinthtest: taking a port of 127.0.0.1: %w", err)
	}
	return &port{number: name.(*syscall.SockaddrInet4).Port, fd: fd}, nil
}

func (p *port) release() error { return os.NewSyscallError("close", syscall.Close(p.fd)) }
