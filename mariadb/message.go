package mariadb

import (
	"strings"
	"unicode/utf8"
)

// The server tells the place of an error only in its message. Messages are read in English, which is what lc_messages is
// unless a server was set up otherwise; in other languages the names between quotes are still at the same places mostly, and
// where they aren't, none are told.

// place returns the constraint, table and column that a message names.
func place(e *ServerError) (constraint, table, column string) {
	m := e.Message
	switch e.Number {
	case duplicateEntry, 1586, 1859, 1761: // Duplicate entry '1-a' for key 'name'; MySQL says 'table.name'
		at := strings.LastIndex(strings.TrimSuffix(m, "'"), "'")
		if at < 0 || !strings.HasSuffix(m, "'") {
			return "", "", ""
		}
		constraint = m[at+1 : len(m)-1]
		if of, key, ok := strings.Cut(constraint, "."); ok {
			table, constraint = of, key
		}
	case 1451, 1452: // …: a foreign key constraint fails (`db`.`child`, CONSTRAINT `name` FOREIGN KEY (`a`) REFERENCES `parent` (`b`))
		_, m, _ = strings.Cut(m, "(")
		table, m = dotted(m)
		if _, after, ok := strings.Cut(m, "CONSTRAINT "); ok {
			constraint, _ = dotted(after)
		}
	case 4025: // CONSTRAINT `name` failed for `db`.`table`; of a column's own check the name is `table`.`column`
		_, after, _ := strings.Cut(m, "CONSTRAINT ")
		constraint, m = dotted(after)
		_, after, _ = strings.Cut(m, "for ")
		table, _ = dotted(after)
	case 3819: // MySQL: Check constraint 'name' is violated.
		constraint = between(m, "'")
	case 1048, 1364, 1263, 1406, 1264, 1265, 1423: // Column 'name' cannot be null; Field 'name' doesn't have a default value
		column = between(m, "'")
	case 1146, 1050, 1051: // Table 'db.name' doesn't exist
		table = between(m, "'")
	case 1054: // Unknown column 'name' in 'field list'
		column = between(m, "'")
	case 1366, 1292: // Incorrect integer value: 'x' for column `db`.`table`.`name` at row 1; the value may hold anything
		if at := strings.LastIndex(m, "for column `"); at >= 0 {
			name, _ := dotted(m[at+len("for column "):])
			if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
				table, column = name[:dot], name[dot+1:]
			} else {
				column = name
			}
		}
	}
	return constraint, table, column
}

// between returns what stands between the first two quotes.
func between(m, quote string) string {
	_, m, _ = strings.Cut(m, quote)
	name, _, ok := strings.Cut(m, quote)
	if !ok {
		return ""
	}
	return name
}

// dotted reads `a`.`b`, returns a.b and what follows. Within the quotes a ` is doubled.
func dotted(m string) (name, rest string) {
	var b strings.Builder
	for strings.HasPrefix(m, "`") {
		m = m[1:]
		for {
			part, after, ok := strings.Cut(m, "`")
			if !ok {
				return "", ""
			}
			b.WriteString(part)
			m = after
			if !strings.HasPrefix(m, "`") {
				break
			}
			b.WriteByte('`')
			m = m[1:]
		}
		if !strings.HasPrefix(m, ".`") {
			break
		}
		b.WriteByte('.')
		m = m[1:]
	}
	return b.String(), m
}

// shownMessage returns the message without the values that it quotes.
func shownMessage(e *ServerError) string {
	m := e.Message
	switch {
	case e.Number == duplicateEntry, e.Number == 1586: // the key's name is the last that is quoted
		if end := strings.LastIndex(strings.TrimSuffix(m, "'"), " '"); end >= 0 && strings.Count(m[:end], "'") > 1 {
			return withoutFirst(m, end)
		}
		return withoutFirst(m, len(m))
	case e.Number == 1064: // … near 'the rest of the statement' at line 1
		end := strings.LastIndex(m, "'")
		start := strings.Index(m, "near '")
		if start < 0 || end < start+len("near '") {
			return m
		}
		if near := m[start+len("near '") : end]; strings.ContainsAny(near, "'\"$0123456789") {
			return m[:start+len("near '")] + "…" + m[end:]
		}
		return m
	case e.Number == 1366, e.Number == 1292, e.Number == 1525, e.Number == 1411, e.Number == 1300, e.Number == 1690, e.Number == 1367,
		e.Number == 1231, strings.HasPrefix(e.State, "22") && e.Number != 1406 && e.Number != 1264 && e.Number != 1365:
		end := len(m)
		if at := strings.LastIndex(m, "for column "); at >= 0 {
			end = at
		}
		return withoutFirst(m, end)
	}
	return m
}

// withoutFirst returns m without what stands between the first quote and the last one before end, for a value may have
// quotes in it.
func withoutFirst(m string, end int) string {
	if end < 0 {
		return m
	}
	first, last := strings.IndexByte(m[:end], '\''), strings.LastIndexByte(m[:end], '\'')
	if first < 0 {
		return m
	}
	if last == first {
		return m[:first+1] + "…" + m[end:]
	}
	return m[:first+1] + "…" + m[last:]
}

// position returns where in a statement a syntax error begins, 1-based in characters: the message quotes what follows, up to 80
// characters of it. 0: it doesn't, or that comes twice.
func position(statement, message string) int {
	start, end := strings.Index(message, "near '"), strings.LastIndex(message, "' at line ")
	if start < 0 || end < start+len("near '") {
		return 0
	}
	near := message[start+len("near '") : end]
	at := strings.Index(statement, near)
	if strings.HasSuffix(statement, near) { // all that follows
		at = len(statement) - len(near)
	} else if at != strings.LastIndex(statement, near) {
		return 0
	}
	if near == "" || at < 0 {
		return 0
	}
	return utf8.RuneCountInString(statement[:at]) + 1
}
