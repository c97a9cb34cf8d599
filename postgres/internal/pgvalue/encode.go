package pgvalue

import (
	"encoding/json"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// Encode appends an argument to dst as a parameter of the type wants it, without the length in front, and returns which
// format it is in. A nil out stands for NULL, which nil pointers and invalid sql.Nulls are; an empty value isn't nil.
// arg may be of any Go type. What can't be sent, or would be changed by it, is a *driver.Fault that says what to do and
// never repeats the value; the caller adds which argument it was.
func (t *Type) Encode(dst []byte, arg any) (out []byte, format int16, err error) {
	if dst == nil {
		dst = []byte{}
	}
	return t.encode(dst, arg, 0)
}

// encode has a case for what Simplify returns, for the types that arguments are often of, and for those that Simplify
// would make less of than PostgreSQL can take.
func (t *Type) encode(dst []byte, arg any, step int) (out []byte, format int16, err error) {
	switch v := arg.(type) {
	case nil:
		return nil, Binary, nil
	case string:
		return t.fromString(dst, v)
	case int64:
		return t.fromInt(dst, v)
	case int:
		return t.fromInt(dst, int64(v))
	case bool:
		return t.fromBool(dst, v)
	case float64:
		return t.fromFloat(dst, v, 64)
	case time.Time:
		return t.fromTime(dst, v)
	case []byte:
		return t.fromBytes(dst, v)
	case driver.Decimal:
		return t.fromDecimal(dst, string(v))
	case time.Duration:
		return t.fromDuration(dst, v)
	case json.RawMessage:
		return t.fromBytes(dst, v)
	case int32:
		return t.fromInt(dst, int64(v))
	case int16:
		return t.fromInt(dst, int64(v))
	case int8:
		return t.fromInt(dst, int64(v))
	case uint64:
		return t.fromUint(dst, v)
	case uint:
		return t.fromUint(dst, uint64(v))
	case uint32:
		return t.fromInt(dst, int64(v))
	case uint16:
		return t.fromInt(dst, int64(v))
	case uint8:
		return t.fromInt(dst, int64(v))
	case float32:
		return t.fromFloat(dst, float64(v), 32)
	case []int64, []string, []int, []int32, []float64:
		if t.class == array && !t.elem.textOnly() {
			return t.fromList(dst, arg)
		}
	}
	return t.fromOther(dst, arg, step)
}

// refuse returns the fault for an argument that doesn't go into the type.
func (t *Type) refuse(what, hint string) (out []byte, format int16, err error) {
	f := driver.Faultf(driver.Argument, "%s doesn't go into PostgreSQL's type %s", what, t.Name)
	f.Hint = hint
	return nil, 0, f
}
