package lang

import (
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/names"
)

// part is a piece of a statement and what it is for.
type part struct {
	role role
	n    *node
}

// builder makes a Statement of what the parser reads.
type builder struct {
	p parser
	w walker
	s *Statement
}

func (b *builder) fail(n *node, format string, args ...any) { b.p.fail(n.at, format, args...) }

// add takes a part in. A null in the place of an option or a filter is as if nothing stood there.
func (b *builder) add(r role, n *node) {
	if n.kind == literal && n.value == nil && (r >= sortRole || r == filterRole) && r != commentRole {
		return
	}
	for _, other := range b.s.parts {
		if other.role == r || returnsDocument(other.role) && returnsDocument(r) {
			b.fail(n, "%s is given twice", r.label())
		}
	}
	b.walk(r, n)
	b.s.parts = append(b.s.parts, part{r, n})
}

func returnsDocument(r role) bool {
	return r == returnAfterRole || r == returnBeforeRole || r == returnDocumentRole
}

// walk checks a part and notes its placeholders' places.
func (b *builder) walk(r role, n *node) {
	w := &b.w
	switch r {
	case filterRole:
		w.filter(n)
	case updateRole:
		w.update(n)
	case replacementRole:
		if n.operator() {
			b.fail(n, "a whole document has no operators; use updateOne")
		}
		w.need(n, documentPlace)
	case documentRole:
		w.need(n, documentPlace)
	case documentsRole:
		w.documents(n)
	case pipelineRole:
		w.pipeline(n)
	case keyRole:
		w.name(n, "a field's name")
		if key, ok := n.value.(string); !ok || key == "" || isOperator(key) {
			b.fail(n, "the name of a field is needed here, as a string")
		}
	case rawRole:
		w.raw(n)
	case sortRole:
		w.sort(n)
	case projectionRole:
		w.projection(n)
	case letRole:
		w.let(n)
	case arrayFiltersRole:
		w.filters(n, "arrayFilters")
	case hintRole:
		if n.kind != hole {
			w.name(n, "an index")
		}
		w.need(n, hintPlace)
	case readConcernRole, writeConcernRole:
		w.name(n, "a concern")
	case commentRole:
		w.values(n)
	default:
		w.need(n, r.place())
		n.keep = r.place() == switchPlace || r == returnDocumentRole
	}
}

// finish checks what needs no value and makes the statement ready.
func (b *builder) finish() {
	s := b.s
	if isSystem(s.Collection) && s.Access == driver.Write && s.Verb != RunCommand {
		b.p.fail(0, "%s", systemRefused)
	}
	s.args = newArguments(&b.p)
	s.slots = make([][]*node, b.p.n)
	for _, pt := range s.parts {
		pt.n.freeze()
		s.collect(pt.n)
		if pt.n.holes {
			continue
		}
		var c Command
		if problem := s.apply(&c, pt.role, pt.n.value); problem != "" {
			b.fail(pt.n, "%s", problem)
		}
	}
	if s.Verb.filters() && !s.has(filterRole) {
		s.parts = append(s.parts, part{filterRole, &node{kind: document, value: bson.D{}}})
	}
}

// option takes an option in by its name.
func (b *builder) option(name string, at int, n *node) {
	r, takes := option(name)
	if r != noRole && takes.has(b.s.Verb) {
		b.add(r, n)
		return
	}
	list := optionNames(b.s.Verb)
	if near := nearest(name, list); near != "" {
		b.p.fail(at, "%s has no option %s; did you mean %s?", b.s.Verb, clip(name), near)
	}
	if len(list) == 0 {
		b.p.fail(at, "%s has no options", b.s.Verb)
	}
	b.p.fail(at, "%s has no option %s; it takes %s", b.s.Verb, clip(name), strings.Join(list, ", "))
}

// options takes a document of options in, as mongosh's methods have it last.
func (b *builder) options(n *node) {
	switch {
	case n.kind == literal && n.value == nil:
		return
	case n.kind == hole:
		b.fail(n, "a placeholder can't stand for the options; write them out and bind what is in them: {upsert: ?}")
	case n.kind != document:
		b.fail(n, "the options are a document: {…}")
	}
	for _, f := range n.fields {
		if f.key == "cursor" && b.s.Verb == Aggregate {
			b.cursor(f.value)
			continue
		}
		b.option(f.key, f.at, f.value)
	}
}

// cursor takes {batchSize: …}.
func (b *builder) cursor(n *node) {
	if n.kind != document {
		b.fail(n, "cursor takes a document: {batchSize: …}")
	}
	for _, f := range n.fields {
		if f.key != "batchSize" {
			b.p.fail(f.at, "cursor takes batchSize only")
		}
		b.add(batchSizeRole, f.value)
	}
}

// collection takes the collection's name.
func (b *builder) collection(at int, name string) {
	if err := checkCollection(name); err != nil {
		b.p.fail(at, "%v", err)
	}
	b.s.Collection = name
}

// decide sets what the statement does with data.
func (b *builder) decide() {
	s := b.s
	switch s.Verb {
	case Find, FindOne, CountDocuments, EstimatedCount, Distinct:
		s.Access = driver.Read
	case Aggregate:
		if !b.w.writes && !b.w.unknown {
			s.Access = driver.Read
		}
	case RunCommand:
		if onlyReads(s.Name) {
			s.Access = driver.Read
		}
	case CreateIndexes, DropIndexes, Drop, CreateCollection, DropDatabase:
		s.Schema = true
	}
}

// documents walks over a list of documents to store.
func (w *walker) documents(n *node) {
	if w.set(n, documentsPlace) {
		return
	}
	if n.kind != array || len(n.elems) == 0 {
		w.fail(n.at, "an array of documents is needed here, with at least one")
	}
	for _, e := range n.elems {
		w.need(e, documentPlace)
	}
}

// nearest returns the name that was probably meant, or "".
func nearest(name string, known []string) string {
	best, least := "", 1+min(2, len(name)/3)
	for _, k := range known {
		if d := names.Distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// filters reports whether commands of the verb have a filter.
func (v Verb) filters() bool {
	return setOf(Find, FindOne, CountDocuments, Distinct, UpdateOne, UpdateMany, ReplaceOne, DeleteOne, DeleteMany,
		FindOneAndUpdate, FindOneAndReplace, FindOneAndDelete).has(v)
}

// apply puts a part's value into the command. It returns what is wrong with it, "" if nothing is.
func (s *Statement) apply(c *Command, r role, v any) string {
	switch r {
	case filterRole:
		c.Filter, _ = v.(bson.D)
	case updateRole:
		c.Update = v
		return updatePlace.fits(v)
	case replacementRole:
		c.Replacement, _ = v.(bson.D)
		if len(c.Replacement) > 0 && isOperator(c.Replacement[0].Key) {
			return "a whole document has no operators; use updateOne"
		}
	case documentRole:
		d, _ := v.(bson.D)
		c.Documents = []bson.D{d}
	case documentsRole:
		list, _ := v.(bson.A)
		c.Documents = documentsOf(list)
	case pipelineRole:
		c.Pipeline, _ = v.(bson.A)
	case keyRole:
		c.Key, _ = v.(string)
	case rawRole:
		c.Raw, _ = v.(bson.D)
		for _, e := range c.Raw {
			if list, ok := e.Value.(bson.A); ok && s.Verb == CreateIndexes && e.Key == "indexes" {
				c.Indexes = documentsOf(list)
			}
		}
	default:
		if problem := r.apply(&c.Options, v); problem != "" {
			return fmt.Sprintf("%s: %s", r.label(), problem)
		}
	}
	return ""
}

func documentsOf(list bson.A) []bson.D {
	docs := make([]bson.D, len(list))
	for i := range list {
		docs[i], _ = list[i].(bson.D)
	}
	return docs
}
