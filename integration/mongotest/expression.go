package mongotest

import (
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// evaluate returns the value of an expression: "$field", "$$NOW", a constant, or one of the operators $and, $eq, $gt, $gte, $lt,
// $lte, $add, $subtract, $multiply, $ifNull and $literal. https://www.mongodb.com/docs/manual/reference/operator/aggregation/
func evaluate(doc bson.D, expression any) (any, error) {
	switch e := expression.(type) {
	case string:
		if e == "$$NOW" {
			return bson.NewDateTimeFromTime(time.Now()), nil
		}
		if strings.HasPrefix(e, "$$") {
			return nil, failure(codeFailedToParse, "unknown variable "+e+" (mongotest)")
		}
		return valueOf(doc, e), nil
	case bson.D:
		if len(e) == 1 && e[0].Key == "$literal" {
			return e[0].Value, nil
		}
		if len(e) == 1 && strings.HasPrefix(e[0].Key, "$") {
			return operated(doc, e[0])
		}
	}
	return expression, nil
}

// operated returns the value of an operator, whose operands are a list.
func operated(doc bson.D, e bson.E) (any, error) {
	list, ok := e.Value.(bson.A)
	if !ok {
		return nil, failure(codeFailedToParse, e.Key+" takes an array (mongotest)")
	}
	values := make([]any, len(list))
	for i, operand := range list {
		var err error
		if values[i], err = evaluate(doc, operand); err != nil {
			return nil, err
		}
	}
	if e.Key == "$and" {
		for _, v := range values {
			if !isTrue(v) {
				return false, nil
			}
		}
		return true, nil
	}
	if len(values) != 2 {
		return nil, failure(codeFailedToParse, e.Key+" takes two values (mongotest)")
	}
	a, b := values[0], values[1]
	order, ordered := compare(a, b)
	if !ordered {
		order = kindOf(a) - kindOf(b)
	}
	switch e.Key {
	case "$eq":
		return ordered && order == 0, nil
	case "$gt":
		return order > 0, nil
	case "$gte":
		return order >= 0, nil
	case "$lt":
		return order < 0, nil
	case "$lte":
		return order <= 0, nil
	case "$ifNull":
		if a == nil {
			return b, nil
		}
		return a, nil
	}
	return calculated(e.Key, a, b)
}

// calculated returns a sum, a difference or a product. A date takes milliseconds.
func calculated(operator string, a, b any) (any, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	date, isDate := a.(bson.DateTime)
	if isDate {
		a = float64(date)
	}
	x, okX := number(a)
	y, okY := number(b)
	if !okX || !okY {
		return nil, failure(14, operator+" takes numbers, or a date and a number (mongotest)")
	}
	var result float64
	switch operator {
	case "$add":
		result = x + y
	case "$subtract":
		result = x - y
	case "$multiply":
		result = x * y
	default:
		return nil, failure(168, "unrecognized expression '"+operator+"' (mongotest)")
	}
	if isDate {
		return bson.DateTime(result), nil
	}
	return result, nil
}

// kindOf is where values of a kind are in the order of all, as far as they are known here.
// https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
func kindOf(v any) int {
	switch v.(type) {
	case nil:
		return 1
	case int32, int64, float64:
		return 2
	case string:
		return 3
	case bson.D:
		return 4
	case bson.A:
		return 5
	case bson.Binary:
		return 6
	case bson.ObjectID:
		return 7
	case bool:
		return 8
	case bson.DateTime:
		return 9
	}
	return 10
}

// isTrue is what $and and $expr take for true: all but false, null and 0.
func isTrue(v any) bool {
	if n, ok := number(v); ok {
		return n != 0
	}
	return v != nil && v != false
}

// computed is projected for a $project, which may have expressions.
func computed(doc, spec bson.D) (bson.D, error) {
	var fields, more bson.D
	for _, e := range spec {
		_, isNumber := number(e.Value)
		if _, isBool := e.Value.(bool); isNumber || isBool {
			fields = append(fields, e)
			continue
		}
		v, err := evaluate(doc, e.Value)
		if err != nil {
			return nil, err
		}
		more = append(more, bson.E{Key: e.Key, Value: v})
	}
	if len(more) == 0 {
		return projected(doc, fields), nil
	}
	var out bson.D
	for _, e := range doc {
		_, unnamed := lookup(fields, e.Key).(missing)
		if e.Key == "_id" && isTrue(lookup(spec, "_id")) || e.Key != "_id" && !unnamed {
			out = append(out, e)
		}
	}
	return append(out, more...), nil
}
