package servers

import "syscall"

// childAttributes make a child die with the thread that started it, and keep a terminal's Ctrl-C from it: who started it
// ends it in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

const tmpfsMagic = 0x01021994 // statfs(2)

// inMemory tells whether a folder's files are only in memory.
func inMemory(dir string) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && fs.Type == tmpfsMagic
}

// space is how many bytes a folder has room for.
func space(dir string) int64 {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return 0
	}
	return int64(fs.Bavail) * fs.Bsize
}
