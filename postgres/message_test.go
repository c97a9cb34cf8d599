package postgres

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/postgres/internal/pgvalue"
)

// TestMessagesAreWrittenAsPgproto3ReadsThem has another implementation of the protocol read what is sent.
func TestMessagesAreWrittenAsPgproto3ReadsThem(t *testing.T) {
	t.Parallel()
	st := &prepared{name: "plinth7", params: []*pgvalue.Type{pgvalue.Builtin(20), pgvalue.Builtin(25), pgvalue.Builtin(20)},
		formats: []byte{0, 2, 0, 1, 0, 0}}
	var out []byte
	out = appendQuery(out, "select 1")
	out = appendParse(out, "plinth7", "select $1", []uint32{20, 25})
	out = appendDescribe(out, 'S', "plinth7")
	out = appendClose(out, "plinth6")
	out, f := appendBind(out, st, []any{int64(258), "", nil})
	if f != nil {
		t.Fatal(f)
	}
	out = appendCopyFail(appendSync(appendExecute(out)))
	out = appendBare(out, "BEGIN")
	backend := pgproto3.NewBackend(bytes.NewReader(out), nil)
	for i, want := range []pgproto3.FrontendMessage{
		&pgproto3.Query{String: "select 1"},
		&pgproto3.Parse{Name: "plinth7", Query: "select $1", ParameterOIDs: []uint32{20, 25}},
		&pgproto3.Describe{ObjectType: 'S', Name: "plinth7"},
		&pgproto3.Close{ObjectType: 'S', Name: "plinth6"},
		&pgproto3.Bind{PreparedStatement: "plinth7", ParameterFormatCodes: []int16{1, 1, 0},
			Parameters: [][]byte{{0, 0, 0, 0, 0, 0, 1, 2}, {}, nil}, ResultFormatCodes: []int16{1, 0}},
		&pgproto3.Execute{},
		&pgproto3.Sync{},
		&pgproto3.CopyFail{Message: "no data is sent this way"},
		&pgproto3.Parse{Query: "BEGIN"},
		&pgproto3.Bind{ResultFormatCodes: []int16{}},
		&pgproto3.Execute{},
	} {
		got, err := backend.Receive()
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if b, ok := got.(*pgproto3.Bind); ok && len(b.ParameterFormatCodes) == 3 {
			b.ParameterFormatCodes[1] = 1 // text is the same in both formats
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("message %d: %#v, want %#v", i, got, want)
		}
	}
}

func TestArgumentsThatDoNotFitAreNamedByTheirNumber(t *testing.T) {
	t.Parallel()
	st := &prepared{name: "p", params: []*pgvalue.Type{pgvalue.Builtin(25), pgvalue.Builtin(20)}}
	for want, args := range map[string][]any{
		"argument 2:":       {"x", make(chan int)},
		"takes 2 arguments": {"x"},
	} {
		_, f := appendBind(nil, st, args)
		if f == nil || f.Kind != driver.Argument || f.Sent || !strings.Contains(f.Error(), want) {
			t.Errorf("%v: %v, want a fault of kind Argument with %q", args, f, want)
		}
	}
}

func TestRowsAffectedAreReadFromTheTag(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]int64{
		"INSERT 0 5": 5, "INSERT 16385 1": 1, "UPDATE 12": 12, "DELETE 0": 0, "MERGE 3": 3, "COPY 1000000": 1_000_000,
		"SELECT 7": 0, "FETCH 2": 0, "CREATE TABLE": 0, "BEGIN": 0, "": 0,
	} {
		if got := rowsAffected([]byte(tag)); got != want {
			t.Errorf("%q: %d, want %d", tag, got, want)
		}
	}
}

func TestPositionsCountWhereBothTextsAreTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		n    int
		want bool
	}{
		{"select x", "select x", 8, true},
		{"select ?, x", "select $1, x", 8, true},
		{"select ?, x", "select $1, x", 9, false},
		{"select 'äö' x", "select 'äö' x", 13, true},
		{"a", "a", 2, true}, // at its end
		{"a", "ab", 9, false},
	} {
		if got := samePrefix(c.a, c.b, c.n); got != c.want {
			t.Errorf("samePrefix(%q, %q, %d) is %v", c.a, c.b, c.n, got)
		}
	}
}

func TestSettingsThatEndWithTheTransaction(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"SET LOCAL x = 1": true, "set transaction isolation level serializable": true, "Set\nConstraints all deferred": true,
		"SET x = 1": false, "SET SESSION x = 1": false, "RESET x": false, "SET": false, "": false,
	} {
		if got := endsWithTx(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestTheCacheKeepsWhatWasUsedLast(t *testing.T) {
	t.Parallel()
	var c cache
	c.init(2)
	for _, text := range []string{"a", "b", "c"} {
		c.put(&prepared{text: text, name: "name of " + text})
		c.get("a")
	}
	if c.get("a") == nil || c.get("b") != nil || c.get("c") == nil {
		t.Error("the one used longest ago wasn't the one to go")
	}
	if want := []string{"name of b"}; !reflect.DeepEqual(c.closed, want) {
		t.Errorf("to be closed: %v, want %v", c.closed, want)
	}
	if out := c.appendClosed(nil); !bytes.Contains(out, []byte("Sname of b")) || len(c.closed) != 0 {
		t.Errorf("%q is sent, %v left", out, c.closed)
	}
	c.reclose() // it wasn't sent after all
	if want := []string{"name of b"}; !reflect.DeepEqual(c.closed, want) {
		t.Errorf("to be closed: %v, want %v", c.closed, want)
	}
	a := c.get("a")
	c.drop(a)
	c.drop(a)
	if c.get("a") != nil || len(c.closed) != 2 {
		t.Errorf("dropped twice: %v are to be closed", c.closed)
	}
	c.forget()
	if c.get("c") != nil || len(c.closed) != 0 {
		t.Error("something was kept")
	}
}
