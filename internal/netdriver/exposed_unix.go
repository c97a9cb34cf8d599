//go:build unix

package netdriver

import (
	"io/fs"
	"syscall"
)

// Exposed reports whether others than the owner can read the file; root's may be read by its group.
func Exposed(info fs.FileInfo) bool {
	forbidden := fs.FileMode(0o077)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == 0 {
		forbidden = 0o037
	}
	return info.Mode().IsRegular() && info.Mode().Perm()&forbidden != 0
}
