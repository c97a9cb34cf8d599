package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/internal/sqltext"
)

// copyFrom loads the rows of a COPY … FROM stdin, all of them or none. It returns where an error is to be looked for.
func (s *script) copyFrom(ctx context.Context, st sqltext.Statement) (at sqltext.Statement, err error) {
	table, columns, ok := takeCopy(st.Text)
	if !ok {
		return st, &hinted{
			err:  errors.New("rows can be read for COPY table (columns) FROM stdin without options"),
			hint: "dump with pg_dump, which writes it like this, or with pg_dump --inserts",
		}
	}
	alone := s.tx == nil
	if alone {
		if err := s.begin(ctx, st); err != nil {
			return st, err
		}
	}
	insert, fields, err := copyInsert(ctx, s.tx, table, columns)
	if err != nil {
		return st, err
	}
	rows := copyRows{from: st.Rows, fields: fields}
	_, err = s.tx.ExecuteMany(ctx, insert, rows.all)
	s.pending++
	var e *plinth.Error
	switch {
	case rows.err != nil && rows.line == 0: // the splitter's own
		return sqltext.Statement{}, rows.err
	case rows.err != nil:
		st.Line, st.Col = rows.line, 1
		return st, rows.err
	case errors.As(err, &e) && e.Row > 0:
		st.Line, st.Col = rows.first+e.Row-1, 1
		return st, err
	case err == nil && alone:
		err = s.commit(ctx)
	}
	return st, err
}

// takeCopy takes COPY table (columns) FROM stdin apart.
func takeCopy(text string) (table string, columns []string, ok bool) {
	const name = `(?:"(?:[^"]|"")+"|[^\s",.()]+)`
	m := regexp.MustCompile(`(?is)^COPY\s+(` + name + `(?:\.` + name + `)*)\s*(?:\((\s*` + name + `\s*(?:,\s*` + name + `\s*)*)\))?\s*FROM\s+STDIN$`).
		FindStringSubmatch(text)
	if m == nil {
		return "", nil, false
	}
	return m[1], regexp.MustCompile(name).FindAllString(m[2], -1), true
}

// copyInsert returns an INSERT for what a COPY loads, and how many fields its rows have. A COPY without columns loads all
// that aren't generated, and every COPY loads what an INSERT has to be told to override. Each value goes to the server as the
// text that it is, for the same function of its type to read that reads a COPY's.
func copyInsert(ctx context.Context, db plinth.Querier, table string, columns []string) (insert string, fields int, err error) {
	there, err := postgresColumns(ctx, db, table)
	if err != nil {
		return "", 0, err
	}
	overriding, all, types := "", []string{}, map[string]string{}
	for _, column := range there {
		all = append(all, column.Quoted)
		types[column.Name] = column.Type
		if column.Always {
			overriding = overridingSystem
		}
	}
	if len(all) == 0 {
		return "", 0, fmt.Errorf("the table %s isn't there, or has no columns", table)
	}
	if columns == nil {
		columns = all
	}
	values := make([]string, len(columns))
	for i, column := range columns {
		typ, ok := types[unquoted(column)]
		if !ok {
			return "", 0, fmt.Errorf("the table %s has no column %s, or one that is generated", table, column)
		}
		values[i] = "$" + strconv.Itoa(i+1) + "::text::" + typ
	}
	insert = "insert into " + table + " (" + strings.Join(columns, ", ") + ")" + overriding + " values (" + strings.Join(values, ", ") + ")"
	return insert, len(columns), nil
}

// overridingSystem is what an INSERT says that gives values to columns which are always generated.
const overridingSystem = " overriding system value"

// postgresColumn is a column that can be loaded.
type postgresColumn struct {
	Name, Quoted, Type string
	Always             bool // generated always as identity
}

// postgresColumns returns the columns of a table, which is given as SQL writes it, none if it isn't there.
func postgresColumns(ctx context.Context, db plinth.Querier, table string) ([]postgresColumn, error) {
	const query = `select attname as name, pg_catalog.quote_ident(attname) as quoted, attidentity = 'a' as always,
		pg_catalog.format_type(atttypid, -1) as type from pg_catalog.pg_attribute
		where attrelid = pg_catalog.to_regclass(?) and attnum > 0 and not attisdropped and attgenerated = '' order by attnum`
	return plinth.All[postgresColumn](ctx, db, query, table)
}

// unquoted returns the name that SQL means.
func unquoted(name string) string {
	if inner, ok := strings.CutPrefix(name, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	return strings.ToLower(name)
}

// copyRows takes the rows of a COPY apart.
type copyRows struct {
	from   iter.Seq2[sqltext.Row, error]
	fields int
	first  int   // line
	line   int   // of the one that is wrong, 0 if it wasn't read
	err    error // what is wrong
}

func (c *copyRows) all(yield func([]any) bool) {
	for row, err := range c.from {
		var fields []any
		if err == nil {
			fields, err = copyFields(row.Text)
		}
		if err == nil && len(fields) != c.fields {
			err = fmt.Errorf("the row has %s, and not %d", count(int64(len(fields)), "field"), c.fields)
		}
		if c.first == 0 {
			c.first = row.Line
		}
		if err != nil {
			c.line, c.err = row.Line, err
			return
		}
		if !yield(fields) {
			return
		}
	}
}

// copyFields returns the fields of a row of COPY's text format: strings, and nil for NULL
// (https://www.postgresql.org/docs/current/sql-copy.html, "Text Format").
func copyFields(line string) (fields []any, err error) {
	for {
		field, rest, more, err := copyField(line)
		if err != nil {
			return nil, err
		}
		fields = append(fields, field)
		if !more {
			return fields, nil
		}
		line = rest
	}
}

func copyField(line string) (field any, rest string, more bool, err error) {
	end := strings.IndexAny(line, "\t\\")
	if end < 0 {
		return line, "", false, nil
	}
	if line[end] == '\t' {
		return line[:end], line[end+1:], true, nil
	}
	b := []byte(line[:end])
	for i := end; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\t':
			return copyValue(line[:i], b), line[i+1:], true, nil
		case c != '\\':
			b = append(b, c)
			continue
		case i+1 == len(line):
			return nil, "", false, errors.New("the row ends with a backslash")
		}
		i++
		switch c = line[i]; {
		case strings.IndexByte("bfnrtv", c) >= 0:
			b = append(b, "\b\f\n\r\t\v"[strings.IndexByte("bfnrtv", c)])
		case c == 'x' && i+1 < len(line) && isHex(line[i+1]):
			n := 1
			for n < 2 && i+1+n < len(line) && isHex(line[i+1+n]) {
				n++
			}
			v, _ := strconv.ParseUint(line[i+1:i+1+n], 16, 8)
			b, i = append(b, byte(v)), i+n
		case '0' <= c && c <= '7':
			n := 1
			for n < 3 && i+n < len(line) && '0' <= line[i+n] && line[i+n] <= '7' {
				n++
			}
			v, _ := strconv.ParseUint(line[i:i+n], 8, 16)
			b, i = append(b, byte(v)), i+n-1
		default:
			b = append(b, c)
		}
	}
	return copyValue(line, b), "", false, nil
}

// copyValue is NULL for \N alone.
func copyValue(written string, read []byte) any {
	if written == `\N` {
		return nil
	}
	return string(read)
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }
