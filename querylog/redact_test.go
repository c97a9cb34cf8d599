package querylog

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const left = "… (rest left out)"

func TestRedactLeavesTheStatementWithoutItsLiterals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ in, want string }{
		"nothing":             {"", ""},
		"no literals":         {"select a, b from t where c = ?", "select a, b from t where c = ?"},
		"strings":             {"select 'it''s' || 'x'", "select ? || ?"},
		"prefixed strings":    {`select E'x', _utf8'y', date'2020-01-01'`, "select E?, _utf8?, date?"},
		"double quotes":       {`select "Ann"`, "select ?"},
		"numbers":             {"select 1, -2.5, .5, 1e-3, 1.5E+10, 0x1F, 1_000, 12ab", "select ?, -?, .?, ?, ?, ?, ?, ?"},
		"digits in names":     {"select a1 from t_2024 where ü3 = 4", "select a1 from t_2024 where ü3 = ?"},
		"placeholders":        {"select $1, ?, ?2, :name, @x, $name, x::int", "select $1, ?, ?2, :name, @x, $name, x::int"},
		"quoted names":        {"select `a``b` from `t`", "select `a``b` from `t`"},
		"white space":         {"\n select\t 1\r\n  from t ", "select ? from t"},
		"comments":            {"select /* for Ann */ 1 -- it's for Ann\n from t", "select ? from t"},
		"comment at the end":  {"select a -- for Ann", "select a"},
		"dollar quotes":       {"select $$Ann$$, $x_1$Bob$$$x_1$, a$b", "select ?, ?, a$b"},
		"an array":            {"select ARRAY['Ann', 'B'], a[1]", "select ARRAY[?, ?], a[?]"},
		"extended JSON":       {`{"find": "users", "limit": 5}`, `{?: ?, ?: ?}`},
		"mongosh":             {`db.users.find({age: {$gt: 30}, n: "Ann"})`, `db.users.find({age: {$gt: ?}, n: ?})`},
		"one string":          {"'Ann'", "?"},
		"division":            {"select a/2", "select a/?"},
		"operators":           {"select a - 1 <> b", "select a - ? <> b"},
		"a dollar at the end": {"select $", "select $"},

		// What ends elsewhere in another dialect.
		"backslash and quote":     {`select 'it\'s Ann'`, "select " + left},
		"backslash at the end":    {`select 'C:\', 'Ann'`, "select " + left},
		"open string":             {"select a, 'Ann", "select a, " + left},
		"open name":               {"select `Ann", "select " + left},
		"open comment":            {"select 1 /* Ann", "select ? " + left},
		"nested comment":          {"select /* a /* b */ 'Ann' */ 1", "select " + left},
		"comment that runs":       {"select /*!40000 'Ann' */ 1", "select " + left},
		"comment that runs there": {"select /*M! 'Ann' */ 1", "select " + left},
		"dashes without a space":  {"select 5--'Ann", "select ?" + left},
		"comment with a lone \r":  {"select 1 -- it's\r'Ann'", "select ? " + left},
		"hash":                    {"select 1 # it's Ann", "select ? " + left},
		"bracketed name":          {"select [it's] = 'Ann'", "select " + left},
		"bracketed comment":       {"select [a -- b], '\nAnn'", "select " + left},
		"open bracket":            {"select [Ann", "select " + left},
		"open dollar quote":       {"select $$Ann", "select " + left},
		"dollars around a quote":  {"select $a$, 'x $a$ Ann'", "select " + left},
		"regular expression":      {"db.users.find({n: /Ann/})", "db.users.find({n: " + left},
		"template string":         {"db.users.find({n: `Ann`})", "db.users.find({n: " + left},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := redact(test.in); got != test.want {
				t.Errorf("redact(%q)\n got %q\nwant %q", test.in, got, test.want)
			}
		})
	}
}

func TestRedactBoundsTheText(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"many words":    strings.Repeat("ab, ", 100_000),
		"one long word": strings.Repeat("é", 100_000),
	} {
		if got := redact(in); len(got) > maxText+len("…") || !strings.HasSuffix(got, "…") || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, ending in %q", name, len(got), got[len(got)-10:])
		}
	}
}

// FuzzRedact quotes any text the way each dialect would and looks for its marks in what is logged.
func FuzzRedact(f *testing.F) {
	for _, seed := range []string{"", "Ann", "it's", `C:\`, `\'`, "$$", "--", "/*", "*/", "`", "]", "\r", "#", `"`, "';"} {
		f.Add(seed, seed)
	}
	const mark = "qzxv"
	double := func(s, q string) string { return q + strings.ReplaceAll(s, q, q+q) + q }
	escape := func(s string) string { return strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`).Replace(s) }
	f.Fuzz(func(t *testing.T, one, two string) {
		one, two = mark+one+mark, mark+two+mark
		for dialect, quote := range map[string]func(string) string{
			"standard":                 func(s string) string { return double(s, "'") },
			"MariaDB":                  func(s string) string { return "'" + escape(s) + "'" },
			"MariaDB in double quotes": func(s string) string { return `"` + escape(s) + `"` },
			"PostgreSQL escapes":       func(s string) string { return "E'" + escape(s) + "'" },
		} {
			text := "select a from t where b = " + quote(one) + " and c = " + quote(two)
			if got := redact(text); strings.Contains(got, mark) {
				t.Errorf("%s: redact(%q) shows a literal: %q", dialect, text, got)
			}
		}
		_ = redact(one[len(mark):]) // must not panic
	})
}

func TestArgumentsAreACountAndTypesUnlessAskedFor(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100)
	for name, test := range map[string]struct {
		args            []any
		redacted, shown string
	}{
		"a few":  {[]any{int64(7), "it's Ann", nil, true}, "4 redacted (int64, string, <nil>, bool)", `7, "it's Ann", <nil>, true`},
		"bytes":  {[]any{[]byte("Ann")}, "1 redacted ([]uint8)", "3 bytes"},
		"a time": {[]any{time.Unix(0, 0).UTC()}, "1 redacted (time.Time)", "1970-01-01 00:00:00 +0000 UTC"},
		"long": {
			[]any{long, []string{long}}, "2 redacted (string, []string)",
			`"` + strings.Repeat("é", 32) + `…", [` + strings.Repeat("é", 31) + "…",
		},
		"many": {
			make([]any, 100), "100 redacted (" + strings.Repeat("<nil>, ", 16) + "…)", strings.Repeat("<nil>, ", 16) + "…",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := redactArgs(test.args); got != test.redacted {
				t.Errorf("redacted:\n got %s\nwant %s", got, test.redacted)
			}
			if got := showArgs(test.args); got != test.shown {
				t.Errorf("shown:\n got %s\nwant %s", got, test.shown)
			}
		})
	}
}
