package lang

import (
	sqldriver "database/sql/driver"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/driver"
)

// bound is a converted value.
type bound struct {
	value  any  // a BSON value, in Operators if the argument was
	nested bool // it has Operators somewhere inside
	nilled bool // it was nil, or something that is taken for it
}

// converter turns a Go value into a BSON value and guards it. Its errors are problems.
type converter struct {
	plans  *sync.Map // reflect.Type of a struct: *plan
	opted  bool      // below Operators
	nested bool      // there are some
	depth  int
	path   []string // to where it is, outermost first
}

// problem is an error with the path to where it lies in the argument.
type problem struct {
	path string
	err  error
}

func (p *problem) Error() string {
	if p.path == "" {
		return p.err.Error()
	}
	return fmt.Sprintf("%v (at %q)", p.err, p.path)
}

func (p *problem) Unwrap() error { return p.err }

func (c *converter) fail(format string, args ...any) error {
	return &problem{clip(strings.Join(c.path, ".")), fmt.Errorf(format, args...)}
}

// maxSteps bounds the walk through pointers and Value methods, as driver.Simplify does.
const maxSteps = 16

// convert returns v as BSON. What needs no help is returned as it is.
func (c *converter) convert(v any) (any, error) { return c.step(v, 0) }

func (c *converter) step(v any, step int) (any, error) {
	switch x := v.(type) {
	case nil, bool, int, int32, int64, float64, bson.ObjectID, bson.DateTime, bson.Decimal128, bson.Timestamp,
		bson.MinKey, bson.MaxKey, bson.Null, bson.JavaScript, bson.Symbol, bson.Binary:
		return v, nil
	case string:
		if !utf8.ValidString(x) {
			return nil, c.fail("the text isn't UTF-8; bind bytes as []byte")
		}
		return v, nil
	case time.Time:
		return c.time(x)
	case []byte:
		if x == nil {
			return nil, nil
		}
		return bson.Binary{Data: x}, nil
	case bson.D:
		return c.d(x)
	case bson.Regex:
		if strings.IndexByte(x.Pattern, 0) >= 0 || strings.IndexByte(x.Options, 0) >= 0 {
			return nil, c.fail("a regular expression can't hold a zero byte")
		}
		return v, nil
	case Operators:
		return c.operators(x, step)
	case json.RawMessage:
		return c.json(x)
	case json.Number:
		return c.jsonNumber(x)
	case driver.Decimal:
		return c.decimal(string(x))
	case uint64:
		return c.unsigned(x)
	case bson.E:
		return nil, c.fail("a bson.E alone is no document; bind a bson.D")
	case bson.Undefined, bson.DBPointer:
		return nil, c.fail("%T is long gone from BSON; bind nil, or a document", v)
	case bson.CodeWithScope:
		scope, err := c.step(x.Scope, step+1)
		if err != nil {
			return nil, err
		}
		return bson.CodeWithScope{Code: x.Code, Scope: scope}, nil
	}
	if step == maxSteps {
		return nil, c.fail("%T leads to more than %d pointers or Value methods, one behind the other", v, maxSteps)
	}
	return c.reflected(v, reflect.ValueOf(v), step)
}

// reflected goes by what v's type can do and then by its kind.
func (c *converter) reflected(v any, rv reflect.Value, step int) (any, error) {
	t := rv.Type()
	if t.Kind() == reflect.Pointer && isNil(rv) {
		return nil, nil
	}
	if out, done, err := c.byMethod(v, rv, step); done {
		return out, err
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface:
		return c.step(rv.Elem().Interface(), step+1)
	case reflect.Bool:
		return rv.Bool(), nil
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return int32(rv.Int()), nil
	case reflect.Int:
		return int(rv.Int()), nil
	case reflect.Int64:
		return rv.Int(), nil
	case reflect.Uint8, reflect.Uint16:
		return int32(rv.Uint()), nil
	case reflect.Uint, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return c.unsigned(rv.Uint())
	case reflect.Float32, reflect.Float64:
		return rv.Float(), nil
	case reflect.String:
		return c.step(rv.String(), step+1)
	}
	if isNil(rv) {
		return nil, nil
	}
	p := reflect.New(t) // a copy with an address, so that methods on the pointer type are found
	p.Elem().Set(rv)
	if out, done, err := c.byMethod(p.Interface(), p, step); done {
		return out, err
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return c.list(p.Elem())
	case reflect.Map:
		return c.mapping(rv)
	case reflect.Struct:
		return c.structure(p.Elem())
	}
	return nil, c.fail("a Go value of type %T has no counterpart in BSON", v)
}

// byMethod asks the type's methods: its own BSON first, then those by which every database of Plinth takes values.
func (c *converter) byMethod(v any, rv reflect.Value, step int) (out any, done bool, err error) {
	t := rv.Type()
	if isTime(t) {
		out, err = c.time(rv.Convert(reflect.TypeFor[time.Time]()).Interface().(time.Time))
		return out, true, err
	}
	if t.Kind() == reflect.Pointer && (hasMethod(t.Elem()) || t.Elem() == reflect.TypeFor[bson.RawValue]()) {
		return nil, false, nil // what it points at says it
	}
	switch x := v.(type) {
	case bson.Raw:
		out, err = c.raw(bson.TypeEmbeddedDocument, x)
		return out, true, err
	case bson.RawArray:
		out, err = c.raw(bson.TypeArray, x)
		return out, true, err
	case bson.RawValue:
		out, err = c.raw(x.Type, x.Value)
		return out, true, err
	case bson.Vector:
		return x.Binary(), true, nil
	case bson.ValueMarshaler:
		kind, data, err := x.MarshalBSONValue()
		if err != nil {
			return nil, true, c.fail("MarshalBSONValue of %T: %w", v, err)
		}
		out, err = c.raw(bson.Type(kind), data)
		return out, true, err
	case bson.Marshaler:
		data, err := x.MarshalBSON()
		if err != nil {
			return nil, true, c.fail("MarshalBSON of %T: %w", v, err)
		}
		out, err = c.raw(bson.TypeEmbeddedDocument, data)
		return out, true, err
	}
	if isUUID(t) {
		if text, ok := v.(encoding.TextMarshaler); ok {
			if digits, err := text.MarshalText(); err == nil && len(digits) == 36 {
				id, ok := parseUUID(string(digits))
				if ok {
					return bson.Binary{Subtype: bson.TypeBinaryUUID, Data: id}, true, nil
				}
			}
		}
	}
	if inner, ok := sqlNull(rv); ok {
		out, err = c.step(inner, step+1)
		return out, true, err
	}
	if valuer, ok := v.(sqldriver.Valuer); ok {
		out, err = c.valuer(valuer, rv, step)
		return out, true, err
	}
	if m, ok := v.(encoding.TextMarshaler); ok && !isNil(rv) {
		text, err := m.MarshalText()
		if err != nil {
			return nil, true, c.fail("MarshalText of %T: %w", v, err)
		}
		out, err = c.step(string(text), step+1)
		return out, true, err
	}
	return nil, false, nil
}

// hasMethod reports whether byMethod would ask a value of the type.
func hasMethod(t reflect.Type) bool {
	for _, m := range [...]reflect.Type{
		reflect.TypeFor[bson.ValueMarshaler](), reflect.TypeFor[bson.Marshaler](), reflect.TypeFor[sqldriver.Valuer](),
		reflect.TypeFor[encoding.TextMarshaler](),
	} {
		if t.Implements(m) {
			return true
		}
	}
	return false
}

func isNil(rv reflect.Value) bool {
	switch rv.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return rv.IsNil()
	}
	return false
}

func isTime(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.ConvertibleTo(reflect.TypeFor[time.Time]())
}

// isUUID reports whether t is an array of 16 bytes, as UUID types of Go are.
func isUUID(t reflect.Type) bool {
	return t.Kind() == reflect.Array && t.Len() == 16 && t.Elem().Kind() == reflect.Uint8
}

// sqlNull returns what is in a sql.Null[T], sql.NullInt64 and so on.
func sqlNull(rv reflect.Value) (inner any, ok bool) {
	t := rv.Type()
	if t.Kind() != reflect.Struct || t.PkgPath() != "database/sql" || t.NumField() != 2 || t.Field(1).Name != "Valid" {
		return nil, false
	}
	if !rv.Field(1).Bool() {
		return nil, true
	}
	return rv.Field(0).Interface(), true
}

func (c *converter) valuer(valuer sqldriver.Valuer, rv reflect.Value, step int) (any, error) {
	v, err := valuer.Value()
	if err != nil {
		return nil, c.fail("Value of %T: %w", valuer, err)
	}
	if text, ok := v.(string); ok {
		if _, exact := valuer.(interface{ Rat() *big.Rat }); exact {
			return c.decimal(text)
		}
	}
	return c.step(v, step+1)
}

// time returns an instant in BSON's milliseconds. What is finer is cut off, as MongoDB's drivers do.
func (c *converter) time(t time.Time) (any, error) {
	const most = math.MaxInt64/1000 - 1
	if s := t.Unix(); s > most || s < -most {
		return nil, c.fail("the time is beyond what BSON's milliseconds can say")
	}
	return bson.NewDateTimeFromTime(t), nil
}

func (c *converter) unsigned(n uint64) (any, error) {
	if n > math.MaxInt64 {
		return nil, c.fail("the unsigned number is larger than an int64, the largest integer of BSON; bind a plinth.Decimal")
	}
	return int64(n), nil
}

func (c *converter) decimal(text string) (any, error) {
	d, err := exactDecimal(text)
	if err != nil {
		return nil, c.fail("the decimal can't be stored: %w", err)
	}
	return d, nil
}

// exactDecimal reads a decimal of which no digit gets lost.
func exactDecimal(text string) (bson.Decimal128, error) {
	const longest = 6500 // every Decimal128 in plain digits is shorter; reading takes quadratic time
	if len(text) <= longest {
		if d, err := bson.ParseDecimal128(text); err == nil {
			return d, nil
		}
	}
	return bson.Decimal128{}, errors.New("Decimal128 has 34 digits and exponents from -6176 to 6111")
}

// jsonNumber keeps an integer an integer.
func (c *converter) jsonNumber(n json.Number) (any, error) {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, c.fail("the json.Number isn't a number that BSON has")
	}
	return f, nil
}

// operators converts what is in Operators. A value marked at the top stays marked, for the placeholder's place.
func (c *converter) operators(ops Operators, step int) (any, error) {
	if c.opted {
		return c.step(ops.Value, step+1)
	}
	top := len(c.path) == 0 && c.depth == 0
	c.opted = true
	v, err := c.step(ops.Value, step+1)
	c.opted = false
	if err != nil {
		return nil, err
	}
	if top {
		return Operators{v}, nil
	}
	c.nested = true
	return v, nil
}

// raw takes BSON apart to guard what is in it, level by level: the driver's own reading isn't bounded in depth.
func (c *converter) raw(kind bson.Type, data []byte) (any, error) {
	if data == nil && (kind == bson.TypeEmbeddedDocument || kind == 0) {
		return nil, nil
	}
	switch kind {
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		elems, err := bson.Raw(data).Elements()
		if err != nil {
			return nil, c.fail("the BSON can't be read: %w", err)
		}
		d := make(bson.D, len(elems))
		a := make(bson.A, len(elems))
		for i, e := range elems {
			key, err := e.KeyErr()
			if err != nil {
				return nil, c.fail("the BSON can't be read: %w", err)
			}
			v, err := e.ValueErr()
			if err != nil {
				return nil, c.fail("the BSON can't be read: %w", err)
			}
			d[i], a[i] = bson.E{Key: key, Value: v}, v
		}
		if kind == bson.TypeArray {
			return c.convert(a)
		}
		return c.d(d)
	case bson.TypeCodeWithScope, bson.TypeDBPointer, bson.TypeUndefined:
		return nil, c.fail("the BSON has a value of type %s, which isn't taken", kind)
	}
	var v any
	if err := (bson.RawValue{Type: kind, Value: data}).Unmarshal(&v); err != nil {
		return nil, c.fail("the BSON can't be read: %w", err)
	}
	return c.step(v, 1)
}

// json reads JSON, in which a key such as $oid is a key: only below Operators it is Extended JSON.
func (c *converter) json(text json.RawMessage) (any, error) {
	if text == nil {
		return nil, nil
	}
	if !json.Valid(text) {
		return nil, c.fail("the json.RawMessage isn't JSON")
	}
	p := parser{reader: reader{text: string(text)}, plain: !c.opted}
	n, err := p.whole()
	if err != nil {
		return nil, c.fail("the json.RawMessage: %w", err)
	}
	n.freeze()
	return c.step(n.value, 1)
}
