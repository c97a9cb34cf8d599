package scan_test

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/scan"
)

// keys returns columns of these names.
func keys(names ...string) []driver.Column {
	cols := make([]driver.Column, len(names))
	for i, n := range names {
		cols[i].Name = n
	}
	return cols
}

type track struct {
	ID       int64 `bson:"_id"`
	Name     string
	Composer *string
	Bytes    int64 `db:"size,optional" bson:"bytes"`
	Genres   []string
	Album    struct{ Title string }
	Rating   sql.Null[float64]
}

func TestADocumentGoesIntoAStructByItsKeys(t *testing.T) {
	t.Parallel()
	composer := "AC/DC"
	full := track{ID: 1, Name: "a", Composer: &composer, Bytes: 5, Genres: []string{"x", "y"}, Rating: sql.Null[float64]{V: 1.5, Valid: true}}
	full.Album.Title = "t"
	for name, c := range map[string]struct {
		keys []string
		vals []driver.Value
		want track
	}{
		"in another order, with keys that have no field": {
			[]string{"album", "extra", "name", "_id", "size", "composer", "Rating", "genres"},
			[]driver.Value{
				driver.NestedValue(map[string]any{"title": "t", "more": true}), driver.BoolValue(true), driver.TextValue("a"),
				driver.IntValue(1), driver.IntValue(5), driver.TextValue(composer), driver.FloatValue(1.5), driver.NestedValue([]any{"x", "y"}),
			}, full,
		},
		"lacking what may be NULL, or is optional": {
			[]string{"_id", "name", "album"},
			[]driver.Value{driver.IntValue(1), driver.TextValue("a"), driver.NestedValue(map[string]any{})}, track{ID: 1, Name: "a"},
		},
		"the exact key before one that is only similar": {
			[]string{"NAME", "_id", "name", "album"},
			[]driver.Value{driver.TextValue("A"), driver.IntValue(1), driver.TextValue("a"), driver.NestedValue(map[string]any{})},
			track{ID: 1, Name: "a"},
		},
	} {
		cols := keys(c.keys...)
		var cache scan.Cache
		for range 2 {
			plan, err := cache.DocumentPlan(reflect.TypeFor[track](), cols)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var got track
			if err := plan.Into(c.vals, &got); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
	}
}

func TestADocumentWithoutAKeyThatIsNeededIsAnErrorThatNamesKeyAndField(t *testing.T) {
	t.Parallel()
	plan, err := scan.CompileDocument(reflect.TypeFor[*track](), keys("_id"))
	if err != nil {
		t.Fatal(err)
	}
	var got *track
	err = plan.Into([]driver.Value{driver.IntValue(1)}, &got)
	f, ok := errors.AsType[*driver.Fault](err)
	if !ok || f.Kind != driver.Scan || f.Column != "name" || !strings.Contains(f.Error(), "track.Name") || !strings.Contains(f.Hint, "optional") {
		t.Errorf("%v (%+v)", err, f)
	}
}

func TestADocumentGoesIntoMapsAndSingleValues(t *testing.T) {
	t.Parallel()
	vals := []driver.Value{driver.IntValue(7)}
	plan, err := scan.CompileDocument(reflect.TypeFor[map[string]any](), keys("n"))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := plan.Into(vals, &m); err != nil || !reflect.DeepEqual(m, map[string]any{"n": int64(7)}) {
		t.Errorf("%v, %v", m, err)
	}
	type pairs []struct {
		Key   string
		Value any
	}
	plan, err = scan.CompileDocument(reflect.TypeFor[pairs](), keys("b", "a"))
	if err != nil {
		t.Fatal(err)
	}
	var d pairs
	if err := plan.Into([]driver.Value{driver.IntValue(7), {}}, &d); err != nil || !reflect.DeepEqual(d, pairs{{"b", int64(7)}, {"a", nil}}) {
		t.Errorf("%v, %v", d, err)
	}
	if plan, err = scan.CompileDocument(reflect.TypeFor[int](), keys("n")); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := plan.Into(vals, &n); err != nil || n != 7 {
		t.Errorf("%v, %v", n, err)
	}
	if plan, err = scan.CompileDocument(reflect.TypeFor[map[string]any](), nil); err != nil {
		t.Fatal(err)
	}
	if err := plan.Into(nil, &m); err != nil || len(m) != 0 {
		t.Errorf("an empty document: %v, %v", m, err)
	}
	if _, err := scan.CompileDocument(reflect.TypeFor[int](), keys("a", "b")); err == nil {
		t.Error("two keys went into one number")
	}
}

func TestDocumentsOfManyShapesNeedAPlanEachAndNoMore(t *testing.T) { // not parallel: it counts allocations
	var cache scan.Cache
	cols := keys("_id", "name", "album")
	first, err := cache.DocumentPlan(reflect.TypeFor[track](), cols)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := cache.DocumentPlan(reflect.TypeFor[track](), keys("_id", "name", "album")); again != first {
		t.Error("the same keys got another plan")
	}
	if n := testing.AllocsPerRun(10, func() { _, _ = cache.DocumentPlan(reflect.TypeFor[track](), cols) }); n != 0 {
		t.Errorf("finding a plan takes %v allocations", n)
	}
}

// objectID stands for the type of a library.
type objectID [12]byte

func (id objectID) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(id[:])), nil }

func (id *objectID) UnmarshalText(text []byte) error {
	_, err := hex.Decode(id[:], text)
	return err
}

func TestALibrarysOwnValueGoesIntoItsTypeItsTextAndItsBytes(t *testing.T) {
	t.Parallel()
	id := objectID{1, 2, 11: 255}
	v := driver.NestedValue(id)
	var same objectID
	var text string
	var array [12]byte
	var untyped any
	for _, dst := range []any{&same, &text, &array, &untyped} {
		if err := scan.Assign(&v, dst); err != nil {
			t.Errorf("%T: %v", dst, err)
		}
	}
	if same != id || text != "0102000000000000000000ff" || array != [12]byte(id) || untyped != any(id) {
		t.Errorf("%v %v %v %v", same, text, array, untyped)
	}
	for _, dst := range []any{new(int), new([11]byte), new(bool)} {
		if err := scan.Assign(&v, dst); err == nil {
			t.Errorf("it went into a %T", dst)
		}
	}
}
