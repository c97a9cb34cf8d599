package sqltext

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
)

// bom is the byte order mark that some editors begin a file with.
const bom = "\ufeff"

// Compile reads one statement. A semicolon may follow it, and comments may be anywhere. The error is a *driver.Fault:
// of kind Syntax if a string, comment or quoted name never ends, of kind Argument if placeholder styles are mixed or
// if there isn't exactly one statement. The result is safe for use by many goroutines.
func Compile(text string, d Dialect) (*driver.Stmt, error) {
	c := compiler{text: text, upper: upper(text), lex: lexer{text: text, d: &d}, class: classifier{d: &d}, block: block{nests: d.blocks}}
	c.b = &binder{text: text, d: &d}
	if strings.HasPrefix(text, bom) {
		c.lex.pos, c.start = len(bom), len(bom)
	}
	if err := c.read(); err != nil {
		return nil, err
	}
	if err := c.finish(); err != nil {
		return nil, err
	}
	verb, access, class := c.class.result()
	return &driver.Stmt{Text: text, Verb: strings.Clone(verb), Access: access, Class: class, Binder: c.b}, nil
}

// compiler is one run of Compile.
type compiler struct {
	text  string
	upper string // text in upper case, for comparing words
	lex   lexer
	class classifier
	block block
	b     *binder

	start, end int  // the statement in text, without semicolons around it
	begun      bool // a token of it was seen
	ended      bool // so was its semicolon

	slots   map[string]int // of named placeholders
	styleAt int            // where the first placeholder was
	inList  int            // how much of IN ( ? ) was seen
	in      int            // where it begins; a NOT in front belongs to it
	not     bool           // there is one
	before  token          // the token before
}

// read takes the tokens in.
func (c *compiler) read() error {
	c.end = len(c.text)
	if zero := strings.IndexByte(c.text, 0); zero >= 0 && c.lex.d.name != "mariadb" { // where the others stop reading
		return c.fault(driver.Syntax, zero, "there is a zero byte at %s", place(c.text, zero))
	}
	for {
		t := c.lex.next()
		switch t.kind {
		case eof:
			return nil
		case broken:
			return c.fault(driver.Syntax, t.start, "the %s that begins at %s never ends", c.lex.missing, place(c.text, t.start))
		case comment, codeEnd:
			continue
		case codeBegin:
			c.class.doubt = true // the server's version decides whether it runs
			continue
		case separator:
			if !c.begun {
				c.start = t.end
				continue
			}
			if !c.block.inside() {
				if !c.ended && c.lex.code == 0 {
					c.end = t.start
				}
				c.ended = true
				continue
			}
		}
		if c.ended {
			return c.fault(driver.Argument, t.start, "the text holds several statements, the second begins at %s; run them one by one, or all of them by ExecuteScript", place(c.text, t.start))
		}
		c.begun = true
		text := c.upper[t.start:t.end]
		if !c.block.plain() {
			c.block.feed(t.kind, text)
		}
		switch t.kind {
		case question, doubled, numbered, named:
			if c.block.head == routine { // whose body has no placeholders, but may have a label:
				break
			}
			if err := c.placeholder(t); err != nil {
				return err
			}
		default:
			if c.inList > 0 || text == "IN" {
				c.follow(t, text)
			}
		}
		c.class.feed(t.kind, text)
		c.before = t
	}
}

// placeholder notes the placeholder t, and whether a list may take its place.
func (c *compiler) placeholder(t token) error {
	b, text := c.b, c.text[t.start:t.end]
	h := hole{start: t.start, end: t.end}
	style := byte('?')
	switch t.kind {
	case question:
		h.slot = b.takes
	case doubled:
		h.slot, style = operatorSlot, 0
	case numbered:
		style = '#'
		n, err := strconv.Atoi(text[1:])
		if err != nil || n < 1 || n > b.d.limit {
			return c.fault(driver.Argument, t.start, "%s at %s: placeholders are numbered from 1 to %d", text, place(c.text, t.start), b.d.limit)
		}
		h.slot = n - 1
	default:
		style = text[0]
		h.slot = c.slot(text[1:])
	}
	if b.d.operatorMark { // with $1 there, ? is an operator
		switch {
		case b.style == '#' && style != '#' && text[0] == '?':
			c.inList = 0
			return nil
		case style == '#' && (b.style == '?' || b.style == 0):
			b.holes, b.takes, b.lists, b.style = nil, 0, false, 0
		}
	} else if t.kind == doubled {
		return c.fault(driver.Argument, t.start, "?? at %s stands for the operator ?, which %s doesn't have", place(c.text, t.start), b.d.says)
	}
	if style != 0 && b.style == 0 {
		b.style, c.styleAt = style, t.start
	}
	if style != 0 && style != b.style {
		return c.fault(driver.Argument, t.start, "placeholders of two styles, %s at %s and %s at %s: use one",
			c.sample(), place(c.text, c.styleAt), text, place(c.text, t.start))
	}
	b.takes = max(b.takes, h.slot+1)
	if c.inList == 2 && style != 0 {
		c.inList = 3
	} else {
		c.inList = 0
	}
	if b.holes == nil {
		b.holes = make([]hole, 0, 8)
	}
	b.holes = append(b.holes, h)
	return nil
}

// follow looks for IN ( ? ), where the placeholder was met by placeholder.
func (c *compiler) follow(t token, text string) {
	switch {
	case text == "IN":
		c.inList, c.in, c.not = 1, t.start, c.upper[c.before.start:c.before.end] == "NOT"
		if c.not {
			c.in = c.before.start
		}
	case c.inList == 1 && text == "(":
		c.inList = 2
	case c.inList == 3 && text == ")":
		h := &c.b.holes[len(c.b.holes)-1]
		h.list, h.not, h.in, h.close = true, c.not, c.in, t.end
		c.b.lists, c.inList = true, 0
	default:
		c.inList = 0
	}
}

// slot returns the place of a name's value.
func (c *compiler) slot(name string) int {
	i, ok := c.slots[name]
	if !ok {
		if c.slots == nil {
			c.slots = map[string]int{}
		}
		i = len(c.slots)
		c.slots[name] = i
		c.b.names = append(c.b.names, name)
	}
	return i
}

// sample returns the first placeholder as it was written.
func (c *compiler) sample() string {
	lex := lexer{text: c.text, d: c.lex.d, lexerState: lexerState{pos: c.styleAt}}
	t := lex.next()
	return c.text[t.start:t.end]
}

// finish makes the native text.
func (c *compiler) finish() error {
	b := c.b
	if !c.begun {
		return driver.Faultf(driver.Argument, "the text holds no statement")
	}
	b.start, b.end = c.start, c.end
	b.perHole = b.names != nil && !b.d.renumber
	need := b.takes
	if b.perHole {
		need = len(b.holes)
	}
	if need > b.d.limit {
		return b.tooMany(need)
	}
	b.native = b.render(nil, nil)
	return nil
}

// fault returns a fault that lies at a byte of the text.
func (c *compiler) fault(kind driver.Kind, at int, format string, args ...any) error {
	f := driver.Faultf(kind, format, args...)
	f.Position = 1 + utf8.RuneCountInString(c.text[:at])
	return f
}

// place says where in the text a byte is.
func place(text string, at int) string {
	line, col := Position(text, at)
	return "line " + strconv.Itoa(line) + ", column " + strconv.Itoa(col)
}

// upper returns s with its ASCII letters in upper case, byte for byte.
func upper(s string) string {
	for i := range len(s) {
		if s[i]-'a' < 26 {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i]-'a' < 26 {
					b[i] -= 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
