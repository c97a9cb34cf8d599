//go:build unix && !linux

package servers

import "syscall"

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func inMemory(string) bool { return false }

func space(string) int64 { return 0 }
