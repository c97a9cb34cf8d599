package scan

import (
	"database/sql"
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// FuzzAssign reads values of every kind into destinations of every sort: it must not panic, must fail with a fault of
// kind Scan, and what it reads must be the same through a plan.
func FuzzAssign(f *testing.F) {
	for kind := range driver.KindNested + 1 {
		f.Add(uint8(kind), int64(kind)*1e17, 1.5, "2024-05-06 07:08:09")
		f.Add(uint8(kind), int64(-1), -1e300, `[{"a":[1,null,{}]},"x"]`)
		f.Add(uint8(kind), int64(1), 0.0, "-12.50E+3")
		f.Add(uint8(kind), int64(0), 7.0, uuidText)
	}
	types := []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[userID](), reflect.TypeFor[uint8](),
		reflect.TypeFor[uint64](), reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[string](), reflect.TypeFor[level](),
		reflect.TypeFor[[]byte](), reflect.TypeFor[rawID](), reflect.TypeFor[time.Time](), reflect.TypeFor[stamp](), reflect.TypeFor[any](),
		reflect.TypeFor[json.RawMessage](), reflect.TypeFor[*int](), reflect.TypeFor[**string](), reflect.TypeFor[sql.NullTime](),
		reflect.TypeFor[sql.Null[*userID]](), reflect.TypeFor[echo](), reflect.TypeFor[picky](), reflect.TypeFor[looseID](), reflect.TypeFor[color](),
		reflect.TypeFor[packed](), reflect.TypeFor[big.Int](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[url.URL](), reflect.TypeFor[account](),
		reflect.TypeFor[tree](), reflect.TypeFor[[2]int](), reflect.TypeFor[map[string]any](), reflect.TypeFor[map[int]string](), reflect.TypeFor[[]any](),
		reflect.TypeFor[chan int](), reflect.TypeFor[error](), reflect.TypeFor[func()](), reflect.TypeFor[complex64](), reflect.TypeFor[[]chan int](),
		reflect.TypeFor[struct{ sql.NullInt64 }](), reflect.TypeFor[bag](), reflect.TypeFor[[0]int](), reflect.TypeFor[struct{}](),
	}
	plans := make([]*Plan, len(types))
	for i, typ := range types {
		if p, err := Compile(typ, columns("c")); err == nil && len(p.names) == 0 && p.record == nil {
			plans[i] = p // for one value
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, n int64, x float64, s string) {
		v := fuzzValue(kind, n, x, s)
		for i, typ := range types {
			dst := reflect.New(typ)
			err := Assign(&v, dst.Interface())
			var fault *driver.Fault
			if err != nil && (!errors.As(err, &fault) || fault.Kind != driver.Scan) {
				t.Fatalf("%s into %s: %v isn't a fault of kind Scan", v.Kind(), typ, err)
			}
			if plans[i] == nil {
				continue
			}
			again := reflect.New(typ)
			planErr := plans[i].Into([]driver.Value{v}, again.Interface())
			if (err == nil) != (planErr == nil) {
				t.Fatalf("%s into %s: Assign says %v, the plan %v", v.Kind(), typ, err, planErr)
			}
			if err == nil && x == x && !reflect.DeepEqual(dst.Elem().Interface(), again.Elem().Interface()) {
				t.Fatalf("%s into %s: Assign gives %v, the plan %v", v.Kind(), typ, dst.Elem(), again.Elem())
			}
		}
	})
}

func fuzzValue(kind uint8, n int64, x float64, s string) driver.Value {
	switch driver.ValueKind(kind % uint8(driver.KindNested+1)) {
	case driver.KindBool:
		return driver.BoolValue(n&1 == 1)
	case driver.KindInt:
		return driver.IntValue(n)
	case driver.KindUint:
		return driver.UintValue(uint64(n))
	case driver.KindFloat:
		return driver.FloatValue(x)
	case driver.KindDecimal:
		return driver.DecimalValue(s)
	case driver.KindText:
		return driver.TextValue(s)
	case driver.KindBytes:
		return driver.BytesValue([]byte(s))
	case driver.KindTime:
		return driver.TimeValue(time.Unix(n, 0))
	case driver.KindDate:
		return driver.DateValue(time.Unix(n%1e10, 0))
	case driver.KindUUID:
		return driver.UUIDValue(s)
	case driver.KindJSON:
		return driver.JSONValue(s)
	case driver.KindNested:
		var nested any
		if json.Unmarshal([]byte(s), &nested) != nil {
			nested = map[string]any{"a": []any{n, x, s}, s: map[string]any{"b": []byte(s)}}
		}
		return driver.NestedValue(nested)
	}
	return driver.NullValue()
}
