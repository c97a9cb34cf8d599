package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

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
	if strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{") {
		if v, err := ordered([]byte(s), func(digits string) (any, error) { return argument(digits), nil }); err == nil {
			return v
		}
	}
	return argument(s)
}

// ordered reads JSON: an object as a bson.D, which keeps the order of its keys, an array as a []any.
func ordered(text []byte, number func(digits string) (any, error)) (any, error) {
	if !json.Valid(text) { // the decoder would stop behind the first value
		return nil, errors.New("it isn't JSON")
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	return orderedValue(d, number)
}

// orderedValue reads a value of what is known to be JSON.
func orderedValue(d *json.Decoder, number func(digits string) (any, error)) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		return number(t.String())
	case json.Delim:
		if t == '[' {
			list := []any{}
			for d.More() {
				v, err := orderedValue(d, number)
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, err = d.Token()
			return list, err
		}
		document := bson.D{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := orderedValue(d, number)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			document = append(document, bson.E{Key: key.(string), Value: v})
		}
		_, err = d.Token()
		return document, err
	}
	return t, nil
}
