//go:build unix

// Package cputime tells what a benchmark has cost.
package cputime

import (
	"syscall"
	"time"
)

// Used returns the processor time this process has used, in user and kernel mode, by all its threads.
func Used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
