// Package scan turns rows of driver values into Go values.
package scan

import (
	"reflect"
	"sync"

	"github.com/plinthdb/plinth/driver"
)

// Plan reads rows of certain columns into values of one Go type. It is immutable and may be used by many goroutines.
type Plan struct {
	typ  reflect.Type
	cols []driver.Column
}

// Compile returns the plan that reads rows of cols into a t.
func Compile(t reflect.Type, cols []driver.Column) (*Plan, error) {
	return nil, driver.Faultf(driver.Unsupported, "scan: not built yet")
}

// Into reads one row. dst is a pointer to a zero value of the plan's type.
func (p *Plan) Into(vals []driver.Value, dst any) error {
	return driver.Faultf(driver.Unsupported, "scan: not built yet")
}

// Cache keeps plans by type and columns. The zero Cache is ready to use, by many goroutines at once.
type Cache struct{ types sync.Map }

// Plan returns the plan for t and cols, compiling it if need be.
func (c *Cache) Plan(t reflect.Type, cols []driver.Column) (*Plan, error) { return Compile(t, cols) }

// Assign reads one value into what dst points at.
func Assign(v *driver.Value, dst any) error {
	return driver.Faultf(driver.Unsupported, "scan: not built yet")
}

// Row reads one row into what dsts point at, one a column: rows.Scan(&a, &b). Its errors name the column.
func Row(cols []driver.Column, vals []driver.Value, dsts []any) error {
	return driver.Faultf(driver.Unsupported, "scan: not built yet")
}
