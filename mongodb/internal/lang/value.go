package lang

import (
	"math"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// parser reads values and collects their placeholders.
type parser struct {
	reader
	depth int
	plain bool // documents such as {"$oid": …} stay documents: JSON that comes from outside

	style byte // of the placeholders: '?' or ':', 0 before the first
	n     int
	names []string
	slots map[string]int
}

// whole reads a value that is all there is.
func (p *parser) whole() (n *node, err error) {
	defer catch(&err)
	n = p.value()
	if p.peek(); p.pos < len(p.text) {
		p.fail(p.pos, "nothing can follow here, and there is %s", p.seen())
	}
	return n, nil
}

// value reads a value.
func (p *parser) value() *node {
	c := p.peek()
	at := p.pos
	n := &node{at: at}
	switch {
	case c == '{':
		n = p.document()
	case c == '[':
		n = p.array()
	case c == '"' || c == '\'' || c == '`':
		n.value = p.str()
	case c == '?':
		p.positional(n)
	case c == ':':
		p.named(n)
	case c == '/':
		n.value = p.regex()
	case c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+':
		n.value = p.number()
	case p.wordLength(at) > 0:
		p.wordValue(n)
	default:
		p.fail(at, "a value is missing before %s", p.seen())
	}
	n.end = p.pos
	return n
}

// enter counts a level of nesting; leave undoes it.
func (p *parser) enter(at int) {
	if p.depth++; p.depth > maxDepth {
		p.fail(at, "documents and arrays may be nested %d levels deep", maxDepth)
	}
}

func (p *parser) leave() { p.depth-- }

// document reads {…}. Extended JSON's documents become what they stand for.
func (p *parser) document() *node {
	n := &node{kind: document, at: p.pos}
	p.enter(n.at)
	defer p.leave()
	p.pos++
	var seen map[string]bool // of large documents
	for !p.take('}') {
		key, at := p.key()
		if seen == nil && len(n.fields) == 16 {
			seen = make(map[string]bool)
			for i := range n.fields {
				seen[n.fields[i].key] = true
			}
		}
		if seen != nil && seen[key] || seen == nil && n.get(key) != nil {
			p.fail(at, "the document has the key %q twice", clip(key))
		}
		if seen != nil {
			seen[key] = true
		}
		if p.peek() != ':' {
			p.fail(p.pos, "a colon is missing behind the key %q, before %s", clip(key), p.seen())
		}
		p.pos++
		n.fields = append(n.fields, field{key, at, p.value()})
		if !p.take(',') && p.peek() != '}' {
			p.fail(p.pos, "a comma or } is missing in the document, before %s", p.seen())
		}
	}
	if !p.plain && n.operator() {
		return p.extended(n)
	}
	return n
}

// key reads a key: a string, an identifier or a number.
func (p *parser) key() (key string, at int) {
	c := p.peek()
	at = p.pos
	switch {
	case c == '"' || c == '\'' || c == '`':
		key = p.str()
	case c == '?' || c == ':':
		p.fail(at, "a placeholder can't stand for a key: bound values are only ever values")
	case c == '[':
		p.fail(at, "computed keys aren't taken: write the key itself")
	case c == '.' && strings.HasPrefix(p.text[at:], "..."):
		p.fail(at, "spread syntax isn't taken: write the document out, or bind it as a value")
	case c >= '0' && c <= '9':
		for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
			p.pos++
		}
		key = p.text[at:p.pos]
	default:
		if key = p.word(); key == "" {
			p.fail(at, "a key is missing before %s", p.seen())
		}
	}
	if strings.IndexByte(key, 0) >= 0 {
		p.fail(at, "a key can't hold a zero byte")
	}
	return key, at
}

// array reads […].
func (p *parser) array() *node {
	n := &node{kind: array, at: p.pos}
	p.enter(n.at)
	defer p.leave()
	p.pos++
	for !p.take(']') {
		if p.peek() == '.' && strings.HasPrefix(p.text[p.pos:], "...") {
			p.fail(p.pos, "spread syntax isn't taken: bind the list as one value, {$in: ?}")
		}
		n.elems = append(n.elems, p.value())
		if !p.take(',') && p.peek() != ']' {
			p.fail(p.pos, "a comma or ] is missing in the array, before %s", p.seen())
		}
	}
	return n
}

// positional reads ?.
func (p *parser) positional(n *node) {
	p.pos++
	if p.style == ':' {
		p.fail(n.at, "? and :name are mixed: use one of them")
	}
	if p.pos < len(p.text) && isWordPart(rune(p.text[p.pos])) {
		p.fail(n.at, "a placeholder is ? or :name, without a number behind the ?")
	}
	p.style = '?'
	n.kind, n.slot = hole, p.n
	p.n++
}

// named reads :name.
func (p *parser) named(n *node) {
	p.pos++
	length := p.wordLength(p.pos)
	if length == 0 {
		p.fail(n.at, "a value is missing before the colon; a placeholder with a name is written :name, without space")
	}
	name := p.text[p.pos : p.pos+length]
	p.pos += length
	if p.style == '?' {
		p.fail(n.at, "? and :name are mixed: use one of them")
	}
	p.style = ':'
	slot, known := p.slots[name]
	if !known {
		if p.slots == nil {
			p.slots = map[string]int{}
		}
		slot = p.n
		p.slots[name] = slot
		p.names = append(p.names, name)
		p.n++
	}
	n.kind, n.slot = hole, slot
}

// wordValue reads a value that begins with a word: true, ObjectId("…") and so on.
func (p *parser) wordValue(n *node) {
	word := p.word()
	switch word {
	case "true", "false":
		n.value = word == "true"
	case "null":
	case "Infinity":
		n.value = math.Inf(1)
	case "NaN":
		n.value = math.NaN()
	case "undefined":
		p.fail(n.at, "undefined isn't a value; write null, or leave the key out")
	case "function", "async":
		p.fail(n.at, "functions can't be given as such; write the code as a string")
	case "new":
		word = p.word()
		if word == "" {
			p.fail(p.pos, "the name of a type is missing behind new")
		}
		p.construct(n, word, true)
	default:
		p.construct(n, word, false)
	}
}

// number reads a number as JavaScript writes it: an integer is an int32 if it fits, else an int64; with a point or an
// exponent it is a double. (ECMA-262, "Numeric Literals"; 1 is an int32 as in mongosh, 1.0 stays a double, which it
// doesn't there.)
func (p *parser) number() any {
	at := p.pos
	negative := p.text[p.pos] == '-'
	if negative || p.text[p.pos] == '+' {
		p.pos++
		p.space()
	}
	start := p.pos
	switch p.word() {
	case "":
	case "Infinity":
		return math.Inf(map[bool]int{true: -1, false: 1}[negative])
	case "NaN":
		return math.NaN()
	default:
		p.fail(at, "a sign can only stand before a number")
	}
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		exponentSign := (c == '-' || c == '+') && p.text[p.pos-1]|0x20 == 'e' && !radix(p.text[start:p.pos])
		if c != '.' && !isWordPart(rune(c)) && !exponentSign {
			break
		}
		p.pos++
	}
	text := p.text[start:p.pos]
	if strings.Contains(text, "_") {
		if strings.Contains(text, "__") || text[0] == '_' || text[len(text)-1] == '_' {
			p.fail(at, "an underscore in a number stands between two digits")
		}
		text = strings.ReplaceAll(text, "_", "")
	}
	integer := strings.TrimSuffix(text, "n") // a BigInt
	v, err := p.integer(at, integer, negative)
	if err == nil {
		if math.MinInt32 <= v && v <= math.MaxInt32 && integer == text {
			return int32(v)
		}
		return v
	}
	digits := strings.Trim(text, "0123456789.eE+-") == ""
	f, floatErr := strconv.ParseFloat(text, 64)
	switch {
	case strings.Trim(integer, "0123456789") == "" && integer != "", radix(integer):
		p.fail(at, "the number doesn't fit 64 bits; write NumberDecimal(\"…\"), or a double with an exponent")
	case !digits || floatErr != nil && math.IsInf(f, 0):
		p.fail(at, "the number can't be read, or is beyond a double's range")
	case floatErr != nil:
		p.fail(at, "the number can't be read")
	}
	if negative {
		f = -f
	}
	return f
}

// radix reports whether a number begins like 0x1F, 0o17 or 0b11.
func radix(text string) bool {
	return len(text) > 1 && text[0] == '0' && strings.IndexByte("xob", text[1]|0x20) >= 0
}

func (p *parser) integer(at int, text string, negative bool) (int64, error) {
	if len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9' && !strings.ContainsAny(text, ".eE") {
		p.fail(at, "a number doesn't begin with 0: write 0o17 for octal, or a string")
	}
	base := 10
	if radix(text) {
		base = map[byte]int{'x': 16, 'o': 8, 'b': 2}[text[1]|0x20]
		text = text[2:]
	}
	if text == "" || text[0] == '+' || text[0] == '-' {
		return 0, strconv.ErrSyntax
	}
	if negative {
		text = "-" + text
	}
	return strconv.ParseInt(text, base, 64)
}

// regex reads /…/imsx.
func (p *parser) regex() bson.Regex {
	start := p.pos
	p.pos++
	class := false
	for {
		if p.pos == len(p.text) || p.text[p.pos] == '\n' || p.text[p.pos] == '\r' {
			p.fail(start, "the regular expression that begins here doesn't end on its line")
		}
		c := p.text[p.pos]
		p.pos++
		switch {
		case c == '\\' && p.pos < len(p.text) && p.text[p.pos] != '\n' && p.text[p.pos] != '\r':
			p.pos++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			pattern := strings.ReplaceAll(p.text[start+1:p.pos-1], `\/`, "/")
			at := p.pos
			flags := p.text[at : at+p.wordLength(at)]
			p.pos += len(flags)
			return p.makeRegex(start, pattern, flags)
		}
	}
}

// makeRegex checks a regular expression. Its options are sorted, as BSON wants them.
func (p *parser) makeRegex(at int, pattern, flags string) bson.Regex {
	if strings.IndexByte(pattern, 0) >= 0 {
		p.fail(at, "a regular expression can't hold a zero byte")
	}
	var options strings.Builder
	for _, c := range "ilmsux" {
		if n := strings.Count(flags, string(c)); n == 1 {
			options.WriteRune(c)
		}
	}
	if options.Len() != len(flags) {
		p.fail(at, "the options of a regular expression are i, m, s, x, l and u, each once")
	}
	return bson.Regex{Pattern: pattern, Options: options.String()}
}
