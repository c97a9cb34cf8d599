package scan

import (
	"fmt"
	"reflect"

	"github.com/plinthdb/plinth/driver"
)

// problem is why one value couldn't be read into its destination. It never repeats the value, which may be personal.
type problem struct {
	what     string           // what the value is, to complete "column 3 (age) is …"
	hint     string           // what to try
	mismatch bool             // the hint depends on kind and destination, which isn't known yet
	kind     driver.ValueKind // of a mismatch
	cause    error            // from a method of the destination's type; reachable but not shown, it may repeat the value
	path     string           // where in a nested value
	elem     reflect.Type     // the destination there
}

// phrase returns the value's kind with its article.
func phrase(v *driver.Value) string {
	switch v.Kind() {
	case driver.KindNull, driver.KindText, driver.KindBytes, driver.KindJSON:
		return v.Kind().String()
	case driver.KindInt, driver.KindUint:
		return "an integer"
	}
	return "a " + v.Kind().String()
}

func outOfRange(v *driver.Value) *problem {
	return &problem{what: phrase(v) + " out of its range", hint: "use a wider type"}
}

func fractional(v *driver.Value) *problem {
	return &problem{
		what: phrase(v) + " that isn't a whole number",
		hint: "round it in the statement, or use float64 or plinth.Decimal",
	}
}

// refused says that a method of the destination's type returned an error.
func refused(v *driver.Value, method string, err error) *problem {
	return &problem{
		what:  phrase(v) + " that its " + method + " method refused",
		hint:  "the method's own error is wrapped; it isn't shown because it may hold the value",
		cause: err,
	}
}

// mismatch says that the value's kind doesn't go into the destination.
func mismatch(v *driver.Value) *problem {
	return &problem{what: phrase(v), kind: v.Kind(), mismatch: true}
}

// mismatchHint returns what to try when a value of a kind should go into a t.
func mismatchHint(kind driver.ValueKind, t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case kind == driver.KindNull:
		return fmt.Sprintf("use *%s or sql.Null[%s], or coalesce() in the statement", t, t)
	case isTime(t) && kind >= driver.KindInt && kind <= driver.KindFloat:
		return "if it counts seconds since 1970, convert it in the statement, as in datetime(x, 'unixepoch'), or use int64 and time.Unix"
	case t.Kind() == reflect.String:
		return "CAST it to text in the statement, or use a type for " + kind.String()
	case t.Kind() <= reflect.Float64 && kind == driver.KindText:
		return "CAST it in the statement, or use string"
	case t.Kind() == reflect.Array && kind == driver.KindUUID:
		return "use a type with UnmarshalText, such as uuid.UUID, or string"
	}
	return "use any to see what it is, or convert it in the statement"
}

// unsupported says that no value at all can be read into a t.
func unsupported(t reflect.Type) *driver.Fault {
	hint := "use a struct, a map[string]any, a basic type, or a type with a Scan method"
	if t.Kind() == reflect.Pointer {
		hint = "use one pointer at most"
	}
	return fault(nil, hint, "nothing can be read into the Go type %s", t)
}

// within says where in a nested value the problem is: it is called from the inside out.
func (p *problem) within(step string, t reflect.Type) *problem {
	if p.path == "" {
		p.elem = t
	}
	p.path = step + p.path
	return p
}

// fault makes the fault that says where the problem is. t is the destination's type.
func (p *problem) fault(where, target string, t reflect.Type) *driver.Fault {
	what, hint, elem := p.what, p.hint, t
	if p.path != "" {
		what, elem = fmt.Sprintf("a nested value with %s at %s where Go has %s", p.what, p.path, p.elem), p.elem
	}
	if p.mismatch {
		hint = mismatchHint(p.kind, elem)
	}
	return fault(p.cause, hint, "%s is %s; %s is %s", where, what, target, t)
}

// columnFault is fault for a column of a result. i counts from 0.
func (p *problem) columnFault(cols []driver.Column, i int, target string, t reflect.Type) *driver.Fault {
	f := p.fault(columnName(cols, i), target, t)
	f.Column = cols[i].Name
	return f
}

func columnName(cols []driver.Column, i int) string {
	return fmt.Sprintf("column %d (%s)", i+1, cols[i].Name)
}

func fault(cause error, hint, format string, args ...any) *driver.Fault {
	err := fmt.Errorf(format, args...)
	if cause != nil {
		err = &quiet{err, cause}
	}
	return &driver.Fault{Kind: driver.Scan, Phase: driver.Fetch, Sent: true, Hint: hint, Err: err}
}

// quiet has a cause that errors.Is and errors.As find but that isn't printed.
type quiet struct{ shown, cause error }

func (q *quiet) Error() string { return q.shown.Error() }
func (q *quiet) Unwrap() error { return q.cause }
