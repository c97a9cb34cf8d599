package lang

import (
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// place says how the server interprets what stands somewhere in a statement, and with it what a bound value may be there.
type place uint8

const (
	valuePlace      place = iota // a value: compared, stored, counted
	expressionPlace              // an aggregation expression: what could be one is sent as {$literal: …}
	constantPlace                // perhaps an expression: what could be one is refused
	listPlace                    // {$in: ?}: an array of values
	spreadPlace                  // {$in: [?]}: a value, or an array of them, which is spread
	patternPlace                 // {$regex: ?}
	filterPlace                  // a whole filter
	filtersPlace                 // a list of filters
	updatePlace                  // a whole update
	assignPlace                  // {$set: ?}: fields and their values
	documentPlace                // a document to store
	documentsPlace               // a list of them
	sortPlace                    // a whole sort document
	directionPlace               // 1 or -1 in one
	projectionPlace              // a whole projection
	hintPlace                    // an index, by its name or its keys
	countPlace                   // a whole number, not negative
	switchPlace                  // true or false
	textPlace                    // a text
	scalarPlace                  // a value whose documents would be part of the statement: no document
	plainPlace                   // a document without operators
)

// fill returns a bound value as it is sent at this place.
func (pl place) fill(v any) any {
	if ops, ok := v.(Operators); ok {
		return ops.Value
	}
	if pl == expressionPlace {
		switch x := v.(type) {
		case string:
			if !isOperator(x) {
				return v
			}
		case bson.Symbol:
			if !isOperator(string(x)) {
				return v
			}
		case bson.D, bson.A:
		default:
			return v
		}
		return bson.D{{Key: "$literal", Value: v}}
	}
	return v
}

// check returns what is wrong with a bound value at this place, "" if nothing is. Its keys have been guarded already.
func (pl place) check(v bound) string {
	ops, opted := v.value.(Operators)
	value := v.value
	if opted {
		value = ops.Value
	}
	switch pl {
	case valuePlace, spreadPlace:
		return ""
	case expressionPlace:
		if v.nested && !opted {
			return "Operators inside a value doesn't work in an aggregation expression; wrap the whole value"
		}
		return ""
	case constantPlace:
		if path, found := fieldPath(value); found && !opted {
			return "a text that begins with $" + at(path) + " could be taken for a field here; " +
				"wrap the value in mongodb.Operators if the program wrote it"
		}
		return ""
	case scalarPlace:
		if hasDocument(value) && !opted {
			return "a document here would be part of the statement and not a value; " +
				"write it out, or wrap it in Operators if the program wrote it"
		}
		return ""
	case updatePlace:
		if !opted {
			return "a whole update changes whatever its operators say: " +
				"write {$set: ?}, or wrap it in Operators if the program wrote it"
		}
	case filterPlace, assignPlace, documentPlace, plainPlace, sortPlace, projectionPlace:
		if !opted && v.nilled {
			return "a document is needed here, not null; an empty one is {}"
		}
	}
	if opted && (pl == sortPlace || pl == projectionPlace) {
		pl = plainPlace
	}
	return pl.fits(value)
}

// fits returns what is wrong with a value at this place, bound or in the text, "" if nothing is.
func (pl place) fits(v any) string {
	switch pl {
	case listPlace:
		if _, ok := v.(bson.A); !ok {
			return "a slice or an array is needed here"
		}
	case patternPlace:
		switch s := v.(type) {
		case string:
			if strings.IndexByte(s, 0) >= 0 {
				return "a regular expression can't hold a zero byte"
			}
		case bson.Regex:
		default:
			return "a text with a pattern, or a bson.Regex, is needed here"
		}
	case filterPlace, assignPlace, documentPlace, plainPlace:
		if _, ok := v.(bson.D); !ok {
			return "a document is needed here: a map, a struct or a bson.D"
		}
	case filtersPlace, documentsPlace:
		list, ok := v.(bson.A)
		if !ok {
			return "a list of documents is needed here"
		}
		if len(list) == 0 {
			return "the list has no document in it"
		}
		for i, e := range list {
			if _, ok := e.(bson.D); !ok {
				return fmt.Sprintf("element %d of the list isn't a document", i)
			}
		}
	case updatePlace:
		switch u := v.(type) {
		case bson.A:
			return ""
		case bson.D:
			if len(u) > 0 && isOperator(u[0].Key) {
				return ""
			}
		}
		return "an update is a document of operators such as $set, or a pipeline; replaceOne takes whole documents"
	case sortPlace:
		return fitsSort(v)
	case directionPlace:
		if n, ok := toInt64(v); !ok || n != 1 && n != -1 {
			return "the direction of a sort is 1 or -1"
		}
	case projectionPlace:
		return fitsProjection(v)
	case hintPlace:
		switch v.(type) {
		case string, bson.D:
		default:
			return "a hint is the name of an index or its keys as a document"
		}
	case countPlace:
		if n, ok := toInt64(v); !ok || n < 0 {
			return "a whole number is needed here, not a negative one"
		}
	case switchPlace:
		if _, ok := v.(bool); !ok {
			return "true or false is needed here"
		}
	case textPlace:
		if _, ok := v.(string); !ok {
			return "a text is needed here"
		}
	}
	return ""
}

func fitsSort(v any) string {
	d, ok := v.(bson.D)
	if !ok {
		return "a sort is a document of fields with 1 or -1"
	}
	for _, e := range d {
		if problem := directionPlace.fits(e.Value); problem != "" {
			return problem
		}
	}
	return ""
}

// fitsProjection keeps texts and expressions out of a bound projection: they would be computed.
func fitsProjection(v any) string {
	d, ok := v.(bson.D)
	if !ok {
		return "a projection is a document of fields with 1 or 0"
	}
	for _, e := range d {
		switch x := e.Value.(type) {
		case bool:
			continue
		case bson.D:
			if problem := fitsProjection(x); problem != "" {
				return problem
			}
			continue
		}
		if n, ok := toInt64(e.Value); !ok || n != 0 && n != 1 {
			return "a bound projection has only 1, 0, true and false as values; " +
				"write an expression into the statement, or wrap it in Operators"
		}
	}
	return ""
}

// fieldPath finds a text that begins with $ in a value, at any depth.
func fieldPath(v any) (path string, found bool) {
	switch x := v.(type) {
	case string:
		return "", isOperator(x)
	case bson.Symbol:
		return "", isOperator(string(x))
	case bson.D:
		for _, e := range x {
			if inner, found := fieldPath(e.Value); found {
				return join(e.Key, inner), true
			}
		}
	case bson.A:
		for i, e := range x {
			if inner, found := fieldPath(e); found {
				return join(fmt.Sprint(i), inner), true
			}
		}
	}
	return "", false
}

// hasDocument reports whether a value is a document, or has one in it.
func hasDocument(v any) bool {
	switch x := v.(type) {
	case bson.D:
		return true
	case bson.A:
		return slices.ContainsFunc(x, hasDocument)
	}
	return false
}

// join puts a path together.
func join(outer, inner string) string {
	if outer == "" || inner == "" {
		return outer + inner
	}
	return outer + "." + inner
}

// at says where in a value something is, "" if it is the value itself.
func at(path string) string {
	if path == "" {
		return ""
	}
	return fmt.Sprintf(" (at %q)", clip(path))
}
