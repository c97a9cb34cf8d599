//go:build unix

package config

import (
	"io/fs"
	"syscall"
)

// ownedByRoot reports whether a file is root's. What isn't a file of the operating system is nobody's.
func ownedByRoot(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0
}

// dontWait opens a pipe without waiting for who writes into it.
const dontWait = syscall.O_NONBLOCK
