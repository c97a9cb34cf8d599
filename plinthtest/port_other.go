//go:build !linux

package plinthtest

import (
	"context"
	"fmt"
	"net"
)

// port is a port of 127.0.0.1 that was free. Here nothing keeps it while the proxy refuses (see port_linux.go).
type port struct{ number int }

func holdPort() (*port, error) {
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("plinthtest: taking a port of 127.0.0.1: %w", err)
	}
	return &port{number: l.Addr().(*net.TCPAddr).Port}, l.Close()
}

func (*port) release() error { return nil }
