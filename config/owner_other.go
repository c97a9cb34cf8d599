//go:build !unix

package config

import "io/fs"

// ownedByRoot reports whether a file is root's, whom only Unix has.
func ownedByRoot(fs.FileInfo) bool { return false }
