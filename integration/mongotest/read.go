package mongotest

import (
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// firstBatch is how many documents a reply holds that isn't told how many:
// https://www.mongodb.com/docs/manual/reference/command/find/, "batchSize".
const firstBatch = 101

// cursor holds what wasn't sent yet. It's the member's that made it.
type cursor struct {
	member *Member
	name   string
	docs   []bson.D
}

// seen are the documents of a collection that fit a filter, as the request sees them.
func (s *Server) seen(r *request, filter bson.D) ([]bson.D, error) {
	coll := s.store.collections[r.coll]
	if coll == nil {
		return nil, nil
	}
	now := s.store.now
	if lag := r.conn.member.lag; lag >= 0 {
		now = lag
	}
	var docs []bson.D
	for _, slot := range coll.slots {
		found := slot.at(r.tx, now)
		if found == nil {
			continue
		}
		doc := found.doc
		ok, err := matches(doc, filter)
		if err != nil {
			return nil, err
		}
		if ok {
			docs = append(docs, doc)
		}
	}
	return docs, nil
}

// cursor makes documents the first batch of a cursor. size is -1 where nothing was said of it.
func (s *Server) cursor(r *request, name string, docs []bson.D, size int, single bool) bson.D {
	if size < 0 {
		size = firstBatch
	}
	size = min(size, len(docs))
	id := int64(0)
	if size < len(docs) && !single {
		s.ids++
		id = s.ids
		s.cursors[id] = &cursor{r.conn.member, name, docs[size:]}
	}
	return bson.D{{Key: "cursor", Value: bson.D{
		{Key: "firstBatch", Value: array(docs[:size])}, {Key: "id", Value: id}, {Key: "ns", Value: name},
	}}}
}

func array(docs []bson.D) bson.A {
	list := bson.A{}
	for _, doc := range docs {
		list = append(list, doc)
	}
	return list
}

func (s *Server) find(r *request) (bson.D, error) {
	docs, err := s.seen(r, r.document("filter"))
	if err != nil {
		return nil, err
	}
	if order := r.document("sort"); len(order) > 0 {
		slices.SortStableFunc(docs, byOrder(order))
	}
	docs = window(docs, r.number("skip"), r.number("limit"))
	if fields := r.document("projection"); len(fields) > 0 {
		for i := range docs {
			docs[i] = projected(docs[i], fields)
		}
	}
	size := -1
	if _, err := r.doc.LookupErr("batchSize"); err == nil {
		size = r.number("batchSize")
	}
	return s.cursor(r, r.coll, docs, size, r.flag("singleBatch")), nil
}

func window(docs []bson.D, skip, limit int) []bson.D {
	docs = docs[min(max(skip, 0), len(docs)):]
	if limit < 0 {
		limit = -limit
	}
	if limit > 0 {
		docs = docs[:min(limit, len(docs))]
	}
	return docs
}

// byOrder compares by a sort document. Values that can't be compared are in no order.
func byOrder(order bson.D) func(a, b bson.D) int {
	return func(a, b bson.D) int {
		for _, e := range order {
			direction, _ := number(e.Value)
			if result, _ := compare(lookup(a, e.Key), lookup(b, e.Key)); result != 0 {
				return result * int(direction)
			}
		}
		return 0
	}
}

// projected keeps or leaves out fields of the first level.
func projected(doc, fields bson.D) bson.D {
	if len(fields) == 0 {
		return doc
	}
	wanted := func(field string) (is, named bool) {
		for _, f := range fields {
			if f.Key == field {
				n, isNumber := number(f.Value)
				return f.Value == true || isNumber && n != 0, true
			}
		}
		return false, false
	}
	keep := false
	for _, f := range fields {
		if is, _ := wanted(f.Key); is && f.Key != "_id" {
			keep = true
		}
	}
	var out bson.D
	for _, e := range doc {
		is, named := wanted(e.Key)
		if is || !named && (!keep || e.Key == "_id") {
			out = append(out, e)
		}
	}
	return out
}

func (s *Server) count(r *request) (bson.D, error) {
	docs, err := s.seen(r, r.document("query"))
	if err != nil {
		return nil, err
	}
	return bson.D{{Key: "n", Value: int32(len(window(docs, r.number("skip"), r.number("limit"))))}}, nil
}

func (s *Server) distinct(r *request) (bson.D, error) {
	docs, err := s.seen(r, r.document("query"))
	if err != nil {
		return nil, err
	}
	key, _ := r.doc.Lookup("key").StringValueOK()
	values := bson.A{}
	for _, doc := range docs {
		v := lookup(doc, key)
		if _, none := v.(missing); !none && !slices.ContainsFunc(values, func(other any) bool { return equals(other, v) }) {
			values = append(values, v)
		}
	}
	return bson.D{{Key: "values", Value: values}}, nil
}

// aggregate knows $match, $group with $sum, $sort, $skip, $limit, $project of fields and of expressions, and $count.
func (s *Server) aggregate(r *request) (bson.D, error) {
	docs, err := s.seen(r, nil)
	if err != nil {
		return nil, err
	}
	stages, err := r.list("pipeline")
	if err != nil {
		return nil, err
	}
	for _, raw := range stages {
		stage, _ := raw.DocumentOK()
		doc := decode(stage)
		if len(doc) != 1 {
			return nil, failure(40323, "a pipeline stage has one field")
		}
		if docs, err = staged(docs, doc[0]); err != nil {
			return nil, err
		}
	}
	size := -1
	if n, ok := r.doc.Lookup("cursor", "batchSize").AsInt64OK(); ok {
		size = int(n)
	}
	return s.cursor(r, r.coll, docs, size, false), nil
}

func staged(docs []bson.D, stage bson.E) ([]bson.D, error) {
	spec, _ := stage.Value.(bson.D)
	n, _ := number(stage.Value)
	var out []bson.D
	switch stage.Key {
	case "$match":
		for _, doc := range docs {
			ok, err := matches(doc, spec)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, doc)
			}
		}
		return out, nil
	case "$sort":
		slices.SortStableFunc(docs, byOrder(spec))
		return docs, nil
	case "$skip":
		return window(docs, int(n), 0), nil
	case "$limit":
		return window(docs, 0, int(n)), nil
	case "$project":
		for _, doc := range docs {
			doc, err := computed(doc, spec)
			if err != nil {
				return nil, err
			}
			out = append(out, doc)
		}
		return out, nil
	case "$count":
		if len(docs) == 0 {
			return nil, nil
		}
		return []bson.D{{{Key: fmt.Sprint(stage.Value), Value: int32(len(docs))}}}, nil
	case "$group":
		return grouped(docs, spec)
	}
	return nil, failure(40324, "Unrecognized pipeline stage name: '"+stage.Key+"' (mongotest)")
}

// grouped sums by the value of _id, which is a constant or "$field".
func grouped(docs []bson.D, spec bson.D) ([]bson.D, error) {
	var groups []bson.D
	for _, doc := range docs {
		id := valueOf(doc, lookup(spec, "_id"))
		at := slices.IndexFunc(groups, func(g bson.D) bool { order, ok := compare(g[0].Value, id); return ok && order == 0 })
		if at < 0 {
			at = len(groups)
			group := bson.D{{Key: "_id", Value: id}}
			for _, e := range spec {
				if e.Key != "_id" {
					group = append(group, bson.E{Key: e.Key, Value: int32(0)})
				}
			}
			groups = append(groups, group)
		}
		i := 0
		for _, e := range spec {
			if e.Key == "_id" {
				continue
			}
			i++
			operator, _ := e.Value.(bson.D)
			if len(operator) != 1 || operator[0].Key != "$sum" {
				return nil, failure(codeFailedToParse, "$group knows $sum alone (mongotest)")
			}
			v := valueOf(doc, operator[0].Value)
			if _, ok := number(v); !ok {
				continue
			}
			sum, err := add(groups[at][i].Value, v)
			if err != nil {
				return nil, err
			}
			groups[at][i].Value = sum
		}
	}
	return groups, nil
}

func valueOf(doc bson.D, expression any) any {
	path, ok := expression.(string)
	if !ok || !strings.HasPrefix(path, "$") {
		return expression
	}
	v := lookup(doc, path[1:])
	if _, none := v.(missing); none {
		return nil
	}
	return v
}

func (s *Server) getMore(r *request) (bson.D, error) {
	id, _ := r.doc.Lookup("getMore").AsInt64OK()
	c := s.cursors[id]
	if c == nil || c.member != r.conn.member {
		return nil, failure(codeCursorNotFound, fmt.Sprintf("cursor id %d not found", id))
	}
	size := r.number("batchSize")
	if size <= 0 || size > len(c.docs) {
		size = len(c.docs)
	}
	docs := c.docs[:size]
	c.docs = c.docs[size:]
	if len(c.docs) == 0 {
		delete(s.cursors, id)
		id = 0
	}
	return bson.D{{Key: "cursor", Value: bson.D{
		{Key: "nextBatch", Value: array(docs)}, {Key: "id", Value: id}, {Key: "ns", Value: c.name},
	}}}, nil
}

func (s *Server) killCursors(r *request) (bson.D, error) {
	list, err := r.list("cursors")
	if err != nil {
		return nil, err
	}
	killed, unknown := bson.A{}, bson.A{}
	for _, v := range list {
		id, _ := v.AsInt64OK()
		if c := s.cursors[id]; c != nil && c.member == r.conn.member {
			delete(s.cursors, id)
			killed = append(killed, id)
		} else {
			unknown = append(unknown, id)
		}
	}
	return bson.D{{Key: "cursorsKilled", Value: killed}, {Key: "cursorsNotFound", Value: unknown},
		{Key: "cursorsAlive", Value: bson.A{}}, {Key: "cursorsUnknown", Value: bson.A{}}}, nil
}

func (s *Server) listCollections(r *request) (bson.D, error) {
	var docs []bson.D
	for name := range s.store.collections {
		if database(name) != r.database {
			continue
		}
		doc := bson.D{{Key: "name", Value: name[len(r.database)+1:]}, {Key: "type", Value: "collection"}}
		ok, err := matches(doc, r.document("filter"))
		if err != nil {
			return nil, err
		}
		if ok {
			docs = append(docs, doc)
		}
	}
	slices.SortFunc(docs, byOrder(bson.D{{Key: "name", Value: int32(1)}}))
	return s.cursor(r, r.database+".$cmd.listCollections", docs, len(docs), true), nil
}

// database is that of "database.collection".
func database(name string) string {
	before, _, _ := strings.Cut(name, ".")
	return before
}
