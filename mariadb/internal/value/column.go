// Package value turns what MariaDB's protocol says of columns and parameters into values and back: the cells of a row
// into [driver.Value], in both of the protocol's forms, and a Go argument into the bytes of an execution.
package value

import (
	"github.com/plinthdb/plinth/driver"
)

// Definition is what the server says of a column: https://mariadb.com/kb/en/result-set-packets/#column-definition-packet.
type Definition struct {
	Type      byte
	Flags     uint16
	Charset   uint16
	Length    uint32
	ExtType   string // MariaDB's extended type: uuid, inet6, point, …
	ExtFormat string // its format: json
}

// ZeroDates says what becomes of dates that no calendar has: 0000-00-00, 2024-02-00 and, where sql_mode lets them in,
// 2024-02-31.
type ZeroDates string

// What may become of them.
const (
	ZeroIsError ZeroDates = ""
	ZeroIsNull  ZeroDates = "null"
	ZeroIsZero  ZeroDates = "zero" // the zero time.Time
)

// Column decodes the values of one column of a result. It isn't changed after NewColumn, so many goroutines may use it at a
// time.
type Column struct {
	// Type is the name that MariaDB's own statements use, in lower case: "bigint unsigned", "decimal", "uuid", "json". Only
	// "tinyint(1)", which is a boolean, has a length.
	Type string

	class class
	size  uint8 // of the binary form, for classes that have one
	zero  ZeroDates
}

// class is how values are read.
type class uint8

const (
	text class = iota
	null
	boolean // tinyint(1)
	signed
	unsigned
	float
	double
	decimal
	bit // of several bits
	flag
	date
	clock
	instant
	octets
	uuid
	document
)

// The types of columns and parameters: https://mariadb.com/kb/en/result-set-packets/#field-types.
const (
	typeDecimal    = 0x00
	typeTiny       = 0x01
	typeShort      = 0x02
	typeLong       = 0x03
	typeFloat      = 0x04
	typeDouble     = 0x05
	typeNull       = 0x06
	typeTimestamp  = 0x07
	typeLongLong   = 0x08
	typeInt24      = 0x09
	typeDate       = 0x0a
	typeTime       = 0x0b
	typeDateTime   = 0x0c
	typeYear       = 0x0d
	typeNewDate    = 0x0e
	typeVarchar    = 0x0f
	typeBit        = 0x10
	typeJSON       = 0xf5 // MySQL's; MariaDB's is text with the format json
	typeNewDecimal = 0xf6
	typeEnum       = 0xf7
	typeSet        = 0xf8
	typeTinyBlob   = 0xf9
	typeMediumBlob = 0xfa
	typeLongBlob   = 0xfb
	typeBlob       = 0xfc
	typeVarString  = 0xfd
	typeString     = 0xfe
	typeGeometry   = 0xff
)

// Flags of a column: https://mariadb.com/kb/en/result-set-packets/#field-details-flag.
const (
	flagUnsigned = 1 << 5
	flagEnum     = 1 << 8
	flagSet      = 1 << 11
)

// binaryCharset is the character set of what is no text.
const binaryCharset = 63

// NewColumn returns the column of a definition. A type that isn't known is text, or bytes if its character set is binary.
func NewColumn(d Definition, zero ZeroDates) Column {
	c := Column{zero: zero}
	switch d.Type {
	case typeTiny:
		// The only sign of BOOLEAN, which MariaDB makes TINYINT(1) of. What an expression returns has another length.
		if c.integer("tinyint", 1, d); d.Length == 1 && c.class == signed {
			c.Type, c.class = "tinyint(1)", boolean
		}
	case typeShort:
		c.integer("smallint", 2, d)
	case typeInt24:
		c.integer("mediumint", 4, d)
	case typeLong:
		c.integer("int", 4, d)
	case typeLongLong:
		c.integer("bigint", 8, d)
	case typeYear:
		c.Type, c.class, c.size = "year", unsigned, 2
	case typeFloat:
		c.Type, c.class, c.size = "float", float, 4
	case typeDouble:
		c.Type, c.class, c.size = "double", double, 8
	case typeDecimal, typeNewDecimal:
		c.Type, c.class = "decimal", decimal
	case typeBit:
		if c.Type, c.class = "bit", bit; d.Length == 1 {
			c.class = flag
		}
	case typeNull:
		c.Type, c.class = "null", null
	case typeDate, typeNewDate:
		c.Type, c.class = "date", date
	case typeTime:
		c.Type, c.class = "time", clock
	case typeDateTime:
		c.Type, c.class = "datetime", instant
	case typeTimestamp:
		c.Type, c.class = "timestamp", instant
	case typeJSON:
		c.Type, c.class = "json", document
	case typeGeometry:
		if c.Type, c.class = "geometry", octets; d.ExtType != "" {
			c.Type = d.ExtType
		}
	default:
		c.describe(d)
	}
	return c
}

func (c *Column) integer(name string, size uint8, d Definition) {
	c.Type, c.class, c.size = name, signed, size
	if d.Flags&flagUnsigned != 0 {
		c.Type, c.class = name+" unsigned", unsigned
	}
}

// describe is for what is sent as bytes with a length: text, unless its character set is binary.
func (c *Column) describe(d Definition) {
	isText := d.Charset != binaryCharset
	switch {
	case !isText:
		c.class = octets
	case d.ExtFormat == "json":
		c.class = document
	case d.ExtType == "uuid":
		c.class = uuid
	}
	switch {
	case d.ExtType != "":
		c.Type = d.ExtType
	case d.ExtFormat != "":
		c.Type = d.ExtFormat
	case d.Type == typeEnum, d.Flags&flagEnum != 0:
		c.Type = "enum"
	case d.Type == typeSet, d.Flags&flagSet != 0:
		c.Type = "set"
	default:
		c.Type = stringType(d, isText)
	}
}

// stringType returns the name of a string's type. Of a column with a TEXT or a BLOB the server only tells the length, four
// bytes for each of a text's.
func stringType(d Definition, isText bool) string {
	suffix, unit := "blob", uint64(1)
	if isText {
		suffix, unit = "text", 4
	}
	switch d.Type {
	case typeString:
		if !isText {
			return "binary"
		}
		return "char"
	case typeTinyBlob:
		return "tiny" + suffix
	case typeMediumBlob:
		return "medium" + suffix
	case typeLongBlob:
		return "long" + suffix
	case typeBlob:
		switch n := uint64(d.Length); {
		case n <= unit*0xff:
			return "tiny" + suffix
		case n <= unit*0xffff:
			return suffix
		case n <= unit*0xffffff:
			return "medium" + suffix
		}
		return "long" + suffix
	}
	if !isText {
		return "varbinary"
	}
	return "varchar"
}

// malformed returns the fault for bytes that no server sends.
func (c *Column) malformed() *driver.Fault {
	f := driver.Faultf(driver.Unknown, "the server sent bytes that aren't a value of the type %s", c.Type)
	f.Phase, f.Sent, f.Evict = driver.Fetch, true, true
	return f
}

// noDate returns what a date stands for that no calendar has.
func (c *Column) noDate() (driver.Value, error) {
	switch {
	case c.zero == ZeroIsNull:
		return driver.NullValue(), nil
	case c.zero == ZeroIsZero && c.class == date:
		return driver.DaysValue(zeroDay), nil
	case c.zero == ZeroIsZero:
		return timeValue(zeroDay, 0, 0), nil
	}
	f := driver.Faultf(driver.Scan, "a %s that no calendar has, such as 0000-00-00", c.Type)
	f.Hint = "open with zero_dates=null to read it as NULL, or zero_dates=zero as the zero time; or select cast(x as char)"
	f.Phase, f.Sent = driver.Fetch, true
	return driver.NullValue(), f
}
