package stdsql

import (
	"database/sql/driver"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/plinthdb/plinth"
	seam "github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/scan"
)

// rows are driver.Rows.
type rows struct {
	*plinth.Rows
	types  []seam.Column
	engine string
}

var _ interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeScanType
} = (*rows)(nil)

func newRows(answer *plinth.Rows, engine string) *rows {
	return &rows{answer, answer.ColumnTypes(), engine}
}

// Next implements driver.Rows.
func (r *rows) Next(dst []driver.Value) error {
	if !r.Rows.Next() {
		if err := r.Err(); err != nil {
			return hide(err)
		}
		return io.EOF
	}
	vals := r.Raw()
	for i := range vals {
		var err error
		if dst[i], err = r.value(&vals[i], r.types[i].Type); err != nil {
			return err
		}
	}
	return nil
}

// Close implements driver.Rows.
func (r *rows) Close() error { return hide(r.Rows.Close()) }

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName.
func (r *rows) ColumnTypeDatabaseTypeName(i int) string { return strings.ToUpper(r.types[i].Type) }

// ColumnTypeScanType implements driver.RowsColumnTypeScanType. It is the type that the column's values have, or any where
// they needn't all have the same.
func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if r.engine == postgres {
		switch r.types[i].Type {
		case "int2", "int4", "int8", "oid":
			return reflect.TypeFor[int64]()
		case "float4", "float8":
			return reflect.TypeFor[float64]()
		case "bool":
			return reflect.TypeFor[bool]()
		case "date", "timestamp", "timestamptz":
			return reflect.TypeFor[time.Time]()
		case "bytea", "json", "jsonb":
			return reflect.TypeFor[[]byte]()
		case "text", "varchar", "bpchar", "name", "uuid", "numeric":
			return reflect.TypeFor[string]()
		}
	}
	return reflect.TypeFor[any]()
}

// value returns v as one of the types that database/sql knows.
func (r *rows) value(v *seam.Value, of string) (driver.Value, error) {
	switch v.Kind() {
	case seam.KindNull:
		return nil, nil
	case seam.KindBool:
		// A TINYINT(1) may be meant as a number, and database/sql makes a bool of 0 and 1, but no number of a bool.
		if r.engine == "mariadb" {
			if v.Bool() {
				return int64(1), nil
			}
			return int64(0), nil
		}
		return v.Bool(), nil
	case seam.KindInt:
		return v.Int64(), nil
	case seam.KindUint:
		return strconv.FormatUint(v.Uint64(), 10), nil
	case seam.KindFloat:
		return v.Float64(), nil
	case seam.KindText:
		if r.engine == "sqlite" && isTime(of) {
			var t time.Time
			if scan.Assign(v, &t) == nil {
				return t, nil
			}
		}
		return v.Text(), nil
	case seam.KindBytes:
		return v.Bytes(), nil
	case seam.KindTime, seam.KindDate:
		return v.Time(), nil
	case seam.KindJSON:
		return []byte(v.Text()), nil
	case seam.KindNested:
		if list, ok := v.Nested().([]any); ok && r.engine == postgres {
			return arrayText(list, of), nil
		}
		return json.Marshal(v.Nested())
	}
	return v.Text(), nil // decimals and UUIDs
}

// isTime reports whether a column's declared type is one of those whose texts SQLite's drivers give as times, after
// github.com/mattn/go-sqlite3, whose users rely on it.
func isTime(declared string) bool {
	switch strings.ToUpper(declared) {
	case "DATE", "DATETIME", "TIMESTAMP":
		return true
	}
	return false
}
