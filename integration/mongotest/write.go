package mongotest

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// report is the answer to a write of several statements. What is wrong with one of them is an element of writeErrors, and
// what ends the whole command is its own error: https://www.mongodb.com/docs/manual/reference/command/insert/, "Output".
type report struct {
	n, modified int
	upserted    bson.A
	errors      bson.A
}

// statements runs a write's statements, until the first that fails if they're ordered.
func (s *Server) statements(r *request, field string, do func(report *report, statement bson.Raw, index int) error) (bson.D, error) {
	list, err := r.list(field)
	if err != nil {
		return nil, err
	}
	ordered, ok := r.doc.Lookup("ordered").BooleanOK()
	rep := &report{}
	for i, statement := range list {
		doc, isDoc := statement.DocumentOK()
		if !isDoc {
			return nil, failure(codeBadValue, r.name+"."+field+" takes documents")
		}
		err := do(rep, doc, i)
		if err == nil {
			continue
		}
		e := asServerError(err)
		if !ofStatement(e.code) {
			return nil, e
		}
		rep.errors = append(rep.errors, append(bson.D{{Key: "index", Value: int32(i)}, {Key: "code", Value: e.code},
			{Key: "errmsg", Value: e.text}}, e.more...))
		if ordered || !ok {
			break
		}
	}
	if len(rep.errors) > 0 && r.tx != nil && r.session.tx == r.tx {
		r.session.abort(s)
	}
	out := bson.D{{Key: "n", Value: int32(rep.n)}}
	if r.name == "update" {
		out = append(out, bson.E{Key: "nModified", Value: int32(rep.modified)})
	}
	if len(rep.upserted) > 0 {
		out = append(out, bson.E{Key: "upserted", Value: rep.upserted})
	}
	if len(rep.errors) > 0 {
		out = append(out, bson.E{Key: "writeErrors", Value: rep.errors})
	}
	return out, nil
}

func ofStatement(code int32) bool {
	return slices.Contains([]int32{codeDuplicateKey, codeBadValue, codeFailedToParse, 14, 28, 66}, code)
}

func (s *Server) insert(r *request) (bson.D, error) {
	return s.statements(r, "documents", func(rep *report, statement bson.Raw, _ int) error {
		doc := withID(decode(statement))
		if err := s.each(r, func() error { return s.store.put(r.tx, r.coll, nil, doc) }); err != nil {
			return err
		}
		rep.n++
		return nil
	})
}

// change is an update or a deletion of what a filter finds.
type change struct {
	filter bson.D
	order  bson.D // of which the first is taken
	update bson.D
	remove bool
	many   bool
	upsert bool
}

// outcome is what became of it.
type outcome struct {
	before, after bson.D // of the last document
	matched       int
	modified      int
	upserted      any // the _id, if a document was inserted
}

// alter carries a change out. A document that a transaction holds is waited for, and then looked at again.
func (s *Server) alter(r *request, c change) (outcome, error) {
	var out outcome
	seen := map[*slot]bool{}
	for {
		var found *slot
		err := s.each(r, func() error {
			found = nil
			target, err := s.first(r, c, seen)
			if err != nil || target == nil {
				return err
			}
			before := target.at(r.tx, s.store.now).doc
			if c.remove {
				if err := s.store.set(r.tx, target, nil); err != nil {
					return err
				}
				out.before, found = before, target
				return nil
			}
			after, err := modified(before, c.update, false)
			if err != nil {
				return err
			}
			raw, err := bson.Marshal(after)
			if err != nil {
				return failure(codeBadValue, err.Error())
			}
			same := slices.Equal(raw, target.at(r.tx, s.store.now).raw)
			if !same {
				if err := s.store.put(r.tx, r.coll, target, after); err != nil {
					return err
				}
				out.modified++
			}
			out.before, out.after, found = before, after, target
			return nil
		})
		if err != nil {
			return out, err
		}
		if found == nil {
			break
		}
		seen[found] = true
		out.matched++
		if !c.many {
			return out, nil
		}
	}
	if out.matched > 0 || !c.upsert {
		return out, nil
	}
	doc, err := modified(seed(c.filter), c.update, true)
	if err != nil {
		return out, err
	}
	doc = withID(doc)
	if err := s.each(r, func() error { return s.store.put(r.tx, r.coll, nil, doc) }); err != nil {
		return out, err
	}
	out.upserted, out.after = lookup(doc, "_id"), doc
	return out, nil
}

// first is the first document of a change that it hasn't changed yet; nil if there is none.
func (s *Server) first(r *request, c change, seen map[*slot]bool) (*slot, error) {
	coll := s.store.collections[r.coll]
	if coll == nil {
		return nil, nil
	}
	var best *slot
	var bestDoc bson.D
	for _, candidate := range coll.slots {
		now := candidate.at(r.tx, s.store.now)
		if now == nil || seen[candidate] {
			continue
		}
		doc := now.doc
		ok, err := matches(doc, c.filter)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if len(c.order) == 0 {
			return candidate, nil
		}
		if best == nil || byOrder(c.order)(doc, bestDoc) < 0 {
			best, bestDoc = candidate, doc
		}
	}
	return best, nil
}

func (s *Server) update(r *request) (bson.D, error) {
	return s.statements(r, "updates", func(rep *report, statement bson.Raw, index int) error {
		c := change{}
		var ok bool
		c.many, _ = statement.Lookup("multi").BooleanOK()
		c.upsert, _ = statement.Lookup("upsert").BooleanOK()
		if c.filter, ok = lookup(decode(statement), "q").(bson.D); !ok {
			return failure(codeFailedToParse, "an update needs q")
		}
		if c.update, ok = lookup(decode(statement), "u").(bson.D); !ok {
			return failure(codeFailedToParse, "updates by a pipeline aren't known (mongotest)")
		}
		out, err := s.alter(r, c)
		rep.n += out.matched
		rep.modified += out.modified
		if err == nil && out.upserted != nil {
			rep.n++
			rep.upserted = append(rep.upserted, bson.D{{Key: "index", Value: int32(index)}, {Key: "_id", Value: out.upserted}})
		}
		return err
	})
}

func (s *Server) delete(r *request) (bson.D, error) {
	return s.statements(r, "deletes", func(rep *report, statement bson.Raw, _ int) error {
		c := change{remove: true}
		var ok bool
		if c.filter, ok = lookup(decode(statement), "q").(bson.D); !ok {
			return failure(codeFailedToParse, "a delete needs q")
		}
		limit, _ := statement.Lookup("limit").AsInt64OK()
		c.many = limit == 0
		out, err := s.alter(r, c)
		rep.n += out.matched
		return err
	})
}

// findAndModify: https://www.mongodb.com/docs/manual/reference/command/findAndModify/
func (s *Server) findAndModify(r *request) (bson.D, error) {
	c := change{filter: r.document("query"), order: r.document("sort"), update: r.document("update"),
		remove: r.flag("remove"), upsert: r.flag("upsert")}
	if !c.remove && c.update == nil {
		return nil, failure(codeFailedToParse, "findAndModify needs remove, or an update that is a document")
	}
	out, err := s.alter(r, c)
	if err != nil {
		return nil, err
	}
	var value any
	switch {
	case r.flag("new") && out.after != nil:
		value = projected(out.after, r.document("fields"))
	case !r.flag("new") && out.before != nil:
		value = projected(out.before, r.document("fields"))
	}
	last := bson.D{{Key: "n", Value: int32(min(1, out.matched))}}
	if !c.remove {
		last = append(last, bson.E{Key: "updatedExisting", Value: out.matched > 0})
	}
	if out.upserted != nil {
		last[0].Value = int32(1)
		last = append(last, bson.E{Key: "upserted", Value: out.upserted})
	}
	return bson.D{{Key: "lastErrorObject", Value: last}, {Key: "value", Value: value}}, nil
}

// createIndexes makes unique indexes, and remembers the names of others.
func (s *Server) createIndexes(r *request) (bson.D, error) {
	list, err := r.list("indexes")
	if err != nil {
		return nil, err
	}
	coll := s.store.open(r.coll)
	before := len(coll.indexes)
	for _, value := range list {
		doc, _ := value.DocumentOK()
		ix := index{}
		ix.name, _ = doc.Lookup("name").StringValueOK()
		ix.unique, _ = doc.Lookup("unique").BooleanOK()
		ix.key, _ = lookup(decode(doc), "key").(bson.D)
		for _, e := range ix.key {
			ix.fields = append(ix.fields, e.Key)
		}
		if slices.ContainsFunc(coll.indexes, func(other index) bool { return other.name == ix.name }) {
			continue
		}
		for _, slot := range coll.slots {
			now := slot.at(nil, s.store.now)
			if now == nil || !ix.unique {
				continue
			}
			if err := s.store.free(nil, r.coll, coll, ix, slot, now.doc); err != nil {
				return nil, err
			}
		}
		coll.indexes = append(coll.indexes, ix)
	}
	return bson.D{{Key: "numIndexesBefore", Value: int32(before)}, {Key: "numIndexesAfter", Value: int32(len(coll.indexes))}}, nil
}

func (s *Server) create(r *request) (bson.D, error) {
	if s.store.collections[r.coll] != nil {
		return nil, failure(48, "Collection "+r.coll+" already exists.")
	}
	s.store.open(r.coll)
	return bson.D{}, nil
}

func (s *Server) drop(r *request) (bson.D, error) {
	delete(s.store.collections, r.coll)
	return bson.D{{Key: "ns", Value: r.coll}}, nil
}

func (s *Server) dropDatabase(r *request) (bson.D, error) {
	for name := range s.store.collections {
		if database(name) == r.database {
			delete(s.store.collections, name)
		}
	}
	return bson.D{{Key: "dropped", Value: r.database}}, nil
}
