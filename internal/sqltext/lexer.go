package sqltext

import "strings"

// A kind is what a token is.
type kind uint8

const (
	eof       kind = iota
	word           // a name or keyword without quotes
	quoted         // a name in quotes
	literal        // a string, of any sort
	number         //
	question       // ?
	doubled        // ??
	numbered       // ?1, $1
	named          // :name, @name, $name
	variable       // MariaDB's @name
	comment        //
	codeBegin      // MariaDB's /*!50001
	codeEnd        // and its */
	separator      // ; or what DELIMITER made of it
	op             // anything else; only :: and := are longer than a byte
	broken         // begins here and never ends; lexer.missing says what
)

// token is text[start:end].
type token struct {
	kind       kind
	start, end int
}

// lexer cuts text into tokens. It is the one place that knows where strings, comments and quoted names end.
type lexer struct {
	text  string
	d     *Dialect
	short bool // the last token might be another one if more text followed
	lexerState
}

// lexerState is what it takes to read a token again, once there is more text.
type lexerState struct {
	pos       int
	brackets  int    // [ that are open, where they don't quote
	operand   bool   // the last token was a value, so that a colon belongs to a slice
	code      int    // /*! that are open
	codeAt    int    // where the outermost of them began
	delimiter string // what DELIMITER said; "" is ;
	missing   string // of a broken token: "string", "comment", …
}

// at returns the byte at i, 0 behind the end.
func (l *lexer) at(i int) byte {
	if i >= len(l.text) {
		l.short = true
		return 0
	}
	return l.text[i]
}

// has reports whether s is at i.
func (l *lexer) has(i int, s string) bool {
	for j := range len(s) {
		if l.at(i+j) != s[j] || i+j >= len(l.text) {
			return false
		}
	}
	return true
}

// delimited reports whether what DELIMITER named is at i. It ends even words: END$$.
func (l *lexer) delimited(i int) bool { return l.delimiter != "" && l.has(i, l.delimiter) }

func (l *lexer) skipSpace() {
	for l.pos < len(l.text) && isSpace(l.text[l.pos]) {
		l.pos++
	}
}

// next returns the next token. Space between tokens is left out, comments aren't.
func (l *lexer) next() token {
	l.skipSpace()
	l.short = false
	i := l.pos
	t := token{start: i, end: len(l.text)}
	switch c := l.at(i); {
	case i == len(l.text):
		if l.code > 0 {
			t.kind, t.start, l.missing = broken, l.codeAt, "comment"
		}
	case l.delimited(i):
		t.kind, t.end = separator, i+len(l.delimiter)
	case isNameStart(c) || c == '$' && l.d.userVariables:
		t.kind, t.end = l.word(i)
	case isDigit(c) || c == '.' && isDigit(l.at(i+1)):
		t.kind, t.end = number, l.number(i)
	default:
		t.kind, t.end = l.mark(i, c)
	}
	switch t.kind {
	case comment:
	case op:
		l.operand = l.text[i] == ')' || l.text[i] == ']'
	default:
		l.operand = true // after what else there is nobody asks
	}
	l.pos = t.end
	return t
}

// mark reads what begins with neither a letter nor a digit.
func (l *lexer) mark(i int, c byte) (kind, int) {
	d := l.d
	switch c {
	case '\'':
		return l.literal(i, i, '\'', d.backslash)
	case '"':
		if d.doubleString {
			return l.literal(i, i, '"', d.backslash)
		}
		return l.name(i, i, '"')
	case '`':
		if d.backtick {
			return l.name(i, i, '`')
		}
	case '[':
		if d.bracket {
			return l.name(i, i, ']')
		}
		l.brackets++
	case ']':
		l.brackets = max(0, l.brackets-1)
	case '-':
		if l.at(i+1) == '-' && (!d.dashSpace || l.at(i+2) <= ' ') {
			return comment, l.lineEnd(i)
		}
	case '#':
		if d.hash {
			return comment, l.lineEnd(i)
		}
	case '/':
		if l.at(i+1) == '*' {
			return l.comment(i)
		}
	case '*':
		if l.code > 0 && l.at(i+1) == '/' {
			l.code--
			return codeEnd, i + 2
		}
	case ';':
		if l.delimiter == "" {
			return separator, i + 1
		}
	case '?', ':', '@', '$':
		return l.placeholder(i, c)
	}
	return op, i + 1
}

// placeholder reads what begins with a character that may make it one.
func (l *lexer) placeholder(i int, c byte) (kind, int) {
	d, next := l.d, l.at(i+1)
	switch {
	case c == '?' && next == '?':
		return doubled, i + 2
	case c == '?' && d.sigils && isDigit(next):
		return numbered, l.run(i+1, isDigit)
	case c == '?':
		return question, i + 1
	case c == ':' && (next == ':' || next == '='):
		return op, i + 2
	case c == ':':
		slice := l.brackets > 0 && l.operand && !isSpace(l.text[i-1]) // [a:b]
		if !slice && (isNameStart(next) || d.sigils && isDigit(next)) {
			return l.sigil(i)
		}
	case c == '@' && d.userVariables:
		return variable, l.run(i+1, func(c byte) bool { return isNamePart(c) || c == '@' || c == '.' })
	case d.sigils:
		if isNamePart(next) && next != '$' {
			return l.sigil(i)
		}
	case c == '$' && d.dollarQuote && isDigit(next):
		return numbered, l.run(i+1, isDigit)
	case c == '$' && d.dollarQuote:
		return l.dollarQuote(i)
	}
	return op, i + 1
}

// sigil reads :name, @name or $name; if the name is a number, as in $1, that is what the caller means.
func (l *lexer) sigil(i int) (kind, int) {
	end := l.run(i+1, func(c byte) bool { return isNamePart(c) && c != '$' })
	if l.run(i+1, isDigit) == end {
		return numbered, end
	}
	return named, end
}

// run returns the end of the bytes from i that belong to it.
func (l *lexer) run(i int, belongs func(byte) bool) int {
	for belongs(l.at(i)) && !l.delimited(i) {
		i++
	}
	return i
}

// word reads a name, or a string that begins with letters.
func (l *lexer) word(i int) (kind, int) {
	end := i + 1
	if l.delimiter != "" {
		end = l.run(end, isNamePart)
	}
	for l.delimiter == "" && end < len(l.text) && isNamePart(l.text[end]) {
		end++
	}
	next := l.at(end)
	if end > i+1 {
		return word, end
	}
	c := l.text[i]
	switch {
	case next == '\'' && strings.IndexByte(l.d.prefixes, c) >= 0:
		return l.literal(i, end, '\'', l.d.backslash || c|0x20 == 'e')
	case next == '&' && l.d.dollarQuote && c|0x20 == 'u' && l.at(end+1) == '\'':
		return l.literal(i, end+1, '\'', false)
	case next == '&' && l.d.dollarQuote && c|0x20 == 'u' && l.at(end+1) == '"':
		return l.name(i, end+1, '"')
	}
	return word, end
}

// number reads everything that sticks to a number, be it one or not.
func (l *lexer) number(i int) int {
	hex := l.text[i] == '0' && l.at(i+1)|0x20 == 'x'
	for ; ; i++ {
		c := l.at(i)
		switch {
		case l.delimited(i):
			return i
		case c == '$' && l.d.dollarQuote && !isNameStart(l.text[i-1]): // PostgreSQL's 1$2 is two
			return i
		case isNamePart(c):
		case c == '.' && l.at(i+1) != '.':
		case (c == '+' || c == '-') && !hex && l.text[i-1]|0x20 == 'e' && isDigit(l.at(i+1)):
		default:
			return i
		}
	}
}

// literal reads a string from i whose opening quote is at open.
func (l *lexer) literal(i, open int, quote byte, backslash bool) (kind, int) {
	end := l.quote(open, quote, backslash)
	for end >= 0 && l.d.dollarQuote { // PostgreSQL goes on with a string that begins on another line
		more := l.continued(end)
		if more < 0 {
			break
		}
		end = l.quote(more, quote, backslash)
	}
	if end < 0 {
		l.missing = "string"
		return broken, len(l.text)
	}
	return literal, end
}

// name reads a quoted name.
func (l *lexer) name(i, open int, quote byte) (kind, int) {
	if end := l.quote(open, quote, false); end >= 0 {
		return quoted, end
	}
	l.missing = "quoted name"
	return broken, len(l.text)
}

// quote returns where what begins at open ends, or -1. A quote is doubled to be part of it, except ].
func (l *lexer) quote(open int, quote byte, backslash bool) int {
	for i := open + 1; ; i++ {
		if backslash {
			for i < len(l.text) && l.text[i] != quote {
				if l.text[i] == '\\' {
					i++
				}
				i++
			}
		} else if n := strings.IndexByte(l.text[i:], quote); n >= 0 {
			i += n
		} else {
			i = len(l.text)
		}
		if i >= len(l.text) {
			l.short = true
			return -1
		}
		i++
		if quote == ']' || l.at(i) != quote {
			return i
		}
	}
}

// continued returns where the next part of a string begins that ended at i, or -1. Only space with a line's end, and
// comments to a line's end, may be between.
func (l *lexer) continued(i int) int {
	line := false
	for {
		switch c := l.at(i); {
		case c == '\n' || c == '\r':
			line = true
			i++
		case isSpace(c):
			i++
		case c == '-' && l.at(i+1) == '-':
			i = l.lineEnd(i)
		case c == '\'' && line:
			return i
		default:
			return -1
		}
	}
}

// dollarQuote reads $tag$ … $tag$.
func (l *lexer) dollarQuote(i int) (kind, int) {
	end := i + 1
	if isNameStart(l.at(end)) {
		end = l.run(end, func(c byte) bool { return isNamePart(c) && c != '$' })
	}
	if l.at(end) != '$' {
		return op, i + 1
	}
	tag := l.text[i : end+1]
	n := strings.Index(l.text[end+1:], tag)
	if n < 0 {
		l.short, l.missing = true, "string"
		return broken, len(l.text)
	}
	return literal, end + 1 + n + len(tag)
}

// lineEnd returns the end of the line.
func (l *lexer) lineEnd(i int) int {
	ends := "\n"
	if l.d.returnEnds {
		ends = "\r\n"
	}
	if n := strings.IndexAny(l.text[i:], ends); n >= 0 {
		return i + n
	}
	l.short = true
	return len(l.text)
}

// comment reads /* … */, or the beginning of code that only looks like a comment.
func (l *lexer) comment(i int) (kind, int) {
	if l.d.conditional {
		at := i + 2
		if l.at(at) == 'M' {
			at++
		}
		if l.at(at) == '!' && !l.has(at+1, "999999") { // that version never comes: mariadb-dump writes notes so
			if l.code++; l.code == 1 {
				l.codeAt = i
			}
			return codeBegin, l.run(at+1, isDigit)
		}
	}
	depth := 1
	for at := i + 2; ; {
		n := strings.IndexByte(l.text[at:], '*')
		switch {
		case n < 0:
			l.short, l.missing = true, "comment"
			return broken, len(l.text)
		case l.d.nested && n > 0 && l.text[at+n-1] == '/':
			depth++
			at += n + 1
		case l.at(at+n+1) != '/':
			at += n + 1
		default:
			at += n + 2
			if depth--; depth == 0 {
				return comment, at
			}
		}
	}
}

func isSpace(c byte) bool     { return c == ' ' || c-'\t' < 5 }
func isDigit(c byte) bool     { return c-'0' < 10 }
func isNameStart(c byte) bool { return c|0x20-'a' < 26 || c == '_' || c >= 0x80 }
func isNamePart(c byte) bool  { return isNameStart(c) || isDigit(c) || c == '$' }
