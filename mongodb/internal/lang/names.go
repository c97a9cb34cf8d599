package lang

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const systemRefused = "collections whose names begin with system. belong to the server and can't be written to; " +
	"there are commands for it, such as createUser"

// CheckDatabase returns an error that says why name can't be a database: it is empty or longer than 63 bytes, or has a
// dot, with which part of it would be taken for the collection, or another of the characters that MongoDB refuses.
// (Manual, "MongoDB Limits and Thresholds", naming restrictions, those of Windows included so that a name works
// everywhere.)
func CheckDatabase(name string) error {
	switch {
	case name == "":
		return errors.New("the name of a database is empty")
	case len(name) > 63:
		return errors.New("the name of a database is longer than 63 bytes")
	case !utf8.ValidString(name):
		return errors.New("the name of a database isn't UTF-8")
	}
	if i := strings.IndexAny(name, "/\\. \"$*<>:|?\x00"); i >= 0 {
		return fmt.Errorf("the name of a database can't have %s in it", printable(name[i]))
	}
	return nil
}

// checkCollection returns an error that says why name can't be a collection.
func checkCollection(name string) error {
	switch {
	case name == "":
		return errors.New("the name of the collection is empty")
	case len(name) > 255:
		return errors.New("the name of the collection is longer than 255 bytes")
	case !utf8.ValidString(name):
		return errors.New("the name of the collection isn't UTF-8")
	case strings.ContainsAny(name, "$\x00"):
		return errors.New("the name of a collection can't have $ or a zero byte in it")
	case name[0] == '.' || name[len(name)-1] == '.' || strings.Contains(name, ".."):
		return errors.New("the name of a collection can't begin or end with a dot, or have two in a row")
	}
	return nil
}

// isSystem reports whether a collection is the server's own.
func isSystem(name string) bool { return strings.HasPrefix(name, "system.") }
