package lang_test

import (
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/driver"
)

type uuid [16]byte

func (u uuid) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
func (u uuid) MarshalText() ([]byte, error)    { return []byte(u.String()), nil }
func (u uuid) Value() (sqldriver.Value, error) { return u.String(), nil }

type decimal string

func (d decimal) Value() (sqldriver.Value, error) { return string(d), nil }
func (d decimal) Rat() *big.Rat                   { return nil }

type valuer struct{ v any }

func (v valuer) Value() (sqldriver.Value, error) { return v.v, nil }

type ownBSON struct{}

func (ownBSON) MarshalBSON() ([]byte, error) { return bson.Marshal(bson.D{{Key: "own", Value: 1}}) }

type failing struct{ error }

func (f failing) MarshalBSON() ([]byte, error) { return nil, f.error }

type garbage struct{}

func (garbage) MarshalBSON() ([]byte, error) { return []byte("garbage"), nil }

type garbageValue struct{}

func (garbageValue) MarshalBSONValue() (byte, []byte, error) { return byte(bson.TypeString), nil, nil }

type failingValue struct{ error }

func (f failingValue) MarshalBSONValue() (byte, []byte, error) { return 0, nil, f.error }

type ownValue struct{}

func (*ownValue) MarshalBSONValue() (byte, []byte, error) {
	kind, data, err := bson.MarshalValue("own")
	return byte(kind), data, err
}

type base struct {
	ID   int `db:"_id"`
	Name string
}

// shadowed has a field that hides one of the struct embedded in it.
type shadowed struct {
	Name string
	base
	None []int `bson:",omitempty"`
}

type record struct {
	base
	HTTPPort int
	Both     string `db:"from_db" bson:"from_bson"`
	Only     string `bson:"only_bson,omitempty"`
	Skipped  string `db:"-"`
	Nested   *base  `bson:"nested,omitempty"`
	Inner    struct{ A, B int }
	Extra    map[string]any `bson:",inline"`
	Tags     []string
	_        int
}

func TestGoValuesBecomeTheirBSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 12, 0, 0, 999_999_999, time.FixedZone("", 3600))
	id := uuid{0x12, 0x34}
	var nilPointer *string
	text := "text"
	for _, test := range []struct {
		v    any
		want string
	}{
		{nil, `null`}, {nilPointer, `null`}, {map[string]int(nil), `null`}, {[]byte(nil), `null`}, {true, `true`},
		{5, `{"$numberInt":"5"}`}, {int8(-5), `{"$numberInt":"-5"}`}, {uint16(5), `{"$numberInt":"5"}`}, {int64(5), `{"$numberLong":"5"}`},
		{uint32(5), `{"$numberLong":"5"}`}, {math.MaxInt32 + 1, `{"$numberLong":"2147483648"}`}, {uint64(math.MaxInt64), `{"$numberLong":"9223372036854775807"}`},
		{time.Second, `{"$numberLong":"1000000000"}`}, {float32(0.5), `{"$numberDouble":"0.5"}`}, {math.Inf(-1), `{"$numberDouble":"-Infinity"}`},
		{text, `"text"`}, {&text, `"text"`}, {json.Number("12"), `{"$numberLong":"12"}`}, {json.Number("1.5"), `{"$numberDouble":"1.5"}`},
		{at, `{"$date":{"$numberLong":"1769857200999"}}`}, {&at, `{"$date":{"$numberLong":"1769857200999"}}`},
		{time.Unix(-1, 999_999), `{"$date":{"$numberLong":"-1000"}}`},
		{[]byte("hi"), `{"$binary":{"base64":"aGk=","subType":"00"}}`}, {[2]byte{'h', 'i'}, `{"$binary":{"base64":"aGk=","subType":"00"}}`},
		{id, `{"$binary":{"base64":"EjQAAAAAAAAAAAAAAAAAAA==","subType":"04"}}`}, {&id, `{"$binary":{"base64":"EjQAAAAAAAAAAAAAAAAAAA==","subType":"04"}}`},
		{[16]byte{0x12, 0x34}, `{"$binary":{"base64":"EjQAAAAAAAAAAAAAAAAAAA==","subType":"00"}}`},
		{decimal("1.50"), `{"$numberDecimal":"1.50"}`}, {driver.Decimal("-0.10"), `{"$numberDecimal":"-0.10"}`},
		{sql.NullString{String: "x", Valid: true}, `"x"`}, {sql.NullInt64{}, `null`}, {sql.Null[decimal]{V: "2.0", Valid: true}, `{"$numberDecimal":"2.0"}`},
		{&sql.NullTime{}, `null`}, {valuer{int64(7)}, `{"$numberLong":"7"}`}, {valuer{valuer{nil}}, `null`},
		{netip.MustParseAddr("::1"), `"::1"`}, {ownBSON{}, `{"own":{"$numberInt":"1"}}`}, {&ownValue{}, `"own"`}, {ownValue{}, `"own"`},
		{bson.RawValue{}, `null`}, {bson.Raw(nil), `null`}, {bson.NewVector([]int8{1}), `{"$binary":{"base64":"AwAB","subType":"09"}}`},
		{json.RawMessage(`{"b": 1, "a": [1.0, 5000000000, null]}`),
			`{"b":{"$numberInt":"1"},"a":[{"$numberDouble":"1.0"},{"$numberLong":"5000000000"},null]}`},
		{map[string]any{"b": 1, "a": map[int]bool{2: true, 10: false}}, `{"a":{"10":false,"2":true},"b":{"$numberInt":"1"}}`},
		{[]any{1, "x", []string{"y"}, nil}, `[{"$numberInt":"1"},"x",["y"],null]`},
		{[]bson.E{{Key: "b", Value: 1}, {Key: "a", Value: id}}, `{"b":{"$numberInt":"1"},"a":{"$binary":{"base64":"EjQAAAAAAAAAAAAAAAAAAA==","subType":"04"}}}`},
		{record{base: base{1, "n"}, HTTPPort: 80, Both: "b", Extra: map[string]any{"e": 1}},
			`{"_id":{"$numberInt":"1"},"name":"n","http_port":{"$numberInt":"80"},"from_db":"b","inner":{"a":{"$numberInt":"0"},"b":{"$numberInt":"0"}},"e":{"$numberInt":"1"},"tags":null}`},
		{shadowed{Name: "outer", base: base{1, "inner"}, None: []int{}}, `{"name":"outer","_id":{"$numberInt":"1"}}`},
		{struct{ V any }{&record{Nested: &base{Name: "in"}, Only: "o"}},
			`{"v":{"_id":{"$numberInt":"0"},"name":"","http_port":{"$numberInt":"0"},"from_db":"","only_bson":"o","nested":{"_id":{"$numberInt":"0"},"name":"in"},"inner":{"a":{"$numberInt":"0"},"b":{"$numberInt":"0"}},"tags":null}}`},
	} {
		c := command(t, `db.c.find({v: ?})`, test.v)
		b, err := bson.MarshalExtJSON(c.Filter, true, false)
		if err != nil {
			t.Errorf("%#v: %v", test.v, err)
			continue
		}
		if got, want := string(b), `{"v":`+test.want+`}`; got != want {
			t.Errorf("%#v\n got %s\nwant %s", test.v, got, want)
		}
	}
}

func TestWhatBSONCanNotHoldIsRefused(t *testing.T) {
	t.Parallel()
	type endless *endless
	var e endless
	e = &e
	self := map[string]any{}
	self["self"] = self
	deep := any(1)
	for range 101 {
		deep = []any{deep}
	}
	var deepRaw any = bson.D{}
	for range 2000 {
		deepRaw = bson.D{{Key: "a", Value: deepRaw}}
	}
	raw, err := bson.Marshal(deepRaw)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		v    any
		want string
	}{
		{uint64(math.MaxInt64 + 1), "larger than an int64"}, {decimal("0." + strings.Repeat("12345", 7)), "34 digits"}, {decimal("1" + strings.Repeat("0", 7000)), "34 digits"},
		{"a\xff", "UTF-8"}, {map[string]any{"a\xff": 1}, "UTF-8"}, {make(chan int), "no counterpart in BSON"}, {complex(1, 1), "no counterpart"},
		{func() {}, "no counterpart"}, {struct{ F func() }{func() {}}, `(at "f")`}, {e, "pointers or Value methods"}, {self, "100 levels deep"}, {deep, "100 levels deep"},
		{bson.Raw(raw), "100 levels deep"}, {bson.Raw("garbage"), "can't be read"}, {bson.RawValue{Type: bson.TypeString, Value: []byte{9}}, "can't be read"},
		{json.RawMessage(`{"a"`), "isn't JSON"}, {json.RawMessage(`{a: 1}`), "isn't JSON"}, {json.RawMessage(`{"a": 1, "a": 2}`), "twice"},
		{json.RawMessage(`ObjectId("507c35dd8fada716c89d0013")`), "isn't JSON"}, {json.RawMessage(`99999999999999999999`), "64 bits"},
		{failing{errors.New("of its own")}, "of its own"}, {failingValue{errors.New("of its own")}, "of its own"},
		{garbage{}, "can't be read"}, {garbageValue{}, "can't be read"},
		{json.Number("abc"), "json.Number"}, {valuer{make(chan int)}, "no counterpart"}, {map[float64]int{1: 1}, "is no document"},
		{struct {
			A int `db:"x"`
			B int `db:"x"`
		}{}, `two fields`}, {time.Unix(math.MaxInt64/1000, 0), "milliseconds"}, {bson.Undefined{}, "long gone"}, {bson.CodeWithScope{Scope: bson.M{"$a": 1}}, "begins with $"},
	} {
		got := refused(t, `db.c.find({v: ?})`, test.v)
		if !strings.Contains(got, test.want) || !strings.HasPrefix(got, "argument 1: ") {
			t.Errorf("%T: %s, want %s", test.v, got, test.want)
		}
	}
}

func TestArgumentsAreMatchedAsInSQL(t *testing.T) {
	t.Parallel()
	s := parse(t, `db.c.find({a: :low, b: {$gt: :high}, c: :low})`)
	n, names := s.Params()
	if n != 2 || fmt.Sprint(names) != "[low high]" {
		t.Errorf("Params() = %d, %v", n, names)
	}
	for _, args := range [][]any{
		{map[string]any{"low": 1, "high": 2}}, {struct{ Low, High int }{1, 2}}, {sql.Named("high", 2), sql.Named("low", 1)}, {map[string]int{"low": 1, "high": 2, "more": 3}},
	} {
		if got := extJSON(command(t, `db.c.find({a: :low, b: {$gt: :high}, c: :low})`, args...).Filter); got != `{"a":1,"b":{"$gt":2},"c":1}` {
			t.Errorf("%v: %s", args, got)
		}
	}
	for _, test := range []struct {
		text string
		args []any
		want string
	}{
		{`db.c.find({a: ?})`, nil, "the statement takes 1 argument, none was given"},
		{`db.c.find({a: ?})`, []any{1, 2}, "the statement takes 1 argument, 2 were given"},
		{`db.c.find({a: 1})`, []any{1}, "the statement takes no arguments, 1 was given"},
		{`db.c.find({a: :name})`, []any{map[string]any{"nam": 1}}, `no value for :name; did you mean "nam"?`},
		{`db.c.find({a: :name})`, []any{1}, "takes values by name"},
		{`db.c.find({a: ?})`, []any{sql.Named("a", 1)}, "has no named placeholders"},
	} {
		if got := refused(t, test.text, test.args...); !strings.Contains(got, test.want) {
			t.Errorf("%s with %v: %s, want %s", test.text, test.args, got, test.want)
		}
	}
	if _, err := s.Command([]any{1}); !errors.Is(err, driver.Argument) {
		t.Errorf("Command with too few values: %v", err)
	}
}

func TestABoundMapOfATypeOfItsOwnIsAValueToo(t *testing.T) {
	t.Parallel()
	type key string
	if got := extJSON(command(t, `db.c.insertOne(?)`, map[key]any{"a": 1}).Documents); got != `[{"a":1}]` {
		t.Error(got)
	}
	if got := refused(t, `db.c.insertOne(?)`, map[key]any{"$a": 1}); !strings.Contains(got, "begins with $") {
		t.Error(got)
	}
}
