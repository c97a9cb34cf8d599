package cli

import (
	"reflect"
	"slices"
	"testing"
)

func TestCopyIsTakenApart(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"COPY public.item (id, name) FROM stdin":         {"public.item", "id", "name"},
		"copy item from\nSTDIN":                          {"item"},
		`COPY "a""b".c ("x, ""y""", z) FROM stdin`:       {`"a""b".c`, `"x, ""y"""`, "z"},
		"COPY item FROM stdin WITH (FORMAT csv)":         nil,
		"COPY item (a) FROM stdin CSV":                   nil,
		"COPY (select 1) TO stdout":                      nil,
		"COPY item () FROM stdin":                        nil,
		"COPY item (a); drop table b; COPY c FROM stdin": nil,
	} {
		table, columns, ok := takeCopy(text)
		if got := append([]string{table}, columns...); ok != (want != nil) || ok && !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}

func TestTheFieldsOfACopyAreWhatPostgreSQLReads(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]any{
		"":                            {""},
		"1\ttwo\t":                    {"1", "two", ""},
		`\N` + "\t" + `\\N` + "\t\\N": {nil, `\N`, nil},
		`a\tb\nc\\d\be\ff\rg\vh`:      {"a\tb\nc\\d\be\ff\rg\vh"},
		`\x41\x4g\xg\x4142`:           {"A\x04gxgA42"},
		`\101\1018\7\0601`:            {"AA8\a01"},
		"\\\t\\q":                     {"\tq"},
		`\.x`:                         {".x"},
		`\N1`:                         {"N1"},
	} {
		got, err := copyFields(line)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
	if got, err := copyFields("a\tb\\"); err == nil {
		t.Errorf("a backslash at the end: %q", got)
	}
}
