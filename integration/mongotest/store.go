package mongotest

import (
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// store keeps every version of every document, so that a snapshot is a number: that of the last commit it sees.
type store struct {
	now         int64
	collections map[string]*collection // by "database.collection"
}

type collection struct {
	slots   []*slot
	indexes []index // unique ones, and those that only have a name
}

type index struct {
	name   string
	fields []string
	key    bson.D
	unique bool
}

// slot is one document through its life.
type slot struct {
	versions []version // in their order
	writer   *transaction
	pending  *stored // what writer made of it; nil: deleted
}

type version struct {
	at  int64
	doc *stored // nil: deleted
}

// stored is a document, as it came and unpacked. Neither changes.
type stored struct {
	raw bson.Raw
	doc bson.D
}

// transaction is one that is under way: what it sees, and what it has changed.
type transaction struct {
	snapshot int64
	written  []*slot
	ended    chan struct{}
}

// at returns the document as a reader sees it, nil if there is none.
func (s *slot) at(tx *transaction, now int64) *stored {
	if tx != nil {
		if s.writer == tx {
			return s.pending
		}
		now = tx.snapshot
	}
	for _, v := range slices.Backward(s.versions) {
		if v.at <= now {
			return v.doc
		}
	}
	return nil
}

// newest is the number of the last commit that changed it.
func (s *slot) newest() int64 {
	if len(s.versions) == 0 {
		return 0
	}
	return s.versions[len(s.versions)-1].at
}

// blocked is the error of a write outside of a transaction that has to wait for one: MongoDB makes it wait, while a
// transaction doesn't wait for another (https://www.mongodb.com/docs/manual/core/transactions-production-consideration/,
// "In-progress Transactions and Write Conflicts").
type blocked struct{ by *transaction }

func (blocked) Error() string { return "waits for a transaction" }

// set changes a document for a transaction, or at once without one.
func (st *store) set(tx *transaction, s *slot, doc *stored) error {
	if s.writer != nil && s.writer != tx {
		if tx == nil {
			return blocked{s.writer}
		}
		return failure(codeWriteConflict, "another transaction has changed the document and isn't done")
	}
	if tx == nil {
		st.now++
		s.versions = append(s.versions, version{st.now, doc})
		return nil
	}
	if s.newest() > tx.snapshot {
		return failure(codeWriteConflict, "the document was changed after this transaction's snapshot")
	}
	if s.writer == nil {
		s.writer = tx
		tx.written = append(tx.written, s)
	}
	s.pending = doc
	return nil
}

// end commits a transaction or undoes it.
func (st *store) end(tx *transaction, commit bool) {
	if commit && len(tx.written) > 0 {
		st.now++
	}
	for _, s := range tx.written {
		if commit {
			s.versions = append(s.versions, version{st.now, s.pending})
		}
		s.writer, s.pending = nil, nil
	}
	close(tx.ended)
}

// open returns a collection, made if need be.
func (st *store) open(name string) *collection {
	c := st.collections[name]
	if c == nil {
		c = &collection{indexes: []index{{name: "_id_", fields: []string{"_id"}, key: bson.D{{Key: "_id", Value: int32(1)}}, unique: true}}}
		st.collections[name] = c
	}
	return c
}

// put inserts a document, or replaces that of a slot; unique indexes are kept.
func (st *store) put(tx *transaction, name string, into *slot, doc bson.D) error {
	c := st.open(name)
	for _, ix := range c.indexes {
		if !ix.unique {
			continue
		}
		if err := st.free(tx, name, c, ix, into, doc); err != nil {
			return err
		}
	}
	raw, err := bson.Marshal(doc)
	if err != nil {
		return failure(codeBadValue, err.Error())
	}
	if into == nil {
		into = &slot{}
		if err := st.set(tx, into, &stored{raw, doc}); err != nil {
			return err
		}
		c.slots = append(c.slots, into)
		return nil
	}
	return st.set(tx, into, &stored{raw, doc})
}

// free reports whether no other document has the key that this one has.
func (st *store) free(tx *transaction, name string, c *collection, ix index, into *slot, doc bson.D) error {
	for _, other := range c.slots {
		if other == into {
			continue
		}
		if other.writer != nil && other.writer != tx && other.pending != nil && ix.same(other.pending.doc, doc) {
			if tx == nil {
				return blocked{other.writer}
			}
			return failure(codeWriteConflict, "another transaction has written the same key and isn't done")
		}
		if seen := other.at(tx, st.now); seen != nil && ix.same(seen.doc, doc) {
			return ix.duplicate(name, doc)
		}
		if tx != nil && other.newest() > tx.snapshot {
			if latest := other.at(nil, st.now); latest != nil && ix.same(latest.doc, doc) {
				return failure(codeWriteConflict, "the same key was written after this transaction's snapshot")
			}
		}
	}
	return nil
}

// same reports whether both documents have the same key in the index.
func (ix index) same(a, b bson.D) bool {
	for _, field := range ix.fields {
		if order, ok := compare(lookup(a, field), lookup(b, field)); !ok || order != 0 {
			return false
		}
	}
	return true
}

// duplicate is 11000, as MongoDB words it since 4.2: with keyPattern and keyValue.
func (ix index) duplicate(name string, doc bson.D) error {
	value := bson.D{}
	var text []string
	for _, field := range ix.fields {
		v := lookup(doc, field)
		value = append(value, bson.E{Key: field, Value: v})
		if s, ok := v.(string); ok {
			v = fmt.Sprintf("%q", s)
		}
		text = append(text, fmt.Sprintf("%s: %v", field, v))
	}
	e := failure(codeDuplicateKey, fmt.Sprintf("E11000 duplicate key error collection: %s index: %s dup key: { %s }",
		name, ix.name, strings.Join(text, ", ")))
	e.more = bson.D{{Key: "keyPattern", Value: ix.key}, {Key: "keyValue", Value: value}}
	return e
}

// decode unpacks a document of a message, which is well formed.
func decode(doc bson.Raw) bson.D {
	var d bson.D
	if err := bson.Unmarshal(doc, &d); err != nil {
		panic(err) // it was validated as it came in
	}
	return d
}
