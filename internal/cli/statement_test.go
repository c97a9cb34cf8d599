package cli

import (
	"reflect"
	"testing"
)

func TestNamedPlaceholdersTakeTheirValuesByName(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.db = "sqlite::memory:"
	s.equal(s.must("query", "-o", "csv", "select :n + :m as n, :n as again", "n=-5", "m=7"), "n,again\n2,-5\n")
	s.equal(s.must("query", "-o", "csv", "select typeof(:a) as a, typeof(:b) as b", "a=007", "b=5"), "a,b\ntext,integer\n")
	s.equal(s.must("query", "-o", "csv", "--text", "select typeof(:a) as a", "a=5"), "a\ntext\n")
	s.equal(s.must("query", "-o", "csv", "select :a as a", "a=x=y"), "a\nx=y\n")
	s.equal(s.must("query", "-o", "csv", "select ? as a", "a=5"), "a\na=5\n")
	s.equal(s.must("query", "-o", "csv", "select ? || 'x' as a, ? as b", "a=5", "b=6"), "a,b\na=5x,b=6\n")
	s.equal(s.must("query", "-o", "csv", "select @a + @b as n", "1", "2"), "n\n3\n")
}

func TestAJSONArrayIsTheListOfINAndTextElsewhere(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.db = "sqlite::memory:"
	const numbers = "with t(x) as (values (1), (2), ('a'), (null)) select x from t where x in "
	s.equal(s.must("query", "-o", "csv", numbers+"(?)", `[2, "a", 9]`), "x\n2\na\n")
	s.equal(s.must("query", "-o", "csv", numbers+"(?)", "[1]"), "x\n1\n")
	s.equal(s.must("query", "-o", "csv", numbers+"(?)", "[]"), "x\n")
	s.equal(s.must("query", "-o", "csv", numbers+"(?) and x > ? and x not in (?)", "[1,2]", "0", "[2]"), "x\n1\n")
	s.equal(s.must("query", "-o", "csv", numbers+"(:list)", "list=[1,2]"), "x\n1\n2\n")
	s.equal(s.must("query", "-o", "csv", "--text", numbers+"(?)", "[1]"), "x\n")
	s.equal(s.must("query", "-o", "csv", "select ? as j", "[1]"), "j\n[1]\n")
	s.equal(s.must("query", "-o", "jsonl", "select json_array_length(?) as n", "[1,2]"), `{"n":2}`+"\n")
}

func TestAListHoldsWhatAnARGWouldBe(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]any{
		`[]`: {}, `[1, -2.5, "5", "a\"b", true, null]`: {int64(1), -2.5, "5", `a"b`, true, nil},
		"[ 99999999999999999999 ]": {"99999999999999999999"},
	} {
		if got, ok := array(in); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("array(%s) = %#v, %t", in, got, ok)
		}
	}
	for _, in := range []string{"", "1", "[1", "[[1]]", `[{"a":1}]`, "{}", "[a]", "[1] x", "null"} {
		if got, ok := array(in); ok {
			t.Errorf("array(%s) = %#v", in, got)
		}
	}
}
