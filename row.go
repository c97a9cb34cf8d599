package plinth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/scan"
)

// Row is one row with its columns in the order of the result. It owns its values and may be kept. A name that two columns
// have means the first of them; Values has all.
type Row struct {
	cols []driver.Column
	vals []driver.Value
	doc  bool // it's a document, which may lack what others have
}

// Len returns the number of columns.
func (r Row) Len() int { return len(r.vals) }

// Columns returns the names of the columns.
func (r Row) Columns() []string { return columnNames(r.cols) }

// Values returns the values as Value gives them.
func (r Row) Values() []any {
	all := make([]any, len(r.vals))
	for i := range r.vals {
		all[i] = r.vals[i].Any()
	}
	return all
}

// Value returns the named column as an untyped value (the docs have the table of types), and whether there is such a column.
func (r Row) Value(column string) (any, bool) {
	i := r.index(column)
	if i < 0 {
		return nil, false
	}
	return r.vals[i].Any(), true
}

// All returns the columns and their values in order.
func (r Row) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for i := range r.vals {
			if !yield(r.cols[i].Name, r.vals[i].Any()) {
				return
			}
		}
	}
}

// IsNull reports whether the named column is NULL. A column that isn't there is.
func (r Row) IsNull(column string) bool {
	i := r.index(column)
	return i < 0 || r.vals[i].IsNull()
}

// Int64 returns the named column as an int64. What doesn't fit, NULL included, is an ErrScan, here and in the getters
// below; Get reads any other type.
func (r Row) Int64(column string) (int64, error) { return Get[int64](r, column) }

// Float64 returns the named column as a float64.
func (r Row) Float64(column string) (float64, error) { return Get[float64](r, column) }

// Bool returns the named column as a bool.
func (r Row) Bool(column string) (bool, error) { return Get[bool](r, column) }

// Text returns the named column as a string. (String is the whole row.)
func (r Row) Text(column string) (string, error) { return Get[string](r, column) }

// Bytes returns the named column as bytes.
func (r Row) Bytes(column string) ([]byte, error) { return Get[[]byte](r, column) }

// Time returns the named column as a time.
func (r Row) Time(column string) (time.Time, error) { return Get[time.Time](r, column) }

// Decimal returns the named column as an exact decimal.
func (r Row) Decimal(column string) (Decimal, error) { return Get[Decimal](r, column) }

// Get returns the named column of a row as a T: *int for one that may be NULL, a sql.Scanner, anything that a field of a
// struct may be.
func Get[T any](r Row, column string) (T, error) {
	var v T
	i := r.index(column)
	if i < 0 {
		return v, &Error{Kind: ErrScan, Column: column, Err: fmt.Errorf("no such column; the row has %v", r.Columns())}
	}
	if err := scan.Assign(&r.vals[i], &v); err != nil {
		e := rowError(err)
		e.Column = column
		return v, e
	}
	return v, nil
}

// Into returns the row as a T, as One and All do.
func Into[T any](r Row) (T, error) {
	var v T
	compile := scan.Compile
	if r.doc {
		compile = scan.CompileDocument
	}
	plan, err := compile(reflect.TypeFor[T](), r.cols)
	if err == nil {
		err = plan.Into(r.vals, &v)
	}
	if err != nil {
		return v, rowError(err)
	}
	return v, nil
}

func rowError(err error) *Error {
	f, ok := asFault(err)
	if !ok {
		return &Error{Kind: ErrScan, Err: err}
	}
	return &Error{Kind: f.Kind, Column: f.Column, Hint: f.Hint, Err: err}
}

func (r Row) index(column string) int {
	for i := range r.cols {
		if r.cols[i].Name == column {
			return i
		}
	}
	return -1
}

// String returns the row as JSON. It shows the values: keep it out of logs.
func (r Row) String() string {
	b, err := r.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// MarshalJSON returns the row as an object with its columns in order. Bytes are base64, as encoding/json has it;
// of columns with the same name, all are written.
func (r Row) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range r.vals {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(r.cols[i].Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(r.vals[i].Any())
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
