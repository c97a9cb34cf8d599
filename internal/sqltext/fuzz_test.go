package sqltext

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/plinthdb/plinth/driver"
)

// corpus is where fuzzing starts.
func corpus() []string {
	return []string{
		"SELECT a, 'it''s', \"b\", `c`, [d] FROM t WHERE e IN (?) AND f = ? -- g\n",
		"SELECT :a, :b /* :c */ IN (:a)", "SELECT @a, $b", "SELECT ?2, ?1", "SELECT $1, a ? $2, $$ $1 $$, $t$ x $t$", "a ?? ? [1:2] b::c := :d",
		"WITH x(a) AS (SELECT 1), y AS (VALUES (1, 2), (3, 4)) INSERT INTO z VALUES (0x1F, x'00', -1.5e+3)",
		"CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT CASE WHEN 1 THEN 2 END; IF 1 THEN 2; END IF; END; SELECT 1",
		"CREATE RULE a DO ALSO (SELECT 1; SELECT 2)", "BEGIN NOT ATOMIC a:LOOP b; END LOOP; END", "\ufeff/*!50000 SELECT 1 */; /*M!999999\\- x */",
		"DELIMITER //\nSELECT 1//\ndelimiter ;\nSELECT '\\'' # x\n", "\\c a;\n.mode b\nCOPY a FROM stdin;", "COPY a FROM stdin;\na\t\\N\n\n\\.\nSELECT 1;\nCOPY ab FROM STDIN;\r\n1\r\n\\.\n", "E'\\'' -- x\r\n '\\';' U&'x' N'y' 1..2 2a 1e-",
		"PRAGMA main.user_version = 1; ; EXPLAIN ANALYZE SELECT f(1)", "/* /* */ */ 'a", "--a\r;b", "SELECT ?1a, :ab:c, LIMIT?",
	}
}

// FuzzCompile checks that what compiles takes as many arguments as it says, and that the database will count as many
// placeholders in the native text as there are values.
func FuzzCompile(f *testing.F) {
	for _, text := range corpus() {
		f.Add(text, uint8(2))
	}
	f.Fuzz(func(t *testing.T, text string, length uint8) {
		for _, d := range dialects() {
			st, err := Compile(text, d)
			if err != nil {
				var fault *driver.Fault
				if !errors.As(err, &fault) || fault.Kind != driver.Syntax && fault.Kind != driver.Argument {
					t.Fatalf("%s: %T %v", d.name, err, err)
				}
				continue
			}
			b := st.Binder.(*binder)
			if st.Verb == "" || st.Access == driver.Read && st.Class != driver.Ordinary {
				t.Errorf("%s: verb %q, access %d, class %d", d.name, st.Verb, st.Access, st.Class)
			}
			args, values := make([]any, b.takes), map[string]any{}
			for i := range args {
				args[i] = make([]int, length%4)
			}
			for _, name := range b.names {
				values[name] = make([]int, length%4)
			}
			if b.names != nil {
				args = []any{values}
			}
			native, flat, err := b.Bind(args)
			if err != nil {
				t.Fatalf("%s: %v", d.name, err)
			}
			if n := places(native, d, b.style); n != len(flat) {
				t.Errorf("%s: %q has %d placeholders for %d values", d.name, native, n, len(flat))
			}
			if b.names == nil {
				if _, _, err := b.Bind(append(args, 1)); err == nil {
					t.Errorf("%s: one argument too many is taken", d.name)
				}
			}
		}
	})
}

// places counts the values that a native text takes.
func places(native string, d Dialect, style byte) (n int) {
	lex := lexer{text: native, d: &d}
	if style == 0 {
		return 0
	}
	var b block
	for {
		t := lex.next()
		switch t.kind {
		case eof:
			return n
		case comment, codeBegin, codeEnd:
			continue
		case question:
			if d.mark == '?' {
				n++
			}
		case doubled: // two names of MariaDB's without space between them
			if d.name == "mariadb" {
				n += 2
			}
		case numbered:
			i, _ := strconv.Atoi(native[t.start+1 : t.end])
			n = max(n, i)
		}
		if b.feed(t.kind, upper(native[t.start:t.end])); b.head == routine {
			return n
		}
	}
}

// FuzzStatements checks that a script is the same however it is read, and that each statement is where it is said to
// be.
func FuzzStatements(f *testing.F) {
	for _, text := range corpus() {
		f.Add(text + ";" + text)
	}
	f.Fuzz(func(t *testing.T, script string) {
		for _, d := range dialects() {
			var runs [3]string
			for i, r := range []io.Reader{
				strings.NewReader(script), iotest.OneByteReader(strings.NewReader(script)), iotest.DataErrReader(iotest.HalfReader(strings.NewReader(script))),
			} {
				var out strings.Builder
				read := int64(0)
				for st, err := range StatementsAndRows(r, d) {
					fmt.Fprintf(&out, "%d:%d %d %q %v %v\n", st.Line, st.Col, st.Bytes, st.Text, st.Meta, err)
					if err != nil {
						break
					}
					if st.Rows != nil && len(st.Text)%2 == 0 { // else they are skipped
						for row, err := range st.Rows {
							fmt.Fprintf(&out, "%d %q %v\n", row.Line, row.Text, err)
							if lines := strings.SplitAfter(script, "\n"); err == nil && strings.TrimSuffix(strings.TrimSuffix(lines[row.Line-1], "\n"), "\r") != row.Text {
								t.Fatalf("%s: %q isn't line %d", d.name, row.Text, row.Line)
							}
						}
					}
					if st.Bytes < read || st.Bytes > int64(len(script)) {
						t.Fatalf("%s: %d bytes read after %d of %d", d.name, st.Bytes, read, len(script))
					}
					rest := script
					if at := offset(script, st.Line, st.Col); at >= int(read) {
						rest = script[at:]
					}
					if st.Text == "" || !strings.HasPrefix(rest, st.Text) {
						t.Fatalf("%s: %q isn't at %d:%d", d.name, st.Text, st.Line, st.Col)
					}
					read = st.Bytes
				}
				runs[i] = out.String()
			}
			if runs[0] != runs[1] || runs[0] != runs[2] {
				t.Errorf("%s: whole:\n%sbyte by byte:\n%sin halves:\n%s", d.name, runs[0], runs[1], runs[2])
			}
		}
	})
}

// offset returns where a line and column are.
func offset(script string, line, col int) int {
	at := len(script) - len(strings.TrimPrefix(script, bom))
	for ; line > 1; line-- {
		at += strings.IndexByte(script[at:], '\n') + 1
	}
	for i := range script[at:] {
		if col--; col == 0 {
			return at + i
		}
	}
	return -1
}

// FuzzFingerprint plants a mark in literals of each dialect and looks for it in the fingerprint. What is before them
// can hold nothing that opens a literal, a comment or a quoted name.
func FuzzFingerprint(f *testing.F) {
	for _, text := range corpus() {
		for which := range uint8(18) {
			f.Add(text, text, text, which)
		}
	}
	const mark = "s3cret"
	f.Fuzz(func(t *testing.T, before, inside, after string, which uint8) {
		before = strings.NewReplacer("'", "", `"`, "", "`", "", "[", "", "$", "", "-", "", "/", "", "*", "", "#", "").Replace(before)
		if strings.Contains(before, mark) || strings.Contains(inside, mark) || strings.Contains(after, mark) {
			return
		}
		content := []string{mark + inside, inside + mark, inside + mark + inside}[which%3]
		doubled := strings.ReplaceAll(content, "'", "''")
		escaped := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(content)
		for _, d := range dialects() {
			literals := []string{"'" + doubled + "'", "x'" + doubled + "'", "'" + doubled}
			switch d.name {
			case "postgres":
				literals = append(literals, "E'"+escaped+"'", "E'a' \n '"+escaped+"'")
				if !strings.Contains(content+"$", "$tag$") {
					literals = append(literals, "$tag$"+content+"$tag$")
				}
			case "mariadb":
				literals = []string{"'" + escaped + "'", "N'" + escaped + "'", "'" + escaped, `"` + strings.NewReplacer(`\`, `\\`, `"`, `""`).Replace(content) + `"`}
			}
			text := before + " " + literals[int(which/3)%len(literals)] + " " + after
			if got := Fingerprint(text, d); strings.Contains(got, mark) {
				t.Errorf("%s: %q gives %q", d.name, text, got)
			}
			if st, err := Compile(text, d); err == nil && strings.Contains(st.Binder.Fingerprint()+st.Verb, mark) {
				t.Errorf("%s: %q gives %q, verb %q", d.name, text, st.Binder.Fingerprint(), st.Verb)
			}
		}
	})
}
