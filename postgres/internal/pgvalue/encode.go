package pgvalue

import (
	"encoding/binary"
	"fmt"

	"github.com/plinthdb/plinth/driver"
)

// Encode appends an argument to dst as a parameter of the type wants it, without the length in front, and returns which
// format it is in. A nil out stands for NULL, which nil pointers and invalid sql.Null are; an empty value isn't nil.
// arg may be of any Go type, but isn't nil. A fault is of kind Argument and says what to do; the caller adds which argument it
// was.
func (t *Type) Encode(dst []byte, arg any) (out []byte, format int16, err error) {
	simple, err := driver.Simplify(arg)
	if err != nil {
		return nil, 0, err
	}
	switch v := simple.(type) {
	case nil:
		return nil, 0, nil
	case int64:
		if t.class == int8 {
			return binary.BigEndian.AppendUint64(dst, uint64(v)), Binary, nil
		}
	}
	return fmt.Append(dst, simple), Text, nil
}
