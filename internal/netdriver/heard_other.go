//go:build !unix

package netdriver

// nothingToRead reports true: elsewhere nothing tells without waiting.
func nothingToRead(uintptr) bool { return true }
