package mongodb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/plinthdb/plinth/driver"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// What is here reads BSON (https://bsonspec.org/spec.html) into driver values, in one pass and without the library's decoder.

var errTruncated = errors.New("the server's document ends in the middle of a value")

// reader reads the elements of a document, or of an array.
type reader struct{ rest []byte }

// readerOf returns the reader of a document. Its memory is shared by the texts and bytes that are read.
func readerOf(doc []byte) (reader, error) {
	if len(doc) < 5 || int(int32(binary.LittleEndian.Uint32(doc))) != len(doc) || doc[len(doc)-1] != 0 {
		return reader{}, errTruncated
	}
	return reader{doc[4 : len(doc)-1]}, nil
}

// next returns the next element; ok is false after the last one.
func (r *reader) next() (kind bson.Type, key, value []byte, ok bool, err error) {
	if len(r.rest) == 0 {
		return 0, nil, nil, false, nil
	}
	kind = bson.Type(r.rest[0])
	end := bytes.IndexByte(r.rest[1:], 0)
	if end < 0 {
		return 0, nil, nil, false, errTruncated
	}
	key, rest := r.rest[1:1+end], r.rest[2+end:]
	n, err := size(kind, rest)
	if err != nil {
		return 0, nil, nil, false, err
	}
	if n < 0 || n > len(rest) {
		return 0, nil, nil, false, errTruncated
	}
	r.rest = rest[n:]
	return kind, key, rest[:n], true, nil
}

// size returns how many bytes a value takes, which may be more than there are.
func size(kind bson.Type, b []byte) (int, error) {
	length := func(more int) (int, error) {
		if len(b) < 4 {
			return 0, errTruncated
		}
		n := int(int32(binary.LittleEndian.Uint32(b)))
		if n < 0 {
			return 0, errTruncated
		}
		return n + more, nil
	}
	switch kind {
	case bson.TypeNull, bson.TypeUndefined, bson.TypeMinKey, bson.TypeMaxKey:
		return 0, nil
	case bson.TypeBoolean:
		return 1, nil
	case bson.TypeInt32:
		return 4, nil
	case bson.TypeDouble, bson.TypeDateTime, bson.TypeTimestamp, bson.TypeInt64:
		return 8, nil
	case bson.TypeObjectID:
		return 12, nil
	case bson.TypeDecimal128:
		return 16, nil
	case bson.TypeString, bson.TypeJavaScript, bson.TypeSymbol:
		return length(4)
	case bson.TypeEmbeddedDocument, bson.TypeArray, bson.TypeCodeWithScope:
		return length(0)
	case bson.TypeBinary:
		return length(5)
	case bson.TypeDBPointer:
		return length(16)
	case bson.TypeRegex:
		first := bytes.IndexByte(b, 0)
		second := bytes.IndexByte(b[first+1:], 0)
		if first < 0 || second < 0 {
			return 0, errTruncated
		}
		return first + second + 2, nil
	}
	return 0, fmt.Errorf("the server's document has a value of the unlisted type 0x%02x", byte(kind))
}

// valueOf returns a value whose size was checked. Texts and bytes share its memory.
func valueOf(kind bson.Type, b []byte) (driver.Value, error) {
	switch kind {
	case bson.TypeNull, bson.TypeUndefined:
		return driver.NullValue(), nil
	case bson.TypeBoolean:
		return driver.BoolValue(b[0] != 0), nil
	case bson.TypeInt32:
		return driver.IntValue(int64(int32(binary.LittleEndian.Uint32(b)))), nil
	case bson.TypeInt64:
		return driver.IntValue(int64(binary.LittleEndian.Uint64(b))), nil
	case bson.TypeDouble:
		return driver.FloatValue(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case bson.TypeDateTime:
		return driver.TimeValue(time.UnixMilli(int64(binary.LittleEndian.Uint64(b))).UTC()), nil
	case bson.TypeString, bson.TypeSymbol:
		s, err := stringOf(b)
		return driver.TextValue(s), err
	case bson.TypeDecimal128:
		d := bson.NewDecimal128(binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b))
		return driver.DecimalValue(plainDigits(d.String())), nil
	case bson.TypeBinary:
		return binaryOf(b)
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		v, err := nestedOf(kind, b, 0)
		return driver.NestedValue(v), err
	}
	v, err := libraryOf(kind, b)
	return driver.NestedValue(v), err
}

func stringOf(b []byte) (string, error) {
	if len(b) < 5 || b[len(b)-1] != 0 {
		return "", errTruncated
	}
	b = b[4 : len(b)-1]
	return unsafe.String(unsafe.SliceData(b), len(b)), nil
}

// binaryOf returns bytes of the subtypes that are plain bytes, a UUID, or the library's own value.
func binaryOf(b []byte) (driver.Value, error) {
	subtype, data := b[4], b[5:]
	switch {
	case subtype == bson.TypeBinaryGeneric:
		return driver.BytesValue(data[:len(data):len(data)]), nil
	case subtype == bson.TypeBinaryUUID && len(data) == 16:
		return driver.UUIDValue(uuidText(data)), nil
	}
	v, err := libraryOf(bson.TypeBinary, b)
	return driver.NestedValue(v), err
}

func uuidText(b []byte) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = append(text, digits[c>>4], digits[c&15])
	}
	return string(text)
}

// libraryOf returns a value of a type that only MongoDB has, as the library's Go type for it.
func libraryOf(kind bson.Type, b []byte) (any, error) {
	if kind == bson.TypeObjectID {
		return bson.ObjectID(b), nil
	}
	var v any
	err := bson.RawValue{Type: kind, Value: b}.Unmarshal(&v)
	return v, err
}

// maxDepth is how deep documents may lie in each other; the server's own limit is 100 for what is stored.
const maxDepth = 200

// nestedOf returns a document as a map[string]any, an array as a []any, and what is in them as Value.Any would; but decimals
// are a driver.Decimal, by which they are told from texts.
func nestedOf(kind bson.Type, doc []byte, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("the server's document is nested too deeply")
	}
	r, err := readerOf(doc)
	if err != nil {
		return nil, err
	}
	var list []any
	var m map[string]any
	if kind == bson.TypeArray {
		list = []any{}
	} else {
		m = map[string]any{}
	}
	for {
		kind, key, value, ok, err := r.next()
		if err != nil || !ok {
			if m != nil {
				return m, err
			}
			return list, err
		}
		v, err := anyOf(kind, value, depth)
		if err != nil {
			return nil, err
		}
		if m != nil {
			m[unsafe.String(unsafe.SliceData(key), len(key))] = v
		} else {
			list = append(list, v)
		}
	}
}

func anyOf(kind bson.Type, value []byte, depth int) (any, error) {
	if kind == bson.TypeEmbeddedDocument || kind == bson.TypeArray {
		return nestedOf(kind, value, depth+1)
	}
	v, err := valueOf(kind, value)
	if v.Kind() == driver.KindDecimal {
		return driver.Decimal(v.Text()), err
	}
	return v.Any(), err
}

// maxZeros is how many zeros a decimal's exponent may be written out as.
const maxZeros = 40

// plainDigits writes the exponent of a decimal out, 1.5E+3 as 1500, unless that would be long.
func plainDigits(text string) string {
	at := bytes.IndexByte([]byte(text), 'E')
	if at < 0 {
		return text
	}
	exponent, err := strconv.Atoi(text[at+1:])
	if err != nil || exponent > maxZeros || exponent < -maxZeros {
		return text
	}
	sign, digits := "", text[:at]
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	point := len(digits)
	if i := bytes.IndexByte([]byte(digits), '.'); i >= 0 {
		digits, point = digits[:i]+digits[i+1:], i
	}
	point += exponent
	zeros := func(n int) string { return string(bytes.Repeat([]byte{'0'}, n)) }
	switch {
	case point <= 0:
		return sign + "0." + zeros(-point) + digits
	case point >= len(digits):
		return sign + digits + zeros(point-len(digits))
	}
	return sign + digits[:point] + "." + digits[point:]
}
