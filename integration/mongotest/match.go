package mongotest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// missing is the value of a field that isn't there.
type missing struct{}

// lookup returns the value of a field: "a.b" is b of the document a.
func lookup(doc bson.D, path string) any {
	field, rest, more := strings.Cut(path, ".")
	for _, e := range doc {
		if e.Key != field {
			continue
		}
		if !more {
			return e.Value
		}
		if inner, ok := e.Value.(bson.D); ok {
			return lookup(inner, rest)
		}
	}
	return missing{}
}

// matches tells whether a document fits a filter: equality, $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $and, $or, $expr.
// https://www.mongodb.com/docs/manual/reference/operator/query/
func matches(doc, filter bson.D) (bool, error) {
	for _, e := range filter {
		ok, err := true, error(nil)
		switch e.Key {
		case "$comment":
		case "$and", "$or":
			ok, err = matchesList(doc, e)
		case "$expr":
			var v any
			v, err = evaluate(doc, e.Value)
			ok = isTrue(v)
		default:
			if strings.HasPrefix(e.Key, "$") {
				return false, failure(codeBadValue, "unknown top level operator: "+e.Key+" (mongotest)")
			}
			ok, err = fits(lookup(doc, e.Key), e.Value)
		}
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func matchesList(doc bson.D, e bson.E) (bool, error) {
	list, _ := e.Value.(bson.A)
	for _, part := range list {
		inner, ok := part.(bson.D)
		if !ok {
			return false, failure(codeBadValue, e.Key+" takes documents")
		}
		fits, err := matches(doc, inner)
		if err != nil {
			return false, err
		}
		if fits != (e.Key == "$and") {
			return fits, nil
		}
	}
	return e.Key == "$and", nil
}

// fits compares a value with what a filter asks of it.
func fits(value, want any) (bool, error) {
	operators, ok := want.(bson.D)
	if !ok || len(operators) == 0 || !strings.HasPrefix(operators[0].Key, "$") {
		return equals(value, want), nil
	}
	for _, op := range operators {
		ok, err := operator(value, op)
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func operator(value any, op bson.E) (bool, error) {
	order, ordered := compare(value, op.Value)
	switch op.Key {
	case "$eq":
		return equals(value, op.Value), nil
	case "$ne":
		return !equals(value, op.Value), nil
	case "$gt":
		return ordered && order > 0, nil
	case "$gte":
		return ordered && order >= 0, nil
	case "$lt":
		return ordered && order < 0, nil
	case "$lte":
		return ordered && order <= 0, nil
	case "$in", "$nin":
		list, ok := op.Value.(bson.A)
		if !ok {
			return false, failure(codeBadValue, op.Key+" needs an array")
		}
		found := slices.ContainsFunc(list, func(v any) bool { return equals(value, v) })
		return found == (op.Key == "$in"), nil
	case "$exists":
		_, absent := value.(missing)
		return absent == (op.Value == false), nil
	}
	return false, failure(codeBadValue, "unknown operator: "+op.Key+" (mongotest)")
}

// equals is also true of an array that has the value among its own.
func equals(value, want any) bool {
	if order, ok := compare(value, want); ok && order == 0 {
		return true
	}
	list, ok := value.(bson.A)
	return ok && slices.ContainsFunc(list, func(v any) bool { order, ok := compare(v, want); return ok && order == 0 })
}

// compare orders two values of one kind; numbers of any type are one kind, and a field that is missing is null.
// https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
func compare(a, b any) (order int, ok bool) {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return cmp.Compare(x, y), ok
	}
	switch x := a.(type) {
	case missing, nil:
		_, absent := b.(missing)
		return 0, absent || b == nil
	case string:
		y, ok := b.(string)
		return cmp.Compare(x, y), ok
	case bool:
		y, ok := b.(bool)
		if x == y {
			return 0, ok
		}
		if x {
			return 1, ok
		}
		return -1, ok
	case bson.ObjectID:
		y, ok := b.(bson.ObjectID)
		return bytes.Compare(x[:], y[:]), ok
	case bson.DateTime:
		y, ok := b.(bson.DateTime)
		return cmp.Compare(x, y), ok
	case time.Time:
		y, ok := b.(time.Time)
		return x.Compare(y), ok
	}
	// What is left can be the same, but is neither more nor less.
	x, errX := bson.Marshal(bson.D{{Key: "v", Value: a}})
	y, errY := bson.Marshal(bson.D{{Key: "v", Value: b}})
	return bytes.Compare(x, y), errX == nil && errY == nil && bytes.Equal(x, y)
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// add is the sum, of the wider type.
func add(a, b any) (any, error) {
	x, okX := number(a)
	y, okY := number(b)
	if !okX || !okY {
		return nil, failure(14, fmt.Sprintf("a sum of %T and %T", a, b))
	}
	switch {
	case isFloat(a) || isFloat(b):
		return x + y, nil
	case isLong(a) || isLong(b):
		return asLong(a) + asLong(b), nil
	}
	if sum := asLong(a) + asLong(b); sum != int64(int32(sum)) {
		return sum, nil
	}
	return int32(asLong(a) + asLong(b)), nil
}

func isFloat(v any) bool { _, ok := v.(float64); return ok }
func isLong(v any) bool  { _, ok := v.(int64); return ok }

func asLong(v any) int64 {
	if n, ok := v.(int32); ok {
		return int64(n)
	}
	n, _ := v.(int64)
	return n
}
