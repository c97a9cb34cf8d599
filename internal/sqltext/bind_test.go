package sqltext

import (
	"database/sql"
	sqldriver "database/sql/driver"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// words is a slice that makes a value of itself.
type words []string

func (w words) Value() (sqldriver.Value, error) { return strings.Join(w, " "), nil }

type address struct {
	Street  string
	ZIPCode *string `db:"zip"`
}

type Audit struct {
	By   string
	Name string // hidden by person's
}

type person struct {
	ID       int64
	Name     string
	FullName string `db:"full,optional"`
	Secret   string `db:"-"`
	BornOn   time.Time
	address
	*Audit
	hidden int
}

func TestArgumentsThatFitAreReturnedAsTheyAre(t *testing.T) {
	for _, c := range []struct {
		d    Dialect
		text string
		args []any
	}{
		{SQLite(), "SELECT 1", nil},
		{SQLite(), "SELECT ?, ?", []any{1, "a"}},
		{SQLite(), "SELECT a FROM b WHERE c IN (?) AND d = ?", []any{1, []byte("x")}},
		{SQLite(), "SELECT ?2, ?1", []any{1, nil}},
		{PostgreSQL(), "SELECT $1, $1, $2", []any{1, []string{"a"}}},
		{PostgreSQL(), "SELECT ?, ?", []any{1, "a"}},
		{MariaDB(), "SELECT ?, ?", []any{1, "a"}},
	} {
		b := compile(t, c.text, c.d).Binder
		native, flat, err := b.Bind(c.args)
		if err != nil || native != b.(*binder).native {
			t.Errorf("%s: %q gives %q, %v", c.d.name, c.text, native, err)
		}
		if len(flat) != len(c.args) || len(flat) > 0 && &flat[0] != &c.args[0] {
			t.Errorf("%s: %q doesn't give back the arguments themselves, but %v", c.d.name, c.text, flat)
		}
		if n := testing.AllocsPerRun(100, func() { b.Bind(c.args) }); n != 0 {
			t.Errorf("%s: %q: Bind allocates %v times, want never", c.d.name, c.text, n)
		}
	}
}

func TestBindSpreadsListsAndSharesNames(t *testing.T) {
	t.Parallel()
	args := func(a ...any) []any { return a }
	named := func(kv ...any) []any {
		m := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(string)] = kv[i+1]
		}
		return args(m)
	}
	for _, c := range []struct {
		in     string
		text   string
		args   []any
		native string
		flat   []any
	}{
		{"sm", "a IN (?) AND b = ?", args([]int{1, 2, 3}, 4), "a IN (?, ?, ?) AND b = ?", args(1, 2, 3, 4)},
		{"p", "a IN (?) AND b = ?", args([]int{1, 2, 3}, 4), "a IN ($1, $2, $3) AND b = $4", args(1, 2, 3, 4)},
		{"p", "b = ? AND a NOT IN ( /* x */ ? )", args(4, []any{1, nil}), "b = $1 AND a NOT IN ( /* x */ $2, $3 )", args(4, 1, nil)},
		{"p", "b = $2 AND a IN ($1) AND c = $2", args([]string{"x", "y"}, 4), "b = $1 AND a IN ($2, $3) AND c = $1", args(4, "x", "y")},
		{"s", "b = ?3 AND a IN (?1)", args([]string{"x", "y"}, 3, 4), "b = ?1 AND a IN (?2, ?3)", args(4, "x", "y")},
		{"s", "a IN (:l) OR b = :x OR c IN (:l) OR d = :x", named("l", [2]int{5, 6}, "x", 7),
			"a IN (?1, ?2) OR b = ?3 OR c IN (?4, ?5) OR d = ?3", args(5, 6, 7, 5, 6)},
		{"m", "a IN (:l) OR b = :x OR d = :x", named("l", []int64{5, 6}, "x", 7), "a IN (?, ?) OR b = ? OR d = ?", args(int64(5), int64(6), 7, 7)},
		{"m", "b = :x OR d = :y OR e = :x", named("x", 7, "y", 8), "b = ? OR d = ? OR e = ?", args(7, 8, 7)},
		{"s", "b = :x OR d = :y OR e = :x", named("x", 7, "y", 8), "b = ?1 OR d = ?2 OR e = ?1", args(7, 8)},

		// An empty list matches nothing.
		{"s", "a IN (?)", args([]int{}), "a IN (SELECT NULL WHERE 0)", args()},
		{"p", "a NOT IN (?) AND b = ?", args([]int(nil), 1), "a <> ALL ('{}') AND b = $1", args(1)},
		{"p", "a IN /* c */ (?) AND b NOT -- c\n in (?)", args([]int{}, []int{}), "a = ANY ('{}') AND b <> ALL ('{}')", args()},
		{"p", "a in (:l) or b not in (:l) and :n", named("l", []int{}, "n", 2), "a = ANY ('{}') or b <> ALL ('{}') and $1", args(2)},
		{"m", "a IN (:l)", named("l", []any{}), "a IN (SELECT NULL FROM DUAL WHERE 1=0)", args()},

		// What isn't a list stays whole.
		{"s", "a IN (?)", args([]byte("xy")), "a IN (?)", args([]byte("xy"))},
		{"s", "a IN (?)", args([2]byte{1, 2}), "a IN (?)", args([2]byte{1, 2})},
		{"s", "a IN (?)", args(words{"x", "y"}), "a IN (?)", args(words{"x", "y"})},
		{"s", "a IN (?)", args(nil), "a IN (?)", args(nil)},
		{"s", "a IN (?)", args("x"), "a IN (?)", args("x")},
		{"s", "a IN (?, ?)", args([]int{1}, []int{2}), "a IN (?, ?)", args([]int{1}, []int{2})},
		{"p", "a = ANY(?)", args([]int{1, 2}), "a = ANY($1)", args([]int{1, 2})},
		{"s", "f(?)", args([]int{1, 2}), "f(?)", args([]int{1, 2})},
		{"s", "a IN (?)", args([]netip.Addr{{}}), "a IN (?)", args(netip.Addr{})},
	} {
		for _, d := range dialects() {
			if !strings.Contains(c.in, d.name[:1]) {
				continue
			}
			st := compile(t, "SELECT "+c.text, d)
			before := reflect.ValueOf(c.args).Len()
			native, flat, err := st.Binder.Bind(c.args)
			if err != nil || native != "SELECT "+c.native || len(flat) != len(c.flat) || len(flat) > 0 && !reflect.DeepEqual(flat, c.flat) {
				t.Errorf("%s: %q with %v\n  is  %q, %v, %v\n want %q, %v", d.name, c.text, c.args, native, flat, err, "SELECT "+c.native, c.flat)
			}
			if len(c.args) != before {
				t.Errorf("%s: %q: Bind changed its arguments", d.name, c.text)
			}
		}
	}
}

func TestBindRefusesMoreThanTheDatabaseTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d     Dialect
		limit int
		says  string
	}{
		{SQLite(), 32766, "the statement needs 32767 placeholders, SQLite takes at most 32766"},
		{PostgreSQL(), 65535, "the statement needs 65536 placeholders, PostgreSQL takes at most 65535"},
		{MariaDB(), 65535, "the statement needs 65536 placeholders, MariaDB takes at most 65535"},
	} {
		b := compile(t, "SELECT a IN (?) AND b = ?", c.d).Binder
		if _, flat, err := b.Bind([]any{make([]int, c.limit-1), 1}); err != nil || len(flat) != c.limit {
			t.Errorf("%s: %d arguments, %v", c.d.name, len(flat), err)
		}
		_, _, err := b.Bind([]any{make([]int, c.limit), 1})
		if f := checkFault(t, err, driver.Argument, c.says); !strings.Contains(f.Hint, "split the list") {
			t.Errorf("%s: the hint is %q", c.d.name, f.Hint)
		}
	}
}

func TestBindTakesNamesFromMapsStructsAndNamedArgs(t *testing.T) {
	t.Parallel()
	type key string
	zip := "8000"
	born := time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)
	p := person{ID: 7, Name: "Ann", FullName: "Ann B", BornOn: born, address: address{"Main", &zip}, hidden: 1}
	for _, c := range []struct {
		text string
		args []any
		want []any
	}{
		{":id, :name", []any{map[string]any{"id": 1, "name": nil, "more": 2}}, []any{1, nil}},
		{":id, :name", []any{map[string]string{"id": "x", "name": "y"}}, []any{"x", "y"}},
		{":id, :name", []any{map[key]int{"id": 1, "name": 2}}, []any{1, 2}},
		{":id, :name", []any{&map[string]any{"id": 1, "name": 2}}, []any{1, 2}},
		{":name, :id, :full, :born_on, :street, :zip", []any{p}, []any{"Ann", int64(7), "Ann B", born, "Main", &zip}},
		{":name, :id, :by", []any{&p}, []any{"Ann", int64(7), nil}},
		{":by", []any{person{Audit: &Audit{By: "Zed"}}}, []any{"Zed"}},
		{":b, :a", []any{sql.Named("a", 1), sql.Named("b", 2)}, []any{2, 1}},
		{"@b, @a", []any{sql.Named("a", 1), sql.Named("b", 2)}, []any{2, 1}},
		{"@b, @a, @b", []any{1, 2}, []any{1, 2}},
		{"$b, $a", []any{map[string]any{"a": 1, "b": 2}}, []any{2, 1}},
		{"@b", []any{born}, []any{born}},
		{"@b", []any{sql.NullString{String: "x"}}, []any{sql.NullString{String: "x"}}},
	} {
		b := compile(t, "SELECT "+c.text, SQLite()).Binder
		for range 2 { // the second time with what was found out about the type
			if _, flat, err := b.Bind(c.args); err != nil || !reflect.DeepEqual(flat, c.want) {
				t.Errorf("%s with %v gives %v, %v; want %v", c.text, c.args, flat, err, c.want)
			}
		}
	}
}

func TestBindSaysWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	type twins struct {
		A int `db:"x"`
		B int `db:"x"`
	}
	var none *person
	for _, c := range []struct {
		text string
		args []any
		says string
	}{
		{"?, ?", []any{1, 2, 3}, "the statement takes 2 arguments, 3 were given"},
		{"?, ?", []any{1}, "the statement takes 2 arguments, 1 was given"},
		{"?", nil, "the statement takes 1 argument, none was given"},
		{"1", []any{1}, "the statement takes no arguments, 1 was given"},
		{"?3", []any{1}, "the statement takes 3 arguments, 1 was given"},
		{"?", []any{sql.Named("a", 1)}, `argument 1 is named "a", but the statement has no named placeholders`},
		{":email", []any{map[string]any{"emial": 1, "name": 2}}, `no value for :email; did you mean "emial"?`},
		{":email", []any{map[string]int{"mail": 1}}, `no value for :email; did you mean "mail"?`},
		{":email", []any{map[string]any{"x": 1}}, "no value for :email"},
		{":fullname", []any{person{}}, `no value for :fullname`},
		{":bornon", []any{person{}}, `no value for :bornon; did you mean "born_on"?`},
		{":secret", []any{person{}}, `no value for :secret`},
		{":hidden", []any{person{}}, `no value for :hidden`},
		{":x", []any{twins{}}, `two fields of sqltext.twins are called "x"`},
		{":id", []any{none}, "the statement takes values by name, for :id, and was given 1 value without"},
		{":id", []any{time.Now()}, "the statement takes values by name"},
		{":a, :b, :c, :d, :e, :f", nil, "the statement takes values for :a, :b, :c, :d, :e, …, none was given"},
		{":a, :b", []any{1, 2}, "by name, for :a, :b, and was given 2 values without"},
		{":a, :b", []any{sql.Named("a", 1), 2}, "some arguments have names and some don't"},
		{":a, :b", []any{sql.Named("a", 1)}, "no value for :b"},
		{":a, :b", []any{sql.Named("a", 1), sql.Named("a", 2)}, "two values for :a"},
		{":name", []any{sql.Named("nam", 1)}, "the statement has no :nam; did you mean :name?"},
		{":name", []any{sql.Named("name", 1), sql.Named("zzz", 1)}, "the statement has no :zzz; it has :name"},
		{"@a, @b", []any{1}, "the statement takes 2 arguments, 1 was given"},
		{"$a", []any{map[string]any{"b": 1}}, "no value for $a"},
	} {
		native, flat, err := compile(t, "SELECT "+c.text, SQLite()).Binder.Bind(c.args)
		checkFault(t, err, driver.Argument, c.says)
		if native != "" || flat != nil {
			t.Errorf("%s: a fault comes with %q, %v", c.text, native, flat)
		}
	}
}

func TestAWrongNumberOfArgumentsComesWithWhatMayHaveBeenMeant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    Dialect
		text string
		args []any
		hint string
	}{
		{PostgreSQL(), "SELECT a IN (?)", nil, "each ? is a placeholder; write ?? for the operator"},
		{PostgreSQL(), "SELECT a IN (?)", []any{1, 2}, "IN (?) takes one slice"},
		{PostgreSQL(), "SELECT ?, ?", []any{[]any{1, 2}}, "the argument is a slice: write args... for each of its elements to be one"},
		{SQLite(), "SELECT ?, ?", []any{[]int{1, 2, 3}}, ""},
		{SQLite(), "SELECT ?, ?", []any{[]byte{1, 2}}, ""},
		{SQLite(), "SELECT '%s'", []any{1}, "placeholders are ? or :name"},
		{MariaDB(), "SELECT * FROM t WHERE a = $1 AND b = $2", []any{1, 2}, "placeholders are ? or :name in MariaDB, and $1 is a name there"},
		{MariaDB(), "SELECT @id", []any{1}, "placeholders are ? or :name"},
	} {
		_, _, err := compile(t, c.text, c.d).Binder.Bind(c.args)
		if f := checkFault(t, err, driver.Argument, "the statement takes "); f.Hint != c.hint {
			t.Errorf("%s with %v: the hint is %q, want %q", c.text, c.args, f.Hint, c.hint)
		}
	}
}

func TestBindersAreSharedByGoroutines(t *testing.T) {
	t.Parallel()
	b := compile(t, "SELECT 'x' FROM t WHERE id = :id AND name IN (:name)", SQLite()).Binder
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				_, flat, err := b.Bind([]any{person{ID: int64(i), Name: "n"}})
				if err != nil || flat[0] != int64(i) {
					t.Errorf("got %v, %v", flat, err)
				}
				if got := b.Fingerprint(); got != "SELECT ? FROM t WHERE id = ? AND name IN (?)" {
					t.Errorf("fingerprint %q", got)
				}
			}
		})
	}
	wg.Wait()
}

func TestNearestFindsSlips(t *testing.T) {
	t.Parallel()
	known := []string{"name", "email", "album_id", "größe"}
	for name, want := range map[string]string{
		"anme": "name", "names": "name", "Email": "email", "albumId": "album_id", "albm_id": "album_id", "id": "", "x": "", "phone": "", "grösse": "größe",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest to %q is %q, want %q", name, got, want)
		}
	}
	if known[0] != "name" {
		t.Error("nearest changed the list of names")
	}
}
