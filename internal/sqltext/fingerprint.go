package sqltext

import (
	"strings"
	"unicode/utf8"
)

// maxFingerprint is how long a fingerprint gets, in bytes.
const maxFingerprint = 1000

// Fingerprint returns text without literals, comments and superfluous space, so that statements that differ in values
// only are the same: numbers, strings and placeholders are ?, what is in IN (…) is (?), rows of VALUES are (…), and
// where it is too long it ends in …. It takes any text, and of what never ends it shows nothing.
func Fingerprint(text string, d Dialect) string {
	f := printer{lex: lexer{text: strings.TrimPrefix(text, bom), d: &d}}
	f.out.Grow(min(len(text), maxFingerprint))
	for f.out.Len() <= maxFingerprint {
		t := f.next()
		if t.kind == eof || t.kind == broken && f.lex.missing == "comment" {
			break
		}
		f.write(t)
		if t.kind == broken {
			break
		}
	}
	out := strings.ToValidUTF8(f.out.String(), "\ufffd")
	if len(out) <= maxFingerprint {
		return out
	}
	cut := maxFingerprint - len("…")
	for !utf8.RuneStart(out[cut]) {
		cut--
	}
	return out[:cut] + "…"
}

type printer struct {
	lex  lexer
	out  strings.Builder
	end  int    // of the last token
	last string // that token
	verb string
}

// next returns the next token that isn't a comment.
func (f *printer) next() token {
	for {
		switch t := f.lex.next(); t.kind {
		case comment, codeBegin, codeEnd:
		default:
			return t
		}
	}
}

func (f *printer) write(t token) {
	text := f.lex.text[t.start:t.end]
	if f.out.Len() > 0 && t.start > f.end {
		f.out.WriteByte(' ')
	}
	f.end = t.end
	switch t.kind {
	case literal, number, question, numbered, named, broken:
		text = "?"
	case quoted:
		if f.mayBeString(text) {
			text = "?"
		}
	case word:
		if f.verb == "" {
			f.verb = strings.ToUpper(text)
		}
	}
	f.out.WriteString(text)
	switch {
	case t.kind != word:
	case strings.EqualFold(text, "IN"):
		f.list("(?)", f.values)
	case strings.EqualFold(text, "VALUES"):
		f.list("(…)", f.rows)
	}
	f.last = text
}

// mayBeString reports whether SQLite could take ".." for a string: it does so where no column has that name.
func (f *printer) mayBeString(text string) bool {
	if !f.lex.d.bracket || text[0] != '"' {
		return false
	}
	switch f.last {
	case "=", "<", ">":
		return true
	}
	return f.verb == "PRAGMA" || f.verb == "ATTACH"
}

// list writes short for what skip moves the lexer over, if it does.
func (f *printer) list(short string, skip func() bool) {
	before, end := f.lex, f.end
	if !skip() {
		f.lex, f.end = before, end
		return
	}
	f.out.WriteString(" " + short)
	f.end = f.lex.pos
}

// values skips a parenthesis with nothing but values in it.
func (f *printer) values() bool {
	depth, some := 0, false
	for {
		t := f.next()
		switch t.kind {
		case literal, number, question, numbered, named:
			some = true
		case word:
			switch strings.ToUpper(f.lex.text[t.start:t.end]) {
			case "NULL", "TRUE", "FALSE":
			default:
				return false
			}
		case op:
			switch f.lex.text[t.start:t.end] {
			case "(":
				depth++
			case ")":
				depth--
			case ",", "-", "+":
			default:
				return false
			}
		default:
			return false
		}
		if depth == 0 {
			return some
		}
	}
}

// rows skips (…), (…).
func (f *printer) rows() bool {
	some := false
	for {
		before := f.lex
		if some && !f.is(f.next(), ",") {
			f.lex = before
			return true
		}
		if !f.is(f.next(), "(") {
			f.lex = before
			return some
		}
		for depth := 1; depth > 0; {
			t := f.next()
			switch {
			case t.kind == eof || t.kind == broken:
				return true
			case f.is(t, "("):
				depth++
			case f.is(t, ")"):
				depth--
			}
		}
		some = true
	}
}

func (f *printer) is(t token, text string) bool {
	return t.kind == op && f.lex.text[t.start:t.end] == text
}
