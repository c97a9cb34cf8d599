package lang

import "go.mongodb.org/mongo-driver/v2/bson"

// maxDepth is how deep documents and arrays may be nested, in the text and in bound values, as in BSON itself
// (MongoDB's manual, "MongoDB Limits and Thresholds", nested depth for BSON documents).
const maxDepth = 100

// node is a value in the text.
type node struct {
	kind    nodeKind
	holes   bool // it is a placeholder, or has one in it
	frozen  bool
	keep    bool // the fingerprint shows a literal: it is part of the statement's structure, such as a field's path
	place   place
	at, end int // in the text
	slot    int // of a placeholder
	fields  []field
	elems   []*node
	value   any // of a literal; of anything without placeholders once it is frozen
}

type nodeKind uint8

const (
	literal nodeKind = iota
	document
	array
	hole
)

type field struct {
	key   string
	at    int
	value *node
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	for i := range n.fields {
		if n.fields[i].key == key {
			return n.fields[i].value
		}
	}
	return nil
}

// operator reports whether n is a document whose first key begins with $.
func (n *node) operator() bool {
	return n.kind == document && len(n.fields) > 0 && isOperator(n.fields[0].key)
}

func isOperator(key string) bool { return key != "" && key[0] == '$' }

// freeze makes the value of everything that has no placeholder, so that it is made once.
func (n *node) freeze() {
	if n.frozen {
		return
	}
	n.frozen = true
	switch n.kind {
	case document:
		for i := range n.fields {
			n.fields[i].value.freeze()
			n.holes = n.holes || n.fields[i].value.holes
		}
	case array:
		for _, e := range n.elems {
			e.freeze()
			n.holes = n.holes || e.holes
		}
	case hole:
		n.holes = true
	}
	if !n.holes {
		n.value = n.fill(nil)
	}
}

// fill returns n as a BSON value with the placeholders' values from flat.
func (n *node) fill(flat []any) any {
	switch {
	case n.value != nil || n.kind == literal:
		return n.value
	case n.kind == hole:
		return n.place.fill(flat[n.slot])
	case n.kind == document:
		d := make(bson.D, len(n.fields))
		for i := range n.fields {
			d[i] = bson.E{Key: n.fields[i].key, Value: n.fields[i].value.fill(flat)}
		}
		return d
	}
	if len(n.elems) == 1 && n.elems[0].kind == hole && n.elems[0].place == spreadPlace {
		v := unwrap(flat[n.elems[0].slot])
		if list, ok := v.(bson.A); ok {
			return list
		}
		return bson.A{v}
	}
	a := make(bson.A, len(n.elems))
	for i, e := range n.elems {
		a[i] = e.fill(flat)
	}
	return a
}

// unwrap returns what is in Operators, or v.
func unwrap(v any) any {
	if ops, ok := v.(Operators); ok {
		return ops.Value
	}
	return v
}
