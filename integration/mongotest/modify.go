package mongotest

import (
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// modified is the document after an update: by $set, $unset, $inc, $setOnInsert, $push or $currentDate (a date), or replaced but for its _id.
// https://www.mongodb.com/docs/manual/reference/operator/update/
func modified(doc, change bson.D, inserting bool) (bson.D, error) {
	if len(change) == 0 || !strings.HasPrefix(change[0].Key, "$") {
		return replaced(doc, change), nil
	}
	for _, op := range change {
		fields, ok := op.Value.(bson.D)
		if !ok {
			return nil, failure(codeFailedToParse, op.Key+" takes a document")
		}
		for _, f := range fields {
			var err error
			if doc, err = applied(doc, op.Key, f, inserting); err != nil {
				return nil, err
			}
		}
	}
	return doc, nil
}

func replaced(doc, by bson.D) bson.D {
	id := lookup(doc, "_id")
	if _, none := id.(missing); none {
		return by
	}
	after := bson.D{{Key: "_id", Value: id}}
	for _, e := range by {
		if e.Key != "_id" {
			after = append(after, e)
		}
	}
	return after
}

func applied(doc bson.D, operator string, f bson.E, inserting bool) (bson.D, error) {
	if f.Key == "_id" && !inserting {
		if order, ok := compare(lookup(doc, "_id"), f.Value); !ok || order != 0 {
			return nil, failure(66, "the immutable field '_id' would be changed")
		}
	}
	switch operator {
	case "$set":
		return with(doc, f.Key, func(any) (any, error) { return f.Value, nil })
	case "$setOnInsert":
		if !inserting {
			return doc, nil
		}
		return with(doc, f.Key, func(any) (any, error) { return f.Value, nil })
	case "$inc":
		return with(doc, f.Key, func(v any) (any, error) {
			if _, none := v.(missing); none {
				return f.Value, nil
			}
			return add(v, f.Value)
		})
	case "$push":
		return with(doc, f.Key, func(v any) (any, error) {
			list, ok := v.(bson.A)
			if _, none := v.(missing); !ok && !none {
				return nil, failure(codeBadValue, f.Key+" isn't an array")
			}
			return append(append(bson.A{}, list...), f.Value), nil
		})
	case "$currentDate":
		if f.Value != true {
			return nil, failure(codeBadValue, "$currentDate takes true (mongotest)")
		}
		return with(doc, f.Key, func(any) (any, error) { return bson.NewDateTimeFromTime(time.Now()), nil })
	case "$unset":
		return without(doc, f.Key), nil
	}
	return nil, failure(codeFailedToParse, "unknown modifier: "+operator+" (mongotest)")
}

// with returns the document with a value changed; what is on the path to it is made.
func with(doc bson.D, path string, change func(any) (any, error)) (bson.D, error) {
	field, rest, more := strings.Cut(path, ".")
	after := append(bson.D{}, doc...)
	at := -1
	for i, e := range after {
		if e.Key == field {
			at = i
		}
	}
	if at < 0 {
		at = len(after)
		after = append(after, bson.E{Key: field, Value: missing{}})
	}
	var err error
	if !more {
		after[at].Value, err = change(after[at].Value)
		return after, err
	}
	inner, ok := after[at].Value.(bson.D)
	if _, none := after[at].Value.(missing); !ok && !none {
		return nil, failure(28, "cannot create field '"+rest+"' in element "+field)
	}
	after[at].Value, err = with(inner, rest, change)
	return after, err
}

func without(doc bson.D, path string) bson.D {
	field, rest, more := strings.Cut(path, ".")
	var after bson.D
	for _, e := range doc {
		if e.Key == field {
			inner, ok := e.Value.(bson.D)
			if !more || !ok {
				continue
			}
			e.Value = without(inner, rest)
		}
		after = append(after, e)
	}
	return after
}

// seed is the document that an upsert begins with: what its filter says of equality.
func seed(filter bson.D) bson.D {
	doc := bson.D{}
	for _, e := range filter {
		if strings.HasPrefix(e.Key, "$") || strings.Contains(e.Key, ".") {
			continue
		}
		if operators, ok := e.Value.(bson.D); ok && len(operators) > 0 && strings.HasPrefix(operators[0].Key, "$") {
			if operators[0].Key == "$eq" {
				doc = append(doc, bson.E{Key: e.Key, Value: operators[0].Value})
			}
			continue
		}
		doc = append(doc, e)
	}
	return doc
}

// withID returns the document with an _id, as its first field.
func withID(doc bson.D) bson.D {
	if _, none := lookup(doc, "_id").(missing); !none {
		return doc
	}
	return append(bson.D{{Key: "_id", Value: bson.NewObjectID()}}, doc...)
}
