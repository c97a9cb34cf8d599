package scan

import (
	"database/sql"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

type (
	doc  = map[string]any
	home struct {
		Street string `db:"road"`
		Zip    int    `bson:"postcode,omitempty"`
		City   string
	}
	meta    struct{ Version int }
	account struct {
		Name     string
		HomeAt   home
		Past     []home
		Tags     []string
		Scores   map[level]float32
		Pair     [2]int
		Born     *time.Time
		Nick     sql.Null[string]
		Meta     meta `bson:",inline"`
		Anything any
		Tree     tree
	}
	tree []tree
)

func TestNestedValuesGoIntoStructsSlicesAndMapsByTheSameRules(t *testing.T) {
	t.Parallel()
	v := driver.NestedValue(doc{
		"name":     "Ada",
		"homeAt":   doc{"road": "Elm", "postcode": int32(12345), "CITY": "Rome", "unknown": true},
		"past":     []any{doc{"road": "Oak"}},
		"tags":     []any{"a", "b"},
		"scores":   doc{"x": 0.5, "y": int64(2)},
		"pair":     []any{int64(1), 2.0},
		"born":     noon,
		"nick":     nil,
		"version":  3,
		"anything": doc{"deep": []any{nil}},
		"tree":     []any{[]any{}, []any{[]any{}}},
	})
	want := account{
		Name: "Ada", HomeAt: home{"Elm", 12345, "Rome"}, Past: []home{{Street: "Oak"}}, Tags: []string{"a", "b"},
		Scores: map[level]float32{"x": 0.5, "y": 2}, Pair: [2]int{1, 2}, Born: ptr(noon), Meta: meta{3},
		Anything: doc{"deep": []any{nil}}, Tree: tree{{}, {{}}},
	}
	got := account{Name: "old", Tags: []string{"old"}, Nick: sql.Null[string]{V: "old", Valid: true}}
	err := Assign(&v, &got)
	check(t, got, err, want)
}

func TestNestedValuesKeepTheirOwnTypes(t *testing.T) {
	t.Parallel()
	for _, in := range []any{doc{"a": int64(1)}, []any{"a"}, []string{"a"}, doc(nil)} {
		v, got := driver.NestedValue(in), reflect.New(reflect.TypeOf(in))
		if err := Assign(&v, got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), in) {
			t.Errorf("got %#v, %v; want %#v", got.Elem().Interface(), err, in)
		}
	}
	v := driver.NestedValue([]string{"a"})
	var names []level
	err := Assign(&v, &names)
	check(t, names, err, []level{"a"})
}

func TestNestedErrorsSayWhereWithoutShowingData(t *testing.T) {
	t.Parallel()
	type ambiguous struct {
		A int `db:"x"`
		B int `db:"x"`
	}
	for _, c := range []struct {
		in            any
		dst           any
		message, hint string
	}{
		{doc{"past": []any{doc{}, doc{"road": 5}}}, new(account), "is a nested value with an integer at .past[1].road where Go has string; the destination is scan.account", "CAST"},
		{doc{"name": nil}, new(account), "with NULL at .name where Go has string", "*string"},
		{doc{"scores": doc{"Ada": "x"}}, new(account), "with text at .scores[…] where Go has float32", ""},
		{doc{"pair": []any{1}}, new(account), "with a nested value of another length at .pair where Go has [2]int", "slice"},
		{doc{"tree": []any{[]any{1}}}, new(account), "with an integer at .tree[0][0] where Go has scan.tree", ""},
		{doc{"c": 1}, new(struct{ C chan int }), "at .c where Go has chan int", ""},
		{doc{"x": 1}, new(ambiguous), "is a nested value; the destination is scan.ambiguous", "both take the column x"},
		{doc{"x": 1}, new(struct{ x int }), "is a nested value; the destination is struct { x int }", "no exported fields"},
		{[]any{1}, new([]chan int), "is a nested value; the destination is []chan int", ""},
		{[]any{1}, new(prefs), "is a nested value; the destination is scan.prefs", ""},
		{[]any{1}, new(map[string]int), "is a nested value; the destination is map[string]int", ""},
		{doc{}, new(map[int]int), "is a nested value; the destination is map[int]int", ""},
		{doc{}, new([]int), "is a nested value; the destination is []int", ""},
		{nil, new(prefs), "is NULL; the destination is scan.prefs", "*scan.prefs"},
		{"x", new([]int), "is a nested value; the destination is []int", ""},
	} {
		v := driver.NestedValue(c.in)
		checkFault(t, Assign(&v, c.dst), c.message, c.hint)
	}
}

func TestJSONReplacesWhatWasThere(t *testing.T) {
	t.Parallel()
	v := driver.JSONValue(`{"b":2}`)
	m := map[string]int{"a": 1}
	err := Assign(&v, &m)
	check(t, m, err, map[string]int{"b": 2})
}

func TestAPlanForNestedValuesIsSafeForManyGoroutines(t *testing.T) {
	t.Parallel()
	type doc struct{ Home []home }
	p, err := Compile(reflect.TypeFor[doc](), columns("home"))
	if err != nil {
		t.Fatal(err)
	}
	vals := []driver.Value{driver.NestedValue([]any{map[string]any{"road": "Elm"}})}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var got doc
			err := p.Into(vals, &got)
			check(t, got, err, doc{[]home{{Street: "Elm"}}})
		})
	}
	wg.Wait()
}
