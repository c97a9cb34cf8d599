package questions_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/questions"
	"github.com/plinthdb/plinth/integration/servers"
)

//nolint:gochecknoglobals // a flag
var update = flag.Bool("update", false, "write PostgreSQL's answers, whose decimals are exact, into testdata")

func TestMain(m *testing.M) { servers.Main(m) }

// TestEnginesGiveTheSameAnswers compares each engine's answers with those that testdata has, and so with each other's.
func TestEnginesGiveTheSameAnswers(t *testing.T) {
	t.Parallel()
	for _, data := range datasets() {
		t.Run(data.name, func(t *testing.T) {
			t.Parallel()
			data.skipIfAbsent(t)
			for _, eng := range engines() {
				t.Run(eng.name, func(t *testing.T) {
					t.Parallel()
					e := eng.open(t)
					data.load(t, eng, e)
					if *update {
						if eng.name == "postgres" {
							write(t, data.answers(), e)
						}
						return
					}
					known := read(t, data.answers())
					for _, q := range questions.All() {
						t.Run(q.Name, func(t *testing.T) { check(t, e, q, known[q.Name]) })
					}
				})
			}
		})
	}
}

func check(t *testing.T, e *plinth.Engine, q questions.Question, known json.RawMessage) {
	got, err := q.Answer(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	want, err := q.Known(known)
	if err != nil {
		t.Fatalf("the answer in testdata: %v", err)
	}
	if !equal(reflect.ValueOf(got), reflect.ValueOf(want)) {
		t.Errorf("%s\n%s\ngot\n%s\nwant\n%s", q.Asks, q.Statement(e.Name()), rows(t, got), rows(t, want))
	}
}

// equal compares decimals by their value: SQLite keeps them as floats, which have no scale (docs/types.md). All else has to
// be the same: a time in its location, NULL as NULL.
func equal(a, b reflect.Value) bool {
	if d, ok := a.Interface().(plinth.Decimal); ok {
		return d.Equal(b.Interface().(plinth.Decimal))
	}
	switch _, isTime := a.Interface().(time.Time); {
	case a.Kind() == reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case a.Kind() == reflect.Struct && !isTime:
		for i := range a.NumField() {
			if !equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		return equal(a.Elem(), b.Elem())
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

func TestOnlyDecimalsAreComparedByTheirValue(t *testing.T) {
	t.Parallel()
	decimal := func(digits string) plinth.Decimal {
		d, err := plinth.ParseDecimal(digits)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	type row struct {
		Price *plinth.Decimal
		At    time.Time
		Note  *string
	}
	rowOf := func(price string, at time.Time, note string) []row {
		d := decimal(price)
		return []row{{Price: &d, At: at, Note: &note}}
	}
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	first := rowOf("1.50", noon, "")
	for _, c := range []struct {
		other []row
		want  bool
	}{
		{rowOf("1.5", noon, ""), true},
		{rowOf("1.51", noon, ""), false},
		{rowOf("1.50", noon.In(time.FixedZone("", 3600)), ""), false},
		{rowOf("1.50", noon.Add(1), ""), false},
		{rowOf("1.50", noon, "x"), false},
		{[]row{{Price: first[0].Price, At: noon}}, false},
		{append(rowOf("1.50", noon, ""), row{}), false},
		{nil, false},
	} {
		if got := equal(reflect.ValueOf(first), reflect.ValueOf(c.other)); got != c.want {
			t.Errorf("%+v: %t", c.other, got)
		}
	}
}

func TestThereAreTwentyQuestionsWithAnAnswerEach(t *testing.T) {
	t.Parallel()
	all := questions.All()
	if len(all) != 20 {
		t.Errorf("%d questions", len(all))
	}
	for _, data := range datasets() {
		known := read(t, data.answers())
		if len(known) != len(all) {
			t.Errorf("%s: %d answers", data.answers(), len(known))
		}
		for _, q := range all {
			answer, err := q.Known(known[q.Name])
			if err != nil || reflect.ValueOf(answer).Len() == 0 {
				t.Errorf("%s: %s: %v, %v", data.answers(), q.Name, answer, err)
			}
		}
	}
	joins := 0
	for _, q := range all {
		if strings.Contains(q.SQL, " join ") != q.Join {
			t.Errorf("%s: needs a join: %t", q.Name, q.Join)
		}
		if q.Join {
			joins++
		}
	}
	if joins == 0 || joins > 12 {
		t.Errorf("%d of the questions need a join", joins)
	}
}

// rows returns an answer with a row on each line.
func rows(t *testing.T, answer any) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	b.WriteString("[")
	for i := range reflect.ValueOf(answer).Len() {
		b.WriteString(map[bool]string{true: "\n\t", false: "\t,"}[i == 0])
		if err := e.Encode(reflect.ValueOf(answer).Index(i).Interface()); err != nil {
			t.Fatal(err)
		}
	}
	b.WriteString("]")
	return b.String()
}

func read(t *testing.T, file string) (answers map[string]json.RawMessage) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &answers); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return answers
}

func write(t *testing.T, file string, e *plinth.Engine) {
	t.Helper()
	var b bytes.Buffer
	for i, q := range questions.All() {
		answer, err := q.Answer(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(map[bool]string{true: "{\n", false: ",\n"}[i == 0])
		fmt.Fprintf(&b, "%q: %s", q.Name, rows(t, answer))
	}
	b.WriteString("\n}\n")
	if err := os.WriteFile(filepath.Clean(file), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
