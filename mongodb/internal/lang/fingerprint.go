package lang

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxFingerprint is how long a fingerprint gets, in bytes, as those of SQL.
const maxFingerprint = 1000

// Fingerprint returns the statement without its literals, in one form for both forms of it, for logs and metrics:
// db.tracks.find({ms: {$gt: ?}}).limit(?). Keys, names, fields' paths, directions and switches of the text are kept.
// It holds no value of the caller's and at most 1,000 bytes.
func (s *Statement) Fingerprint() string {
	s.once.Do(func() { s.print = s.fingerprint() })
	return s.print
}

func (s *Statement) fingerprint() string {
	f := new(printer)
	f.write("db")
	parts := slices.Clone(s.parts)
	slices.SortStableFunc(parts, func(a, b part) int { return int(a.role) - int(b.role) })
	if s.Verb == RunCommand || s.Verb >= CreateIndexes {
		f.write(".runCommand(")
		f.node(parts[0].n)
		f.write(")")
		return f.string()
	}
	f.collection(s.Collection)
	f.write("." + s.Verb.String() + "(")
	var options []part
	n := 0
	arg := func(node *node) {
		if n > 0 {
			f.write(", ")
		}
		n++
		f.node(node)
	}
	if s.Verb == Distinct {
		arg(parts[slices.IndexFunc(parts, func(p part) bool { return p.role == keyRole })].n)
	}
	for _, p := range parts {
		switch {
		case p.role >= sortRole:
			options = append(options, p)
		case p.role == filterRole && s.Verb == Find && len(parts) == 1 && f.empty(p.n):
		case p.role != keyRole:
			arg(p.n)
		}
	}
	if s.Verb == Find || s.Verb == Aggregate {
		f.write(")")
		for _, o := range options {
			f.write("." + o.role.label() + "(")
			f.node(o.n)
			f.write(")")
		}
		return f.string()
	}
	if len(options) > 0 {
		if s.Verb == FindOne { // its second argument is the projection
			projection := &node{kind: document}
			if options[0].role == projectionRole || len(options) > 1 && options[1].role == projectionRole {
				i := slices.IndexFunc(options, func(p part) bool { return p.role == projectionRole })
				projection = options[i].n
				options = slices.Delete(options, i, i+1)
			}
			arg(projection)
		}
		all := &node{kind: document}
		for _, o := range options {
			all.fields = append(all.fields, field{o.role.label(), 0, o.n})
		}
		if len(options) > 0 {
			arg(all)
		}
	}
	f.write(")")
	return f.string()
}

type printer struct{ out []byte }

func (f *printer) write(s string) { f.out = append(f.out, s...) }

func (f *printer) string() string {
	out := string(f.out)
	if len(out) <= maxFingerprint {
		return out
	}
	cut := maxFingerprint - len("…")
	for !utf8.RuneStart(out[cut]) {
		cut--
	}
	return out[:cut] + "…"
}

// full reports whether nothing more will be seen of what is written.
func (f *printer) full() bool { return len(f.out) > maxFingerprint }

func (f *printer) empty(n *node) bool { return n.kind == document && len(n.fields) == 0 }

// collection writes .tracks, or ["…"] where it isn't made of identifiers.
func (f *printer) collection(name string) {
	if name == "" {
		return
	}
	for word := range strings.SplitSeq(name, ".") {
		if !isIdentifier(word) {
			f.write("[" + strconv.Quote(name) + "]")
			return
		}
	}
	f.write("." + name)
}

func isIdentifier(s string) bool {
	r := reader{text: s}
	return s != "" && r.wordLength(0) == len(s)
}

func (f *printer) node(n *node) {
	if f.full() {
		return
	}
	switch n.kind {
	case hole:
		if n.place == listPlace {
			f.write("[?]")
			return
		}
		f.write("?")
	case literal:
		f.literal(n)
	case document:
		f.write("{")
		for i := range n.fields {
			if f.full() {
				return
			}
			if i > 0 {
				f.write(", ")
			}
			if key := n.fields[i].key; isIdentifier(key) {
				f.write(key)
			} else {
				f.write(strconv.Quote(key))
			}
			f.write(": ")
			f.node(n.fields[i].value)
		}
		f.write("}")
	case array:
		f.array(n)
	}
}

func (f *printer) literal(n *node) {
	if !n.keep {
		f.write("?")
		return
	}
	switch v := n.value.(type) {
	case string:
		f.write(strconv.Quote(v))
	case bool:
		f.out = strconv.AppendBool(f.out, v)
	default:
		if i, ok := toInt64(v); ok { // 1 and 1.0 are the same direction
			f.write(strconv.FormatInt(i, 10))
			return
		}
		f.write("?")
	}
}

// array writes elements that look the same once, so that statements that differ in how many there are have one
// fingerprint.
func (f *printer) array(n *node) {
	f.write("[")
	last := f.out[:0]
	for i, e := range n.elems {
		if f.full() {
			return
		}
		before := len(f.out)
		if i > 0 {
			f.write(", ")
		}
		start := len(f.out)
		f.node(e)
		text := f.out[start:]
		if i > 0 && bytes.Equal(text, last) {
			f.out = f.out[:before]
			continue
		}
		last = text
	}
	f.write("]")
}
