package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/mongodb"
)

// sampled is how many documents of a collection are looked at for their fields.
const sampled = 100

// collections describes the collections of a MongoDB by the fields of some of their documents.
func collections(ctx context.Context, db *plinth.Engine) (columns []tableColumn, err error) {
	type collection struct{ Name, Type string }
	list, err := plinth.All[collection](ctx, db, `{"listCollections": 1}`)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b collection) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range list {
		if strings.HasPrefix(c.Name, "system.") {
			continue
		}
		keys := map[string][]string{}
		if c.Type != "view" {
			if keys, err = indexesOf(ctx, db, c.Name); err != nil {
				return nil, err
			}
		}
		fields, n, err := fieldsOf(ctx, db, c.Name)
		if err != nil {
			return nil, err
		}
		for key := range keys {
			if fields[key] == nil {
				fields[key] = &field{}
			}
		}
		if len(fields) == 0 {
			columns = append(columns, tableColumn{Table: c.Name, Kind: c.Type})
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			f := fields[name]
			column := tableColumn{Table: c.Name, Kind: c.Type, Column: name, Type: strings.Join(slices.Sorted(maps.Keys(f.types)), ", "), Null: f.set < n}
			if of, ok := keys[name]; ok {
				key := strings.Join(of, ", ")
				column.Key = &key
			}
			columns = append(columns, column)
		}
	}
	return columns, nil
}

// indexesOf returns the indexes of a collection by the fields that they are on. It asks the client library, for rows don't keep the
// order of the keys of a document within one.
func indexesOf(ctx context.Context, db *plinth.Engine, collection string) (keys map[string][]string, err error) {
	keys = map[string][]string{}
	err = db.With(ctx, func(conn *plinth.Conn) error {
		native, ok := conn.Native().(*mongodb.Conn)
		if !ok {
			return fmt.Errorf("a connection to MongoDB is a %T", conn.Native())
		}
		list, err := native.Database().Collection(collection).Indexes().ListSpecifications(native.Context(ctx))
		for _, x := range list {
			var of bson.D
			if err := bson.Unmarshal(x.KeysDocument, &of); err != nil {
				return err
			}
			addIndex(keys, of, x.Unique != nil && *x.Unique)
		}
		return err
	})
	return keys, err
}

// addIndex notes an index under each of its fields.
func addIndex(keys map[string][]string, of bson.D, unique bool) {
	var names []string
	for _, e := range of {
		names = append(names, e.Key)
	}
	what := "index"
	switch {
	case slices.Equal(names, []string{"_id"}):
		what = primaryKey
	case unique:
		what = "unique"
	}
	if len(names) > 1 {
		what += " (" + strings.Join(names, ", ") + ")"
	}
	for _, name := range names {
		keys[name] = append(keys[name], what)
	}
}

// field is what documents have under a name.
type field struct {
	types map[string]bool
	set   int // how many have a value
}

// fieldsOf returns the fields of the first documents of a collection, and how many documents those are.
func fieldsOf(ctx context.Context, db *plinth.Engine, collection string) (fields map[string]*field, n int, err error) {
	rows, err := db.Query(ctx, inCollection(collection, "find().limit(?)"), sampled)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	fields = map[string]*field{}
	for ; rows.Next(); n++ {
		addFields(fields, "", document(rows.Columns(), rows.Raw()))
	}
	return fields, n, rows.Close()
}

// addFields notes the fields of a document, and of the documents in it.
func addFields(fields map[string]*field, in string, doc bson.D) {
	for _, e := range doc {
		f := fields[in+e.Key]
		if f == nil {
			f = &field{types: map[string]bool{}}
			fields[in+e.Key] = f
		}
		if e.Value == nil {
			continue
		}
		f.set++
		f.types[typeName(e.Value)] = true
		if nested, ok := e.Value.(bson.D); ok {
			addFields(fields, in+e.Key+".", nested)
		}
	}
}

// typeName is what MongoDB's $type calls a value's type, as far as it can be told: int is a long, too.
func typeName(value any) string {
	switch value.(type) {
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "double"
	case string:
		return "string"
	case time.Time:
		return "date"
	case bson.Decimal128:
		return "decimal"
	case bson.D:
		return "object"
	case bson.A:
		return "array"
	case bson.ObjectID:
		return "objectId"
	case []byte, bson.Binary:
		return "binData"
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", value), "bson.")) // regex, timestamp, minkey, …
}
