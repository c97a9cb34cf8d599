//go:build !unix

package netdriver

import "io/fs"

// Exposed reports false: elsewhere the mode doesn't tell who can read a file.
func Exposed(fs.FileInfo) bool { return false }
