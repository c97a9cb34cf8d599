package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A node is a value of a YAML file, its aliases and merges resolved.
type node struct {
	kind         nodeKind
	line, column int
	text         string // of a scalar, as it is written
	pairs        []pair // of a mapping
	items        []node // of a list
}

type nodeKind uint8

const (
	isNull nodeKind = iota
	isText
	isInt
	isFloat
	isBool
	isMapping
	isList
)

type pair struct {
	key          string
	line, column int
	value        node
}

// Bounds of what a YAML file may make a reader do.
const (
	maxYAMLSize   = 64 << 10 // the library's time grows with the square of some files' size
	maxYAMLDepth  = 100
	maxYAMLMerged = 100_000
)

// A yamlReader makes nodes of what the YAML library has parsed. It doesn't decode into a struct, because every value's
// line is wanted, and all that is wrong at once; and the library's own errors quote the file, which has secrets in it.
type yamlReader struct {
	*problems
	path    string
	anchors map[string]node
	merged  int // pairs that were copied
}

// at is the source of what stands at a place of the file.
func (r *yamlReader) at(line, column int) string {
	return fmt.Sprintf("file %s:%d:%d", r.path, line, column)
}

func (r *yamlReader) fault(n node, key, problem, hint string) {
	r.source = r.at(n.line, n.column)
	r.add(key, problem, hint)
}

// readYAML returns the document in text; what is wrong with it is added to p.
func readYAML(p *problems, path, text string) node {
	r := &yamlReader{problems: p, path: path, anchors: map[string]node{}}
	if len(text) > maxYAMLSize {
		r.fault(node{line: 1, column: 1}, "yaml", "is larger than 64 KiB", "")
		return node{}
	}
	text = strings.TrimPrefix(text, "\ufeff") // with which editors of Windows begin a file
	if !utf8.ValidString(text) {              // the library would put other characters in the place of what isn't
		line := 1
		for l := range strings.Lines(text) {
			if !utf8.ValidString(l) {
				break
			}
			line++
		}
		r.fault(node{line: line, column: 1}, "yaml", "isn't UTF-8", "save it as UTF-8; a password of other bytes goes into a password_file")
		return node{}
	}
	if line, deep := tooDeep(text); deep {
		r.fault(node{line: line, column: 1}, "yaml", "nests too deeply", "")
		return node{}
	}
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.broken(err)
		return node{}
	}
	var root node
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			r.fault(r.place(doc.Body), "yaml", "has a second document", "remove it")
			break
		}
		root = r.node(doc.Body, 0)
	}
	return root
}

// broken tells of a syntax error: where it is, and the library's words where they are its own and quote nothing.
func (r *yamlReader) broken(err error) {
	var told interface {
		GetMessage() string
		GetToken() *token.Token
	}
	at, problem := node{line: 1, column: 1}, "isn't valid YAML"
	if errors.As(err, &told) {
		if message := told.GetMessage(); message != "" && !strings.ContainsAny(message, "\"`\n") {
			problem += ": " + message
		}
		if t := told.GetToken(); t != nil && t.Position != nil {
			at.line, at.column = t.Position.Line, t.Position.Column
		}
	}
	r.fault(at, "yaml", problem, "look at the indentation there, and put quotes around a value with : or # in it")
}

// tooDeep reports whether brackets nest, or a line is indented, deeper than any file of ours: the library recurses.
func tooDeep(text string) (line int, deep bool) {
	depth := 0
	for l := range strings.Lines(text) {
		line++
		if strings.Count(l, "- ")+strings.Count(l, "? ") > 2*maxYAMLDepth || len(l)-len(strings.TrimLeft(l, " ")) > 4*maxYAMLDepth {
			return line, true
		}
		if depth += strings.Count(l, "[") + strings.Count(l, "{") - strings.Count(l, "]") - strings.Count(l, "}"); depth < 0 {
			depth = 0
		}
		if depth > maxYAMLDepth || strings.Count(l, "[")+strings.Count(l, "{") > 4*maxYAMLDepth {
			return line, true
		}
	}
	return line, false
}

func (r *yamlReader) place(n ast.Node) (at node) {
	if n == nil {
		return node{line: 1, column: 1}
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		at.line, at.column = t.Position.Line, t.Position.Column
	}
	return at
}

func (r *yamlReader) node(n ast.Node, depth int) node {
	at := r.place(n)
	if depth > maxYAMLDepth {
		r.fault(at, "yaml", "nests too deeply", "")
		return at
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		at.kind = isMapping
		r.mapping(&at, n.Values, depth)
	case *ast.MappingValueNode:
		at.kind = isMapping
		r.mapping(&at, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		at.kind = isList
		for _, item := range n.Values {
			at.items = append(at.items, r.node(item, depth+1))
		}
	case *ast.AnchorNode: // it is known from here on, and so can't hold itself
		value := r.node(n.Value, depth+1)
		r.anchors[n.Name.String()] = value
		return value
	case *ast.AliasNode:
		value, ok := r.anchors[n.Value.String()]
		if !ok {
			r.fault(at, "yaml", "has an alias without an anchor in front of it", "")
		}
		return value
	case *ast.TagNode:
		value := r.node(n.Value, depth+1)
		if n.Start.Value != "!!str" || value.kind == isMapping || value.kind == isList {
			r.fault(at, "yaml", "has a tag, which means nothing here", "remove it")
		}
		value.kind = isText
		return value
	case *ast.StringNode:
		at.kind, at.text = isText, n.Value
	case *ast.LiteralNode:
		at.kind, at.text = isText, n.Value.Value
	case *ast.IntegerNode:
		at.kind, at.text = isInt, n.Token.Value
	case *ast.FloatNode:
		at.kind, at.text = isFloat, n.Token.Value
	case *ast.InfinityNode:
		at.kind, at.text = isFloat, n.Token.Value
	case *ast.NanNode:
		at.kind, at.text = isFloat, n.Token.Value
	case *ast.BoolNode:
		at.kind, at.text = isBool, n.Token.Value
	case *ast.NullNode, nil:
	default:
		r.fault(at, "yaml", "has something in it that means nothing here", "")
	}
	return at
}

// mapping fills m: what it says itself goes before what is merged into it, and of several merged the first.
func (r *yamlReader) mapping(m *node, values []*ast.MappingValueNode, depth int) {
	var merged []node
	has := map[string]bool{}
	for _, v := range values {
		value := r.node(v.Value, depth+1)
		if v.Key.IsMergeKey() {
			if value.kind == isList {
				merged = append(merged, value.items...)
			} else {
				merged = append(merged, value)
			}
			continue
		}
		var name ast.Node = v.Key
		if explicit, ok := name.(*ast.MappingKeyNode); ok {
			name = explicit.Value
		}
		key := r.node(name, depth+1)
		switch {
		case key.kind == isMapping || key.kind == isList || key.kind == isNull:
			r.fault(key, "yaml", "has a key that isn't a word", "")
		case has[key.text]:
			r.fault(key, shownKey(key.text), "is there twice", "")
		default:
			has[key.text] = true
			m.pairs = append(m.pairs, pair{key.text, key.line, key.column, value})
		}
	}
	for _, other := range merged {
		if other.kind != isMapping {
			r.fault(*m, "yaml", "merges what isn't a mapping", "")
			continue
		}
		if r.merged += len(other.pairs); r.merged > maxYAMLMerged {
			r.fault(*m, "yaml", "merges too much", "")
			return
		}
		for _, p := range other.pairs {
			if !has[p.key] {
				has[p.key] = true
				m.pairs = append(m.pairs, p)
			}
		}
	}
}

// shownKey returns a key if it is made like one; anything else may be a value in the wrong place.
func shownKey(key string) string {
	if isName(key) && len(key) <= 64 {
		return key
	}
	return "a key"
}
