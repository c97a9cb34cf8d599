package lang

import (
	"fmt"
	"strings"
)

// schemaMethod makes the command of a method that makes or drops something.
func (b *builder) schemaMethod(name string, at int, args []*node) {
	least, most := 0, 1
	switch name {
	case "createIndex", "createIndexes":
		least, most = 1, 3
	case "dropIndex":
		least = 1
	case "createCollection":
		least, most = 1, 2
	case "createView":
		least, most = 3, 4
	}
	if len(args) < least || len(args) > most {
		b.p.fail(at, "%s takes from %d to %d arguments", name, least, most)
	}
	coll := &node{at: at, value: b.s.Collection}
	cmd := &node{kind: document, at: at}
	set := func(key string, n *node) { cmd.fields = append(cmd.fields, field{key, n.at, n}) }
	last := func(i int) { // options that are the command's own fields
		if i >= len(args) || args[i].kind == literal && args[i].value == nil {
			return
		}
		if args[i].kind != document {
			b.fail(args[i], "the options are a document: {…}")
		}
		cmd.fields = append(cmd.fields, args[i].fields...)
	}
	switch name {
	case "createIndex", "createIndexes":
		set("createIndexes", coll)
		set("indexes", b.indexes(name, args))
		if len(args) == 3 {
			set("commitQuorum", args[2])
		}
	case "dropIndex", "dropIndexes":
		index := &node{at: at, value: "*"}
		if len(args) == 1 {
			index = args[0]
		}
		if index.kind == literal && index.value == "*" && name == "dropIndex" {
			b.p.fail(at, `dropIndex takes one index; dropIndexes() drops all of them`)
		}
		set("dropIndexes", coll)
		set("index", index)
	case "drop":
		set("drop", coll)
		last(0)
	case "createCollection":
		set("create", args[0])
		last(1)
	case "createView":
		set("create", args[0])
		set("viewOn", args[1])
		set("pipeline", args[2])
		last(3)
	case "dropDatabase":
		set("dropDatabase", &node{at: at, value: int32(1)})
		if len(args) == 1 {
			set("writeConcern", args[0])
		}
	}
	b.command(cmd)
	b.s.Name = name
}

// indexes makes the list of indexes of createIndex(keys, options) or createIndexes([keys, …], options).
func (b *builder) indexes(name string, args []*node) *node {
	keys := []*node{args[0]}
	if name == "createIndexes" {
		if args[0].kind != array || len(args[0].elems) == 0 {
			b.fail(args[0], "createIndexes takes an array of documents of keys")
		}
		keys = args[0].elems
	}
	list := &node{kind: array, at: args[0].at}
	for _, k := range keys {
		index := &node{kind: document, at: k.at, fields: []field{{"key", k.at, k}}}
		if len(args) > 1 && (args[1].kind != literal || args[1].value != nil) {
			if args[1].kind != document {
				b.fail(args[1], "the options are a document: {…}")
			}
			for _, f := range args[1].fields {
				if f.key == "key" {
					b.p.fail(f.at, "the index has its keys already")
				}
			}
			index.fields = append(index.fields, args[1].fields...)
		}
		list.elems = append(list.elems, index)
	}
	return list
}

// schema takes a command in that makes or drops something.
func (b *builder) schema(v Verb, n *node) {
	b.s.Verb = v
	first := n.fields[0].value
	if v != DropDatabase {
		b.collectionOf(first)
		if isSystem(b.s.Collection) {
			b.fail(first, "%s", systemRefused)
		}
	}
	if v == CreateIndexes {
		b.indexCommand(n)
	}
	b.add(rawRole, n)
}

// indexCommand checks the indexes of a command, and names those that have no name as all drivers do: a_1_b_-1.
func (b *builder) indexCommand(n *node) {
	list := n.get("indexes")
	if list == nil || list.kind != array || len(list.elems) == 0 {
		b.fail(n, `createIndexes takes {"indexes": [{"key": {…}, "name": "…"}, …]}, written out`)
	}
	for _, index := range list.elems {
		if index.kind != document {
			b.fail(index, "an index is a document: {key: {…}, name: \"…\"}")
		}
		keys := index.get("key")
		if keys == nil || keys.kind != document || len(keys.fields) == 0 {
			b.fail(index, "the keys of the index are missing: {field: 1}")
		}
		b.w.name(keys, "an index's key")
		if index.get("name") == nil {
			index.fields = append(index.fields, field{"name", index.at, &node{at: index.at, value: indexName(keys)}})
		}
	}
}

// indexName is the name that drivers give an index. (Specification "Index Management", "Index Name Generation".)
func indexName(keys *node) string {
	var parts []string
	for _, f := range keys.fields {
		direction := f.value.value
		if n, ok := toInt64(direction); ok {
			direction = n
		}
		parts = append(parts, f.key, fmt.Sprint(direction))
	}
	return strings.Join(parts, "_")
}

// raw walks over a command that is sent as it is. What names, filters, updates or aggregates in it is walked over as
// that; everything else is plain values.
func (w *walker) raw(n *node) {
	for i := range n.fields {
		key, v := n.fields[i].key, n.fields[i].value
		switch {
		case i == 0 && v.kind == document: // explain
			w.raw(v)
		case i == 0:
			w.name(v, "what a command is for")
		default:
			w.field(key, v)
		}
	}
}

// field walks over one field of such a command.
func (w *walker) field(key string, n *node) {
	switch key {
	case "pipeline":
		w.pipeline(n)
	case "filter", "query", "q", "validator", "partialFilterExpression":
		w.filter(n)
	case "let":
		w.let(n)
	case "update", "u", "updateMods":
		if n.operator() || n.kind == array {
			w.update(n)
			return
		}
		w.values(n)
	case "map", "reduce", "finalize", "scope":
		w.code(key, n)
	case "name", "viewOn", "index", "key", "to", "ns", "as", "out", "from", "toCollection", "collection", "db":
		w.name(n, "a name")
	case "writeConcern", "readConcern":
		w.name(n, "a concern")
	case "ops", "nsInfo", "updates", "deletes", "indexes", "documents":
		if n.kind != array {
			w.values(n)
			return
		}
		for _, e := range n.elems {
			if e.kind == document && key != "documents" {
				w.fields(e)
			} else {
				w.values(e)
			}
		}
	default:
		w.values(n)
	}
}

func (w *walker) fields(n *node) {
	for i := range n.fields {
		w.field(n.fields[i].key, n.fields[i].value)
	}
}
