//go:build !unix

package mariadb

import "syscall"

// pending reports false: elsewhere nothing tells without waiting.
func pending(syscall.RawConn) bool { return false }
