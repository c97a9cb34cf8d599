package sqlite

import (
	"reflect"

	"github.com/plinthdb/plinth/driver"
	"modernc.org/libc"           //nolint:depguard // SQLite itself, which the library below is made of
	lib "modernc.org/sqlite/lib" //nolint:depguard // the same
	zombiezen "zombiezen.com/go/sqlite"
)

// declare fills in what the columns of a result were declared as in their tables: "" for what is no table's column.
// SQLite has a function for that, https://www.sqlite.org/c3ref/column_decltype.html, which the library doesn't pass on;
// it's asked with the address that the library keeps to itself. Should a later version keep that elsewhere, the types are
// unknown again.
func declare(st *zombiezen.Stmt, columns []driver.Column) {
	fields := reflect.ValueOf(st).Elem()
	address, conn := fields.FieldByName("stmt"), fields.FieldByName("conn")
	if !address.IsValid() || address.Kind() != reflect.Uintptr ||
		!conn.IsValid() || conn.Type() != reflect.TypeFor[*zombiezen.Conn]() {
		return
	}
	thread := conn.Elem().FieldByName("tls")
	if !thread.IsValid() || thread.Type() != reflect.TypeFor[*libc.TLS]() {
		return
	}
	for i := range columns {
		name := lib.Xsqlite3_column_decltype((*libc.TLS)(thread.UnsafePointer()), uintptr(address.Uint()), int32(i))
		if name != 0 {
			columns[i].Type = libc.GoString(name)
		}
	}
}
