package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/postgres/internal/pgvalue"
)

// copying is how a plain INSERT is said as COPY.
type copying struct {
	text   string // COPY … FROM STDIN
	fields int
}

// copySavepoint is where a chunk of COPY begins, so that its rows can be sent one by one if it fails and doesn't say at
// which.
const copySavepoint = "plinth_copy"

// copying returns how the INSERT of a request is copied, and the types of its columns; or nil if it has to run as it is,
// because COPY would do something else than INSERT with that table. Then a view has no rows, policies refuse, rules don't
// apply, and what is generated always could be given.
//
// COPY in binary takes the bytes for what the column is: it converts nothing. So this is asked for each call, in its
// transaction, by having the server parse the INSERT, which locks the table against changes of its columns until the end.
func (s *session) copying(ctx context.Context, req *driver.Request, params int) (*copying, []uint32, *driver.Fault) {
	table, columns, ok := plainInsert(s.back.insert(), req.Native, params)
	if !ok {
		return nil, nil, nil
	}
	s.out = s.out[:0]
	s.running = running{stmt: req.Stmt, text: req.Native, phase: driver.Prepare, begin: s.appendBegin()}
	s.out = appendSync(appendDescribe(appendParse(s.out, "", req.Native, nil), 'S', ""))
	if f := s.flush(ctx, 1); f != nil {
		return nil, nil, f
	}
	var d description
	if f := s.describe(ctx, &d); f != nil {
		return nil, nil, f
	}
	rows, f := s.ask(ctx, driver.Prepare, "SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass("+literal(table)+") "+
		"AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND NOT c.relhasrules AND NOT EXISTS (SELECT 1 "+
		"FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped AND (a.attidentity = 'a' OR a.attgenerated <> '') "+
		"AND a.attname IN ("+columnNames(columns)+"))")
	if f != nil || len(rows) != 1 {
		return nil, nil, f
	}
	return &copying{"COPY " + table + " (" + columns + ") FROM STDIN (FORMAT binary)", params}, d.params, nil
}

// plain reports whether a text may be a plain INSERT, at little cost.
func plain(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	return len(text) > 6 && strings.EqualFold(text[:6], "insert")
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// insertPattern returns what plainInsert matches with.
func insertPattern() *regexp.Regexp {
	const name = `(?:"(?:[^"\\]|"")+"|[\pL_][\pL\pN_$]*)`
	const dotted = name + `(?:\s*\.\s*` + name + `)*`
	return regexp.MustCompile(`(?is)^\s*insert\s+into\s+(` + dotted + `)\s*\((\s*` + name + `\s*(?:,\s*` + name + `\s*)*)\)\s*` +
		`values\s*\(([\s$0-9,]+)\)\s*;?\s*$`)
}

// plainInsert takes a text apart that is INSERT INTO table (columns) VALUES ($1, $2, …) and nothing else.
func plainInsert(insert *regexp.Regexp, text string, params int) (table, columns string, ok bool) {
	m := insert.FindStringSubmatch(text)
	if m == nil {
		return "", "", false
	}
	list := strings.Split(m[3], ",")
	for i, p := range list {
		if strings.TrimSpace(p) != "$"+strconv.Itoa(i+1) {
			return "", "", false
		}
	}
	return m[1], m[2], len(list) == params
}

// columnNames returns the names of a list of columns, as literals: what isn't quoted is in lower case.
func columnNames(columns string) string {
	var literals []string
	for rest := columns; rest != ""; {
		rest = strings.TrimLeft(rest, " \t\r\n\f\v,")
		var name string
		if strings.HasPrefix(rest, `"`) {
			end := 1
			for end < len(rest) && (rest[end] != '"' || strings.HasPrefix(rest[end:], `""`)) {
				if end++; rest[end-1] == '"' {
					end++
				}
			}
			name, rest = strings.ReplaceAll(rest[1:end], `""`, `"`), rest[min(end+1, len(rest)):]
		} else {
			end := strings.IndexAny(rest, " \t\r\n\f\v,")
			if end < 0 {
				end = len(rest)
			}
			name, rest = lower(rest[:end]), rest[end:]
		}
		if name != "" {
			literals = append(literals, literal(name))
		}
	}
	return strings.Join(literals, ", ")
}

// lower folds a name as PostgreSQL does in UTF8: ASCII's letters only.
func lower(name string) string {
	folded := []byte(name)
	for i, c := range folded {
		if c >= 'A' && c <= 'Z' {
			folded[i] = c + 'a' - 'A'
		}
	}
	return string(folded)
}

// copyHead is what a COPY in binary begins with
// (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format").
const copyHead = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// tuple adds a row to the chunk, unless it isn't copied: because of its statement, or because one of its values can't be
// said in binary.
func (b *bulk) tuple(args []any) (copied bool, f *driver.Fault) {
	if b.copy == nil || len(args) != b.copy.fields {
		return false, nil
	}
	if !b.copied {
		b.buf, _ = begin(b.buf[:0], 'd')
		b.buf = append(b.buf, copyHead...)
		b.copied = true
	}
	start := len(b.buf)
	out := binary.BigEndian.AppendUint16(b.buf, uint16(len(args)))
	for i, arg := range args {
		length := len(out)
		out = append(out, 0xff, 0xff, 0xff, 0xff)
		if arg == nil {
			continue
		}
		t := b.st.params[i]
		value, format, err := t.Encode(out, arg)
		switch {
		case err != nil:
			b.buf = out[:start]
			return false, wrongArgument(i, err)
		case value == nil:
			continue
		case format != pgvalue.Binary && !t.Same():
			b.buf = out[:start]
			return false, nil
		}
		out = value
		binary.BigEndian.PutUint32(out[length:], uint32(len(out)-length-4))
		if len(out)-start > maxMessage {
			b.buf = out[:start]
			return false, driver.Faultf(driver.TooLarge, "the row is longer than the gigabyte that PostgreSQL takes")
		}
	}
	b.buf = out
	b.starts = append(b.starts, start)
	return true, nil
}

// flushCopy sends the chunk. If it fails and nobody says at which row, its rows are sent again one by one: what they do
// is undone by whoever called.
func (b *bulk) flushCopy() *driver.Fault {
	s := b.s
	b.buf = append(b.buf, 0xff, 0xff) // the end
	binary.BigEndian.PutUint32(b.buf[1:], uint32(len(b.buf)-1))
	b.buf = append(b.buf, 'c', 0, 0, 0, 4) // CopyDone
	f := b.copyChunk()
	if f == nil || s.owed > 0 || s.Broken != nil || f.Code == "" {
		return f
	}
	if !ofItsRow(f) {
		return f
	}
	if row := copyLine(f); row > 0 {
		b.row = b.done + row
		return f
	}
	if s.status == 'E' && b.ctx.Err() == nil && s.control(b.ctx, driver.Run, "ROLLBACK TO SAVEPOINT "+copySavepoint) == nil {
		b.findRow(f)
	}
	return f
}

func (b *bulk) copyChunk() *driver.Fault {
	s := b.s
	s.StartCall(b.ctx)
	defer s.EndCall()
	s.out = s.out[:0]
	s.running = running{stmt: b.stmt, text: b.st.text, phase: driver.Run, begin: s.tx.due(), copying: true}
	set := "SAVEPOINT " + copySavepoint
	switch {
	case s.running.begin:
		set = s.tx.text() + "; " + set
	case b.saved:
		set = "RELEASE SAVEPOINT " + copySavepoint + "; " + set
	}
	// One message, so that nothing is copied, outside of the transaction, if what comes before it fails.
	s.out = appendQuery(s.out, set+"; "+b.copy.text)
	if f := s.flushWith(b.ctx, 1, b.buf); f != nil {
		return f
	}
	f := s.toEnd(b.ctx)
	b.saved = b.saved || f == nil
	return f
}

// findRow sends the chunk's rows as statements, to learn which of them fails.
func (b *bulk) findRow(f *driver.Fault) {
	for first := 0; first < len(b.starts); {
		var batch []byte
		n := 0
		for first+n < len(b.starts) && n < batchRows && len(batch) < batchBytes {
			end := len(b.buf)
			if first+n+1 < len(b.starts) {
				end = b.starts[first+n+1]
			}
			batch = appendExecute(appendTuple(batch, b.st, b.buf[b.starts[first+n]:end]))
			n++
		}
		completed, failed := b.send(appendSync(batch))
		if failed != nil {
			if failed.Code == f.Code && b.s.owed == 0 {
				b.row = b.done + first + completed + 1
			}
			return
		}
		first += n
	}
}

// appendTuple binds a row as COPY has it.
func appendTuple(dst []byte, st *prepared, tuple []byte) []byte {
	dst, start := begin(dst, 'B')
	dst = appendText(append(dst, 0), st.name)
	dst = append(dst, 0, 1, 0, 1) // one format for all: binary
	dst = append(dst, tuple[:2]...)
	at := 2
	for range st.params {
		size := int32(binary.BigEndian.Uint32(tuple[at:]))
		next := at + 4 + int(max(size, 0))
		dst = append(dst, tuple[at:next]...)
		at = next
	}
	return end(append(dst, st.formats...), start)
}

// copyLine returns the row at which COPY failed, or 0 if the server doesn't tell, or tells in another language.
func copyLine(f *driver.Fault) int {
	native, ok := errors.AsType[*pgconn.PgError](f.Err)
	if !ok {
		return 0
	}
	for line := range strings.Lines(native.Where) {
		rest, ok := strings.CutPrefix(line, "COPY ")
		if !ok {
			continue
		}
		if at := strings.LastIndex(rest, ", line "); at >= 0 {
			var row int
			if _, err := fmt.Sscanf(rest[at:], ", line %d", &row); err == nil {
				return row
			}
		}
	}
	return 0
}
