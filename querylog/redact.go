package querylog

import (
	"fmt"
	"strconv"
	"strings"
)

// Bounds of what a record shows. A log is read by people, and a bound value may have 100 MB.
const (
	maxText = 2000 // bytes of a statement
	maxArgs = 16   // arguments
	maxArg  = 64   // bytes of an argument
)

// redact returns a statement of an unknown dialect without its literals and comments. Where dialects disagree on
// where a literal ends, everything from there is left out: showing too little is the safe mistake.
func redact(text string) string {
	const left = "… (rest left out)"
	text = strings.TrimSpace(text)
	mongosh := strings.HasPrefix(text, "db.") // JavaScript, which has literals in `…` and /…/
	var out strings.Builder
	for text != "" && out.Len() <= maxText {
		n, shown := 1, text[:1]
		switch c := text[0]; {
		case c == '\'' || c == '"':
			n, shown = quoted(text), "?"
		case c == '#' || mongosh && (c == '`' || c == '/'): // a comment in MariaDB, an operator in PostgreSQL
			n = unclear
		case c == '`':
			if n = quoted(text); n > 0 {
				shown = text[:n]
			}
		case c == '[':
			n = bracket(text)
		case c == '$':
			n, shown = dollar(text)
		case strings.HasPrefix(text, "--"):
			n, shown = lineComment(text), " "
		case strings.HasPrefix(text, "/*"):
			n, shown = blockComment(text), " "
		case space(c):
			n, shown = length(text, space), " "
		case digit(c):
			n, shown = number(text), "?"
		case c == '?': // and ?1
			n = 1 + length(text[1:], digit)
			shown = text[:n]
		case letter(c):
			n = length(text, word)
			shown = text[:n]
		}
		if n == unclear {
			return out.String() + left
		}
		if shown != " " || !strings.HasSuffix(out.String(), " ") {
			out.WriteString(shown)
		}
		text = text[n:]
	}
	return cut(strings.TrimSpace(out.String()), maxText)
}

// unclear is the length of what ends in different places in different dialects, or doesn't end.
const unclear = -1

// quoted returns the length of what is in quotes. A backslash before a quote escapes it in one dialect and not in
// another.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] != s[0] {
			continue
		}
		if s[i-1] == '\\' {
			return unclear
		}
		if i+1 == len(s) || s[i+1] != s[0] {
			return i + 1
		}
		i++ // doubled: a quote within
	}
	return unclear
}

// bracket looks past a bracket: what is a quote or a comment in PostgreSQL's ARRAY[…] may be part of a name in
// SQLite's […].
func bracket(s string) int {
	inside, _, closed := strings.Cut(s, "]")
	if !closed || strings.Contains(inside, "--") || strings.Contains(inside, "/*") {
		return unclear
	}
	for _, q := range []string{"'", `"`, "`"} {
		if strings.Count(inside, q)%2 != 0 {
			return unclear
		}
	}
	return 1
}

// dollar tells PostgreSQL's $tag$…$tag$ from $1 and from names that begin with a dollar. To the others it may be two
// names, and a quote between them the beginning of a literal.
func dollar(s string) (n int, shown string) {
	n = 1 + length(s[1:], func(c byte) bool { return letter(c) || digit(c) })
	if n == len(s) || s[n] != '$' || digit(s[1]) {
		return n, s[:n]
	}
	tag := s[:n+1]
	inside, _, closed := strings.Cut(s[len(tag):], tag)
	if !closed || strings.ContainsAny(inside, "'\"`#-/") {
		return unclear, ""
	}
	return len(inside) + 2*len(tag), "?"
}

// lineComment: MariaDB wants a space after the dashes, and only PostgreSQL ends the line at a lone \r.
func lineComment(s string) int {
	if len(s) > 2 && !space(s[2]) {
		return unclear
	}
	end := strings.IndexAny(s, "\r\n")
	switch {
	case end < 0:
		return len(s)
	case s[end] == '\r' && !strings.HasPrefix(s[end:], "\r\n"):
		return unclear
	}
	return end
}

// blockComment: PostgreSQL's nest, MariaDB runs what is in /*! … */.
func blockComment(s string) int {
	inside, _, closed := strings.Cut(s[2:], "*/")
	if !closed || strings.Contains(inside, "/*") || strings.HasPrefix(inside, "!") || strings.HasPrefix(inside, "M!") {
		return unclear
	}
	return len(inside) + len("/**/")
}

// number takes more than a number rather than less: 0x1F, 1.5e-3 and 1_000 are one.
func number(s string) int {
	n := length(s, func(c byte) bool { return word(c) || c == '.' })
	if n < len(s) && (s[n] == '-' || s[n] == '+') && s[n-1]|0x20 == 'e' {
		n += 1 + length(s[n+1:], word)
	}
	return n
}

func length(s string, of func(byte) bool) int {
	n := 0
	for n < len(s) && of(s[n]) {
		n++
	}
	return n
}

func space(c byte) bool  { return c == ' ' || '\t' <= c && c <= '\r' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= 0x80 }
func word(c byte) bool   { return letter(c) || digit(c) || c == '$' }

// cut shortens s to n bytes, not within a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// redactArgs returns "2 redacted (int64, string)".
func redactArgs(args []any) string {
	return fmt.Sprintf("%d redacted (%s)", len(args), list(args, func(a any) string { return fmt.Sprintf("%T", a) }))
}

// showArgs returns the arguments themselves, shortened.
func showArgs(args []any) string {
	return list(args, func(a any) string {
		switch v := a.(type) {
		case string:
			return strconv.Quote(cut(v, maxArg))
		case []byte:
			return fmt.Sprintf("%d bytes", len(v))
		}
		return cut(fmt.Sprint(a), maxArg)
	})
}

func list(args []any, show func(any) string) string {
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == maxArgs {
			b.WriteString("…")
			break
		}
		b.WriteString(show(a))
	}
	return b.String()
}
