package scan

import (
	"reflect"
	"time"
	"unsafe"

	"github.com/plinthdb/plinth/driver"
)

// Assign reads one value into what dst, a pointer, points at, by the same rules as a plan. The pointers of the commonest
// types are read without reflection. Errors are of kind Scan.
func Assign(v *driver.Value, dst any) error {
	if p := assign(v, dst); p != nil {
		return p.destinationFault("the value", dst)
	}
	return nil
}

// Row reads a row into what dsts point at, one a column. Its errors name the column.
func Row(cols []driver.Column, vals []driver.Value, dsts []any) error {
	if len(dsts) != len(vals) || len(vals) != len(cols) {
		return fault(nil, "give one pointer a column", "the row has %d columns, but there are %d destinations", len(vals), len(dsts))
	}
	for i, dst := range dsts {
		if p := assign(&vals[i], dst); p != nil {
			f := p.destinationFault(columnName(cols, i), dst)
			f.Column = cols[i].Name
			return f
		}
	}
	return nil
}

// assign returns an empty problem if it is dst that is wrong.
func assign(v *driver.Value, dst any) *problem {
	var set setter
	var at unsafe.Pointer
	switch d := dst.(type) {
	case *int64:
		set, at = setInt[int64], unsafe.Pointer(d)
	case *int:
		set, at = setInt[int], unsafe.Pointer(d)
	case *string:
		set, at = setString, unsafe.Pointer(d)
	case *float64:
		set, at = setFloat[float64], unsafe.Pointer(d)
	case *bool:
		set, at = setBool, unsafe.Pointer(d)
	case *[]byte:
		set, at = setBytes, unsafe.Pointer(d)
	case *time.Time:
		set, at = setTime, unsafe.Pointer(d)
	case *any:
		set, at = setAny, unsafe.Pointer(d)
	default:
		return assignOther(v, dst)
	}
	if at == nil {
		return new(problem)
	}
	return set(at, v, nil)
}

func assignOther(v *driver.Value, dst any) *problem {
	rv := reflect.ValueOf(dst)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return new(problem)
	}
	t := targetOf(rv.Type().Elem())
	if t == nil {
		return new(problem)
	}
	return t.set(rv.UnsafePointer(), v, t)
}

// destinationFault is fault for a destination that may itself be the problem.
func (p *problem) destinationFault(where string, dst any) *driver.Fault {
	rv := reflect.ValueOf(dst)
	switch {
	case rv.Kind() != reflect.Pointer:
		return fault(nil, "pass the address of a variable, as in &x", "%s can't be read into a %T, which isn't a pointer", where, dst)
	case rv.IsNil():
		return fault(nil, "pass the address of a variable, as in &x", "%s can't be read through a nil %T", where, dst)
	case targetOf(rv.Type().Elem()) == nil:
		return unsupported(rv.Type().Elem())
	}
	return p.fault(where, "the destination", rv.Type().Elem())
}
