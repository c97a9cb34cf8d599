package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/mongodb"
)

// prepareDocuments returns what is bound for each ARG of a statement for MongoDB. An object is bound as a plain document: what
// would act as an operator in it is refused, as in any bound value.
func prepareDocuments(text string, list []string, asText bool) ([]any, error) {
	value := documentArgument
	if asText {
		value = asIs
	}
	args := arguments(list, value)
	stmt, err := mongodb.Compile(text)
	if err != nil {
		return args, nil //nolint:nilerr // the engine says it, and of which database
	}
	if takesNames(stmt) {
		if named, ok := namedArguments(list, value); ok {
			args = named
		} else if _, _, err := stmt.Binder.Bind(args); err != nil {
			return nil, usagef("give each ARG as name=value: plinth query 'db.track.find({ms: {$gt: :min}})' min=300000", "%w", err)
		}
	}
	_, _, err = stmt.Binder.Bind(args)
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "a slice or an array"):
		return nil, usagef("{$in: ?} takes one ARG, which is a JSON array: '[1,2]'", "%w", err)
	case strings.Contains(err.Error(), "mongodb.Operators"):
		return nil, usagef("write operators into the statement, and give their values as ARGs: {$gt: ?}", "%w", err)
	}
	return args, nil
}

// documentArgument is argument for MongoDB, where an array and an object are values of their own. Their numbers are as an ARG's.
func documentArgument(s string) any {
	if !json.Valid([]byte(s)) || s[0] != '[' && s[0] != '{' {
		return argument(s)
	}
	v, err := ordered([]byte(s), func(digits string) (any, error) { return argument(digits), nil })
	if err != nil {
		return json.RawMessage(s) // the engine says what is wrong with it
	}
	return v
}

// ordered reads what is known to be JSON: an object as a bson.D, which keeps the order of its keys, or as the value that it is in
// Extended JSON; an array as a []any.
func ordered(text []byte, number func(digits string) (any, error)) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return (&documentReader{d, text, number}).value()
}

type documentReader struct {
	*json.Decoder
	text   []byte
	number func(digits string) (any, error)
}

func (r *documentReader) value() (any, error) {
	t, err := r.Token()
	if err != nil {
		return nil, err
	}
	start := r.InputOffset() - 1
	switch t := t.(type) {
	case json.Number:
		return r.number(t.String())
	case json.Delim:
		if t == '[' {
			list := []any{}
			for r.More() {
				v, err := r.value()
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, err = r.Token()
			return list, err
		}
		document := bson.D{}
		for r.More() {
			key, err := r.Token()
			if err != nil {
				return nil, err
			}
			v, err := r.value()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			document = append(document, bson.E{Key: key.(string), Value: v})
		}
		if _, err = r.Token(); err != nil {
			return nil, err
		}
		if v, ok, err := fromExtended(r.text[start:r.InputOffset()]); ok || err != nil {
			return v, err
		}
		return document, nil
	}
	return t, nil
}

// fromExtended returns what an object stands for that is a value of MongoDB's Extended JSON; ok is false for any other. Regular
// expressions and code aren't taken: they would act, where a bound value is only ever a value.
func fromExtended(object []byte) (value any, ok bool, err error) {
	key, _, _ := bytes.Cut(bytes.TrimLeft(object[1:], "\" \t\r\n"), []byte(`"`))
	switch string(key) {
	case "$oid", "$date", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$binary", "$uuid", "$timestamp":
	default:
		return nil, false, nil
	}
	var doc struct{ V any }
	if err := bson.UnmarshalExtJSON(slices.Concat([]byte(`{"v":`), object, []byte("}")), false, &doc); err != nil {
		return nil, false, fmt.Errorf("%s is no value of Extended JSON: %w", object, err)
	}
	return doc.V, true, nil
}

// inSQL returns a value of Extended JSON as an SQL database has it; ok is false where none has it.
func inSQL(value any) (v any, ok bool) {
	switch v := value.(type) {
	case bson.ObjectID:
		return v.Hex(), true
	case bson.DateTime:
		return v.Time().UTC(), true
	case bson.Decimal128:
		d, err := plinth.ParseDecimal(v.String())
		return d, err == nil
	case int32:
		return int64(v), true
	case int64, float64:
		return v, true
	case bson.Binary:
		switch v.Subtype {
		case bson.TypeBinaryGeneric:
			return v.Data, true
		case bson.TypeBinaryUUID:
			if d := v.Data; len(d) == 16 {
				return fmt.Sprintf("%x-%x-%x-%x-%x", d[:4], d[4:6], d[6:8], d[8:10], d[10:]), true
			}
		}
	}
	return nil, false
}
