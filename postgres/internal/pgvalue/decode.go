package pgvalue

import (
	"encoding/binary"

	"github.com/plinthdb/plinth/driver"
)

// Decode returns a value that came in a format. src is only read during the call; nil is NULL. What must be kept is
// copied into a. Errors are *driver.Fault.
func (t *Type) Decode(src []byte, format int16, a *Arena) (driver.Value, error) {
	if src == nil {
		return driver.NullValue(), nil
	}
	switch t.class {
	case boolean:
		if len(src) != 1 {
			return driver.Value{}, t.malformed()
		}
		return driver.BoolValue(src[0] == 1 || src[0] == 't'), nil
	case int8:
		if format == Binary {
			if len(src) != 8 {
				return driver.Value{}, t.malformed()
			}
			return driver.IntValue(int64(binary.BigEndian.Uint64(src))), nil
		}
	}
	return driver.TextValue(a.text(src)), nil
}
