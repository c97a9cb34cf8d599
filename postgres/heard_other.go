//go:build !unix

package postgres

// nothingToRead reports true: elsewhere nothing tells without waiting.
func nothingToRead(uintptr) bool { return true }
