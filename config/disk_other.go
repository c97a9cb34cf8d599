//go:build !unix

package config

import "io/fs"

// ownedByRoot reports whether a file is root's, whom only Unix has.
func ownedByRoot(fs.FileInfo) bool { return false }

// dontWait would open a pipe without waiting for who writes into it, which only Unix has among the files.
const dontWait = 0
