// Package value turns what MariaDB's protocol says of columns and parameters into values and back: the cells of a row
// into [driver.Value], in both of the protocol's forms, and a Go argument into the bytes of an execution.
package value

import (
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

// Definition is what the server says of a column: https://mariadb.com/kb/en/result-set-packets/#column-definition-packet.
type Definition struct {
	Type      byte
	Flags     uint16
	Charset   uint16
	Length    uint32
	Decimals  byte
	ExtType   string // MariaDB's extended type: uuid, inet6, point, …
	ExtFormat string // its format: json
}

// ZeroDates says what becomes of dates that no calendar has, such as 0000-00-00 and 2024-02-00.
type ZeroDates string

// What may become of them.
const (
	ZeroIsError ZeroDates = ""
	ZeroIsNull  ZeroDates = "null"
	ZeroIsZero  ZeroDates = "zero" // the zero time.Time
)

// Column decodes the values of one column of a result. It isn't changed after NewColumn, so it may be used by many
// goroutines at a time.
type Column struct {
	// Type is the name that MariaDB's own statements use, in lower case: "bigint unsigned", "decimal", "uuid", "json". The
	// only one with a length is "tinyint(1)", which is also called boolean.
	Type string

	class class
	zero  ZeroDates
}

// NewColumn returns the column of a definition.
func NewColumn(d Definition, zero ZeroDates) Column { return Column{} }

// DecodeBinary returns a value of a row of the binary protocol. src is the value without its length; nil is NULL. It's only
// read during the call: what must be kept is copied into a. Errors are *driver.Fault.
func (c *Column) DecodeBinary(src []byte, a *arena.Arena) (driver.Value, error) {
	return driver.Value{}, nil
}

// DecodeText is DecodeBinary for a row of the text protocol. The same value gives the same Value.
func (c *Column) DecodeText(src []byte, a *arena.Arena) (driver.Value, error) {
	return driver.Value{}, nil
}

type class byte
