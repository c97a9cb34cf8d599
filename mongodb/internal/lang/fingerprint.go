package lang

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxFingerprint is how long a fingerprint gets, in bytes, as those of SQL.
const maxFingerprint = 1000

// Fingerprint returns the statement without its literals, in one form for both forms of it, for logs and metrics:
// db.tracks.find({ms: {$gt: ?}}).limit(?). Keys, names, fields' paths, directions and switches of the text are kept. It holds
// no value of the caller's and at most 1,000 bytes.
func (s *Statement) Fingerprint() string {
	s.once.Do(func() { s.print = s.fingerprint() })
	return s.print
}

func (s *Statement) fingerprint() string {
	f := new(printer)
	f.out.WriteString("db")
	parts := slices.Clone(s.parts)
	slices.SortStableFunc(parts, func(a, b part) int { return int(a.role) - int(b.role) })
	if s.Verb == RunCommand || s.Verb >= CreateIndexes {
		f.out.WriteString(".runCommand(")
		f.node(parts[0].n)
		f.out.WriteString(")")
		return f.string()
	}
	f.collection(s.Collection)
	f.out.WriteString("." + s.Verb.String() + "(")
	var options []part
	n := 0
	arg := func(node *node) {
		if n > 0 {
			f.out.WriteString(", ")
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
		f.out.WriteString(")")
		for _, o := range options {
			f.out.WriteString("." + o.role.label() + "(")
			f.node(o.n)
			f.out.WriteString(")")
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
	f.out.WriteString(")")
	return f.string()
}

type printer struct{ out strings.Builder }

func (f *printer) string() string {
	out := f.out.String()
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
func (f *printer) full() bool { return f.out.Len() > maxFingerprint }

func (f *printer) empty(n *node) bool { return n.kind == document && len(n.fields) == 0 }

// collection writes .tracks, or ["…"] where it isn't made of identifiers.
func (f *printer) collection(name string) {
	if name == "" {
		return
	}
	for word := range strings.SplitSeq(name, ".") {
		if !isIdentifier(word) {
			f.out.WriteString("[" + strconv.Quote(name) + "]")
			return
		}
	}
	f.out.WriteString("." + name)
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
			f.out.WriteString("[?]")
			return
		}
		f.out.WriteString("?")
	case literal:
		f.literal(n)
	case document:
		f.out.WriteString("{")
		for i := range n.fields {
			if f.full() {
				return
			}
			if i > 0 {
				f.out.WriteString(", ")
			}
			if key := n.fields[i].key; isIdentifier(key) {
				f.out.WriteString(key)
			} else {
				f.out.WriteString(strconv.Quote(key))
			}
			f.out.WriteString(": ")
			f.node(n.fields[i].value)
		}
		f.out.WriteString("}")
	case array:
		f.array(n)
	}
}

func (f *printer) literal(n *node) {
	if !n.keep {
		f.out.WriteString("?")
		return
	}
	switch v := n.value.(type) {
	case string:
		f.out.WriteString(strconv.Quote(v))
	case bool:
		fmt.Fprint(&f.out, v)
	default:
		if i, ok := toInt64(v); ok { // 1 and 1.0 are the same direction
			f.out.WriteString(strconv.FormatInt(i, 10))
			return
		}
		f.out.WriteString("?")
	}
}

// array writes elements that look the same once, so that statements that differ in how many there are have one fingerprint.
func (f *printer) array(n *node) {
	f.out.WriteString("[")
	last := ""
	for i, e := range n.elems {
		if f.full() {
			return
		}
		one := printer{}
		one.node(e)
		text := one.out.String()
		if i > 0 && text == last {
			continue
		}
		if i > 0 {
			f.out.WriteString(", ")
		}
		f.out.WriteString(text)
		last = text
	}
	f.out.WriteString("]")
}
