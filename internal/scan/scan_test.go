package scan

import (
	"database/sql"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/names"
)

type (
	Base struct {
		ID        int64
		CreatedAt time.Time `db:"created_at,optional"`
	}
	Artist struct {
		ID   int64
		Name string
	}
	Album struct {
		Base
		Title  string
		Artist *Artist `db:"artist,optional"`
	}
	Song struct {
		*Base
		Title  string `db:"name"`
		Album  Album  `db:",optional"`
		Note   string `db:"-"`
		hidden int
	}
	inner  struct{ City string }
	Person struct {
		inner
		Name string
	}
	Node struct {
		Name   string
		Parent *Node `db:",optional"`
	}
	labels map[string]any
	bag    map[string]any
)

func (b *bag) Scan(src any) error {
	text, _ := src.(string)
	return json.Unmarshal([]byte(text), (*map[string]any)(b))
}

// row reads one row of values, given as Go values, into a T.
func row[T any](t *testing.T, names string, values ...any) (T, error) {
	t.Helper()
	var dst T
	var cols []driver.Column
	if names != "" {
		cols = columns(strings.Split(names, " ")...)
	}
	vals := make([]driver.Value, len(values))
	for i, v := range values {
		vals[i] = valueOf(v)
	}
	p, err := Compile(reflect.TypeFor[T](), cols)
	if err != nil {
		return dst, err
	}
	return dst, p.Into(vals, &dst)
}

func check[T any](t *testing.T, got T, err error, want T) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func refuses[T any](t *testing.T, message, hint, names string, values ...any) {
	t.Helper()
	_, err := row[T](t, names, values...)
	checkFault(t, err, message, hint)
}

func TestStructFieldsTakeColumnsByTagSnakeCaseOrFoldedName(t *testing.T) {
	t.Parallel()
	type T struct {
		AlbumID    int64
		HTTPServer string
		Renamed    string `db:"other"`
	}
	want := T{1, "x", "y"}
	for _, names := range []string{
		"album_id http_server other", "AlbumId HttpServer Other", "ALBUMID HTTP_SERVER OTHER", "other album_id http_server",
	} {
		values := []any{int64(1), "x", "y"}
		if strings.HasPrefix(names, "other") {
			values = []any{"y", int64(1), "x"}
		}
		got, err := row[T](t, names, values...)
		check(t, got, err, want)
	}
}

func TestSnakeCase(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ID": "id", "AlbumID": "album_id", "HTTPServer": "http_server", "Name": "name", "UserID2": "user_id2", "A": "a", "ID2Name": "id2_name",
		"Already_Snake": "already_snake", "ÄußereTür": "äußere_tür", "X_ID": "x_id",
	} {
		if got := names.Snake(in); got != want {
			t.Errorf("snake(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAnExactNameBeatsAFoldedOneAndTwoFoldedOnesAreAnError(t *testing.T) {
	t.Parallel()
	type T struct {
		AlbumID int `db:"album_id"`
		Albumid int `db:"albumid"`
	}
	got, err := row[T](t, "album_id albumid", 1, 2)
	check(t, got, err, T{1, 2})
	refuses[T](t, "column 1 (AlbumId) fits two fields, T.AlbumID (album_id) and T.Albumid (albumid)", "alias", "AlbumId albumid", 1, 2)
}

func TestEmbeddedStructsAreFlattened(t *testing.T) {
	t.Parallel()
	got, err := row[Song](t, "id name", 7, "x")
	check(t, got, err, Song{Base: &Base{ID: 7}, Title: "x"})

	album, err := row[Album](t, "id created_at title", 7, noon, "x")
	check(t, album, err, Album{Base: Base{ID: 7, CreatedAt: noon}, Title: "x"})

	person, err := row[Person](t, "city name", "Rome", "Ada")
	check(t, person, err, Person{inner: inner{"Rome"}, Name: "Ada"})
}

func TestTheOutermostFieldOfANameCounts(t *testing.T) {
	t.Parallel()
	type A struct{ ID, X int }
	type B struct{ ID int }
	type tagged struct {
		Key int `db:"id"`
	}
	type outer struct {
		A
		B
		ID int
	}
	got, err := row[outer](t, "id x", 7, 8)
	check(t, got, err, outer{ID: 7, A: A{X: 8}})

	type byTag struct {
		B
		tagged
	}
	tag, err := row[byTag](t, "id", 7)
	check(t, tag, err, byTag{tagged: tagged{7}})

	type both struct {
		A
		B
	}
	refuses[both](t, "both.A.ID and its B.ID both take the column id", `db:"-"`, "id x", 7, 8)
}

func TestStructFieldsTakeDottedColumns(t *testing.T) {
	t.Parallel()
	got, err := row[Song](t, "id name album.id album.title album.artist.id album.artist.name", 1, "song", 2, "album", 3, "artist")
	want := Song{Base: &Base{ID: 1}, Title: "song", Album: Album{Base: Base{ID: 2}, Title: "album", Artist: &Artist{3, "artist"}}}
	check(t, got, err, want)

	node, err := row[Node](t, "name parent.name parent.parent.name", "c", "b", "a")
	check(t, node, err, Node{"c", &Node{"b", &Node{Name: "a"}}})
}

func TestAPointerToAStructStaysNilWhereAllItsColumnsAreNull(t *testing.T) {
	t.Parallel()
	names := "id title artist.id artist.name"
	got, err := row[Album](t, names, 1, "x", nil, nil)
	check(t, got, err, Album{Base: Base{ID: 1}, Title: "x"})
	refuses[Album](t, "column 3 (artist.id) is NULL; Album.Artist.ID is int64", "coalesce", names, 1, "x", nil, "Ada")
	refuses[Album](t, "column 4 (artist.name) is NULL; Album.Artist.Name is string", "coalesce", names, 1, "x", 5, nil)
}

func TestAStructFieldTakesOneColumnOfJSONOrItsOwnColumns(t *testing.T) {
	t.Parallel()
	got, err := row[Album](t, "id title artist", 1, "x", json.RawMessage(`{"ID":3,"Name":"Ada"}`))
	check(t, got, err, Album{Base: Base{ID: 1}, Title: "x", Artist: &Artist{3, "Ada"}})
	refuses[Album](t, "column 3 (artist) and column 4 (artist.id) both fit the field Album.Artist", "leave out one",
		"id title artist artist.id", 1, "x", nil, 5)
}

func TestEachColumnNeedsAFieldAndEachFieldAColumn(t *testing.T) {
	t.Parallel()
	refuses[Artist](t, "column 2 (nam) has no field in Artist, whose fields take id, name", "did you mean name?", "id nam", 1, "x")
	refuses[Artist](t, "column 3 (zip) has no field in Artist", "leave it out", "id name zip", 1, "x", "y")
	refuses[Artist](t, "no column for the field Artist.Name, which takes name; the columns are id", `db:"name,optional"`, "id", 1)
	refuses[Artist](t, "column 2 (name.x) has no field", "leave it out", "id name.x", 1, "x")
	refuses[Album](t, "column 3 (artist.nam) has no field in Album.Artist, whose fields take artist.id, artist.name",
		"did you mean artist.name?", "id title artist.nam", 1, "x", "y")
	refuses[Album](t, "no column for the field Album.Artist.Name, which takes artist.name", "select it", "id title artist.id", 1, "x", 2)
	refuses[Song](t, "column 3 (note) has no field", "", "id name note", 1, "x", "y")
	refuses[Song](t, "column 3 (hidden) has no field", "", "id name hidden", 1, "x", "y")
	refuses[struct{}](t, "column 1 (id) has no field in struct {}, whose fields take nothing", "", "id", 1)
}

func TestOddColumnNamesAreColumnsWithoutAField(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", ".", "..", "parent.", ".name", "parent..name", "_", "\xff", "name.parent"} {
		_, err := Compile(reflect.TypeFor[Node](), append(columns("name"), driver.Column{Name: name}))
		checkFault(t, err, "has no field in Node", "")
	}
	_, err := Compile(reflect.TypeFor[Node](), columns("name", strings.Repeat("parent.", 1000)+"name"))
	checkFault(t, err, "no column for the field Node.Parent.Name", "select it")
}

func TestTheSameColumnTwiceIsAnError(t *testing.T) {
	t.Parallel()
	refuses[Artist](t, "columns 1 and 3 have the same name, id", "alias", "id name id", 1, "x", 1)
	refuses[map[string]any](t, "columns 1 and 2 have the same name, id", "alias", "id id", 1, 1)
	refuses[Artist](t, "column 1 (id) and column 3 (ID) both fit the field Artist.ID", "alias", "id name ID", 1, "x", 1)
}

func TestTagsThatCannotBeMeantAreErrors(t *testing.T) {
	t.Parallel()
	type option struct {
		A int `db:"a,omitempty"`
	}
	type unexported struct {
		B int
		a int `db:"a"`
	}
	type pointer struct {
		*inner
		Name string
	}
	refuses[option](t, `option.A has the unknown option "omitempty"`, "optional", "a", 1)
	refuses[unexported](t, "unexported.a has a tag but isn't exported", "export it", "b", 1)
	refuses[pointer](t, "pointer embeds a pointer to the unexported scan.inner", "embed the struct itself", "city name", "Rome", "Ada")
	type channel struct{ C chan int }
	refuses[channel](t, "channel.C: nothing can be read into the Go type chan int", "", "c", 1)
	_, _ = unexported{}.a, Song{}.hidden
}

func TestOneColumnGoesIntoWhateverHoldsOneValue(t *testing.T) {
	t.Parallel()
	n, err := row[int](t, "n", 7)
	check(t, n, err, 7)
	p, err := row[*int](t, "n", 7)
	check(t, p, err, ptr(7))
	none, err := row[*int](t, "n", nil)
	check(t, none, err, nil)
	at, err := row[time.Time](t, "at", "2024-05-06")
	check(t, at, err, day)
	s, err := row[sql.NullString](t, "s", nil)
	check(t, s, err, sql.NullString{})
	list, err := row[[]string](t, "tags", json.RawMessage(`["a"]`))
	check(t, list, err, []string{"a"})
	anything, err := row[any](t, "n", 7)
	check(t, anything, err, any(int64(7)))
	scanned, err := row[bag](t, "b", `{"a":true}`)
	check(t, scanned, err, bag{"a": true})

	refuses[int](t, "int is read from one column, but the result has 2: id, name", "select one column", "id name", 1, "x")
	refuses[*time.Time](t, "*time.Time is read from one column, but the result has 2", "", "id name", 1, "x")
	refuses[int](t, "column 1 (n) is text; the destination is int", "CAST", "n", "7")
	refuses[chan int](t, "nothing can be read into the Go type chan int", "struct", "n", 7)
	refuses[int](t, "the statement returns no columns to read into int", "Execute", "")
	refuses[Artist](t, "the statement returns no columns to read into scan.Artist", "Execute", "")
}

func TestMapsTakeEveryColumn(t *testing.T) {
	t.Parallel()
	got, err := row[map[string]any](t, "id name none", 1, "x", nil)
	check(t, got, err, map[string]any{"id": int64(1), "name": "x", "none": nil})
	named, err := row[labels](t, "id", 1)
	check(t, named, err, labels{"id": int64(1)})
	p, err := row[*map[string]any](t, "id", 1)
	check(t, p, err, &map[string]any{"id": int64(1)})
	refuses[map[string]string](t, "map[string]string is read from one column, but the result has 2", "map[string]any", "id name", 1, "x")
}

func TestAPointerToAStructIsAllocated(t *testing.T) {
	t.Parallel()
	got, err := row[*Artist](t, "id name", 1, "x")
	check(t, got, err, &Artist{1, "x"})
}

func TestTheErrorNamesColumnAndField(t *testing.T) {
	t.Parallel()
	type User struct{ Age int }
	refuses[User](t, "column 1 (age) is NULL; User.Age is int", "use *int or sql.Null[int], or coalesce() in the statement", "age", nil)
	refuses[Song](t, "column 1 (id) is text; Song.Base.ID is int64", "CAST", "id name", "x", "y")
}

func TestIntoRefusesWhatThePlanIsNotFor(t *testing.T) {
	t.Parallel()
	p, err := Compile(reflect.TypeFor[Artist](), columns("id", "name"))
	if err != nil {
		t.Fatal(err)
	}
	vals := []driver.Value{driver.IntValue(1), driver.TextValue("x")}
	for name, err := range map[string]error{
		"nil":              p.Into(vals, nil),
		"nil pointer":      p.Into(vals, (*Artist)(nil)),
		"another type":     p.Into(vals, new(Album)),
		"too few values":   p.Into(vals[:1], new(Artist)),
		"a struct, not *T": p.Into(vals, Artist{}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestReadingRowsTakesNoMemoryOfItsOwn(t *testing.T) {
	type optional struct {
		Name *string
		Age  sql.Null[int]
		Tag  level
		Born stamp
		Data []byte
	}
	vals := []driver.Value{null, driver.IntValue(5), driver.TextValue("x"), driver.TextValue("2024-05-06 12:00:00"), driver.BytesValue([]byte("x"))}
	for _, c := range []struct {
		name string
		typ  reflect.Type
		cols []driver.Column
		vals []driver.Value
		dst  any
		want float64
	}{
		{"struct", reflect.TypeFor[track](), trackCols, trackVals, new(track), 0},
		{"nulls, named types, bytes and a time from text", reflect.TypeFor[optional](), columns("name", "age", "tag", "born", "data"), vals, new(optional), 0},
		{"pointer that is set", reflect.TypeFor[*int](), columns("n"), []driver.Value{driver.IntValue(5)}, new(*int), 1},
		{"embedded pointer", reflect.TypeFor[Song](), columns("id", "name"), []driver.Value{driver.IntValue(5), driver.TextValue("x")}, &Song{Base: new(Base)}, 0},
		{"left join that found nothing", reflect.TypeFor[Node](), columns("name", "parent.name"), []driver.Value{driver.TextValue("x"), null}, new(Node), 0},
	} {
		p, err := Compile(c.typ, c.cols)
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(100, func() {
			if err := p.Into(c.vals, c.dst); err != nil {
				t.Fatal(err)
			}
		})
		if n != c.want {
			t.Errorf("%s: %v allocations a row, want %v", c.name, n, c.want)
		}
	}

	var id int64
	var name string
	dsts := []any{&id, &name}
	vals = []driver.Value{driver.IntValue(5), driver.TextValue("x")}
	cols := columns("id", "name")
	if n := testing.AllocsPerRun(100, func() {
		if err := Row(cols, vals, dsts); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Row: %v allocations, want none", n)
	}
}
