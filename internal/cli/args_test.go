package cli

import (
	"reflect"
	"slices"
	"testing"
)

func TestAnArgumentIsANumberABooleanNullOrText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]any{
		"5": int64(5), "-5": int64(-5), "0": int64(0), "-0": int64(0),
		"9223372036854775807": int64(9223372036854775807), "-9223372036854775808": int64(-9223372036854775808),
		"9223372036854775808": "9223372036854775808", "100000000000000000000": "100000000000000000000",
		"0.5": 0.5, "-1.25": -1.25, "1e3": 1000.0, "1E-2": 0.01, "1.0": 1.0, "1e999": "1e999",
		"true": true, "false": false, "null": nil,
		"": "", "True": "True", "NULL": "NULL", "007": "007", "+5": "+5", ".5": ".5", "5.": "5.", "1_000": "1_000", "0x10": "0x10",
		" 5": " 5", "5 ": "5 ", "5\n": "5\n", "NaN": "NaN", "-": "-", `"5"`: `"5"`, "[1]": "[1]", "{}": "{}", "abc": "abc",
	} {
		if got := argument(in); !reflect.DeepEqual(got, want) {
			t.Errorf("argument(%q) = %#v, want %#v", in, got, want)
		}
		if got := arguments([]string{in}, asIs); !reflect.DeepEqual(got, []any{in}) {
			t.Errorf("arguments(%q) as text = %#v", in, got)
		}
	}
}

func TestNegativeNumbersAreNoFlagsButMinusOneOfAScriptIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, marked []string }{
		{[]string{"query", "s", "-5", "-1", "-1.5e3", "-x", "-", "--"}, []string{"-5", "-1", "-1.5e3"}},
		{[]string{"exec", "-f", "s.sql", "-1"}, nil},
		{[]string{"exec", "-1", "-fs.sql"}, nil},
		{[]string{"exec", "-1", "--file", "s.sql"}, nil},
		{[]string{"exec", "-1", "--file=s.sql"}, nil},
	} {
		var marked []string
		for i, arg := range markNegatives(c.in) {
			if arg != c.in[i] {
				marked = append(marked, c.in[i])
			}
		}
		if !slices.Equal(marked, c.marked) {
			t.Errorf("of %q these were marked: %q, want %q", c.in, marked, c.marked)
		}
	}
}
