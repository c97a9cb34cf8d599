package lang

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/plinthdb/plinth/internal/sqltext"
)

// reader walks over a text. Its methods panic with *SyntaxError, which catch takes.
type reader struct {
	text string
	pos  int
}

// fail ends the reading with an error at a byte of the text.
func (r *reader) fail(at int, format string, args ...any) {
	line, col := sqltext.Position(r.text, at)
	panic(&SyntaxError{Line: line, Column: col, Offset: at, Text: fmt.Sprintf(format, args...)})
}

// catch turns the panic of fail into an error.
func catch(err *error) {
	switch p := recover().(type) {
	case nil:
	case *SyntaxError:
		*err = p
	default:
		panic(p)
	}
}

// space skips white space and comments.
func (r *reader) space() {
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f':
			r.pos++
		case strings.HasPrefix(r.text[r.pos:], "//"):
			r.pos += lineLength(r.text[r.pos:])
		case strings.HasPrefix(r.text[r.pos:], "/*"):
			n := strings.Index(r.text[r.pos+2:], "*/")
			if n < 0 {
				r.fail(r.pos, "the comment that begins here never ends")
			}
			r.pos += n + 4
		case c >= utf8.RuneSelf:
			ch, n := utf8.DecodeRuneInString(r.text[r.pos:])
			if ch != '\ufeff' && !unicode.IsSpace(ch) && ch != '\u2028' && ch != '\u2029' {
				return
			}
			r.pos += n
		default:
			return
		}
	}
}

// lineLength returns how long the line is that s begins with, without its end.
func lineLength(s string) int {
	if n := strings.IndexAny(s, "\n\r"); n >= 0 {
		return n
	}
	return len(s)
}

// peek skips space and returns the next byte, 0 at the end.
func (r *reader) peek() byte {
	r.space()
	if r.pos == len(r.text) {
		return 0
	}
	return r.text[r.pos]
}

// take takes the byte if it comes next.
func (r *reader) take(c byte) bool {
	if r.peek() != c || r.pos == len(r.text) {
		return false
	}
	r.pos++
	return true
}

// expect takes the byte or fails.
func (r *reader) expect(c byte, context string) {
	if !r.take(c) {
		r.fail(r.pos, "%s is missing %s, before %s", printable(c), context, r.seen())
	}
}

// seen says what comes next, for messages. Of strings and numbers it doesn't show what is in them.
func (r *reader) seen() string {
	switch c := r.peek(); {
	case r.pos == len(r.text):
		return "the end"
	case c == '"' || c == '\'' || c == '`':
		return "a string"
	case c >= '0' && c <= '9':
		return "a number"
	case isWordStart(rune(c)):
		return clip(r.text[r.pos : r.pos+r.wordLength(r.pos)])
	case c >= utf8.RuneSelf:
		return "a character outside of strings"
	default:
		return printable(c)
	}
}

func printable(c byte) string {
	if c < ' ' || c >= 0x7f {
		return fmt.Sprintf("the byte 0x%02x", c)
	}
	return string(rune(c))
}

// clip shortens a word or a path for a message.
func clip(s string) string {
	const most = 120
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func isWordStart(c rune) bool {
	return c == '_' || c == '$' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf && unicode.IsLetter(c)
}

func isWordPart(c rune) bool {
	return isWordStart(c) || '0' <= c && c <= '9' || c >= utf8.RuneSelf && (unicode.IsDigit(c) || unicode.IsMark(c))
}

// wordLength returns the length of the JavaScript identifier at a byte, 0 if there is none.
func (r *reader) wordLength(at int) int {
	n := 0
	for i, c := range r.text[at:] {
		if i == 0 && !isWordStart(c) || !isWordPart(c) || c == utf8.RuneError {
			break
		}
		n = i + utf8.RuneLen(c)
	}
	return n
}

// word takes an identifier, "" if none comes next.
func (r *reader) word() string {
	r.space()
	n := r.wordLength(r.pos)
	r.pos += n
	return r.text[r.pos-n : r.pos]
}

// str takes a string in single, double or back quotes, with the escapes of JavaScript
// (ECMA-262, "String Literals" and "Template Literals").
func (r *reader) str() string {
	start := r.pos
	quote := r.text[start]
	r.pos++
	var out strings.Builder
	from := r.pos // what isn't copied yet
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == quote:
			plain := r.text[from:r.pos]
			r.pos++
			if out.Len() > 0 {
				out.WriteString(plain)
				plain = out.String()
			}
			if !utf8.ValidString(plain) {
				r.fail(start, "the string isn't UTF-8; write bytes as BinData(0, \"…\")")
			}
			return plain
		case c == '\\':
			out.WriteString(r.text[from:r.pos])
			r.escape(&out)
			from = r.pos
		case (c == '\n' || c == '\r') && quote != '`':
			r.fail(start, `the string that begins here doesn't end on its line; write \n for a line break`)
		case quote == '`' && strings.HasPrefix(r.text[r.pos:], "${"):
			r.fail(r.pos, "${…} in a string isn't evaluated; bind the value with ? or :name")
		default:
			r.pos++
		}
	}
	r.fail(start, "the string that begins here never ends")
	return ""
}

// escape takes the escape that begins with a backslash.
func (r *reader) escape(out *strings.Builder) {
	at := r.pos
	r.pos++
	c, n := utf8.DecodeRuneInString(r.text[r.pos:])
	if n == 0 {
		return // the string never ends, which the caller finds
	}
	r.pos += n
	switch c {
	case 'n':
		c = '\n'
	case 't':
		c = '\t'
	case 'r':
		c = '\r'
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'v':
		c = '\v'
	case '0', '1', '2', '3', '4', '5', '6', '7':
		if c != '0' || r.pos < len(r.text) && r.text[r.pos] >= '0' && r.text[r.pos] <= '9' {
			r.fail(at, `octal escapes aren't taken; write \x41 or \u0041`)
		}
		c = 0
	case 'x':
		c = r.hex(at, 2)
	case 'u':
		c = r.unicodeEscape(at)
	case '\r':
		if r.pos < len(r.text) && r.text[r.pos] == '\n' {
			r.pos++
		}
		return // a line that goes on
	case '\n', '\u2028', '\u2029':
		return
	case utf8.RuneError:
		if n == 1 {
			r.fail(at, "the string isn't UTF-8; write bytes as BinData(0, \"…\")")
		}
	}
	out.WriteRune(c)
}

// hex takes so many hexadecimal digits of the escape at a byte.
func (r *reader) hex(at, digits int) rune {
	var v rune
	for range digits {
		if r.pos == len(r.text) {
			r.fail(at, "the escape has too few hexadecimal digits")
		}
		d := hexDigit(r.text[r.pos])
		if d < 0 {
			r.fail(at, "the escape has too few hexadecimal digits")
		}
		v = v<<4 | rune(d)
		r.pos++
	}
	return v
}

// unicodeEscape takes what follows \u: four digits, twice for a surrogate pair, or digits in braces.
func (r *reader) unicodeEscape(at int) rune {
	if r.pos < len(r.text) && r.text[r.pos] == '{' {
		r.pos++
		var v rune
		for n := 0; ; n++ {
			if n > 0 && r.pos < len(r.text) && r.text[r.pos] == '}' {
				r.pos++
				break
			}
			if v = v<<4 | r.hex(at, 1); v > unicode.MaxRune {
				r.fail(at, "the escape is beyond the last character, U+10FFFF")
			}
		}
		if v >= 0xd800 && v < 0xe000 {
			r.fail(at, "the escape is half a surrogate pair")
		}
		return v
	}
	v := r.hex(at, 4)
	if v < 0xd800 || v >= 0xe000 {
		return v
	}
	if v < 0xdc00 && strings.HasPrefix(r.text[r.pos:], `\u`) {
		r.pos += 2
		if low := r.hex(at, 4); low >= 0xdc00 && low < 0xe000 {
			return (v-0xd800)<<10 + (low - 0xdc00) + 0x10000
		}
	}
	r.fail(at, "the escape is half a surrogate pair")
	return 0
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
