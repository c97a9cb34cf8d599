package cli

import (
	"bytes"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

// printDocuments prints rows each of which may have other keys: as relaxed Extended JSON
// (https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md), or as a table with the keys of all.
func (a *app) printDocuments(rows *plinth.Rows, format string) error {
	if format == "json" || format == "jsonl" {
		return a.printExtended(rows, format == "jsonl")
	}
	var names []string
	index := make(map[string]int)
	var all [][]any
	for rows.Next() {
		row := make([]any, len(names))
		for name, value := range rows.Row().All() {
			at, ok := index[name]
			if !ok {
				at = len(names)
				index[name], names, row = at, append(names, name), append(row, nil)
			}
			row[at] = value
		}
		all = append(all, row)
	}
	if err := rows.Close(); err != nil {
		return err
	}
	if len(all) == 0 {
		a.note("(0 documents)")
		return nil
	}
	w := newWriter(format, a.out)
	if err := w.Columns(names); err != nil {
		return err
	}
	for _, row := range all {
		if err := w.Row(append(row, make([]any, len(names)-len(row))...)); err != nil {
			return err
		}
	}
	return w.Close()
}

// printExtended prints an array of documents, or a document a line, as they come.
func (a *app) printExtended(rows *plinth.Rows, lines bool) error {
	flushed := time.Now()
	n := 0
	for ; rows.Next(); n++ {
		var b []byte
		switch {
		case lines:
		case n == 0:
			b = append(b, "[\n"...)
		default:
			b = append(b, ",\n"...)
		}
		doc, err := extended(rows.Columns(), rows.Raw())
		if err != nil {
			return err
		}
		if b = append(b, doc...); lines {
			b = append(b, '\n')
		}
		if _, err := a.out.Write(b); err != nil {
			return err
		}
		if time.Since(flushed) > flushEvery {
			if err := a.out.Flush(); err != nil {
				return err
			}
			flushed = time.Now()
		}
	}
	if err := rows.Close(); err != nil || lines {
		return err
	}
	end := "\n]\n"
	if n == 0 {
		end = "[]\n"
	}
	_, err := a.out.WriteString(end)
	return err
}

// extended returns a document as relaxed Extended JSON, on one line. The keys of documents within it are sorted.
func extended(names []string, values []driver.Value) ([]byte, error) {
	text, err := bson.MarshalExtJSON(document(names, values), false, false)
	return bytes.TrimSuffix(text, []byte("\n")), err
}

// document returns a row as the document that it was.
func document(names []string, values []driver.Value) bson.D {
	doc := make(bson.D, len(values))
	for i := range values {
		v := &values[i]
		var value any
		switch v.Kind() {
		case driver.KindDecimal:
			value = driver.Decimal(v.Text())
		case driver.KindUUID:
			value = uuid(v.Text())
		default:
			value = v.Any()
		}
		doc[i] = bson.E{Key: names[i], Value: inBSON(value)}
	}
	return doc
}

// uuid returns the binary of a UUID's text, or the text of what is none.
func uuid(text string) any {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 {
		return text
	}
	return bson.Binary{Subtype: bson.TypeBinaryUUID, Data: b}
}

// inBSON returns a value that was read as one that BSON has.
func inBSON(value any) any {
	switch v := value.(type) {
	case driver.Decimal:
		if d, err := bson.ParseDecimal128(string(v)); err == nil {
			return d
		}
		return string(v)
	case uint64:
		if v <= math.MaxInt64 {
			return int64(v)
		}
	case map[string]any:
		doc := make(bson.D, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			doc = append(doc, bson.E{Key: key, Value: inBSON(v[key])})
		}
		return doc
	case []any:
		list := make(bson.A, len(v))
		for i, e := range v {
			list[i] = inBSON(e)
		}
		return list
	}
	return value
}
