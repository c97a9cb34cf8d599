package drivertest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

func valueCases() []testCase {
	return []testCase{
		{name: "integers of every width, to their limits", run: integerValues},
		{name: "integers beyond int64 are kept or refused, never changed", run: hugeIntegers},
		{name: "floats, tiny and huge", run: floatValues},
		{name: "text of any Unicode", run: textValues},
		{name: "a zero byte in text is kept or refused, never cut", run: zeroByteText},
		{name: "bytes of any value", run: bytesValues},
		{name: "booleans", run: boolValues},
		{name: "times are the same instant", run: timeValues},
		{name: "dates are midnight UTC", run: dateValues},
		{name: "decimals are exact", run: decimalValues},
		{name: "UUIDs are text in canonical form", run: uuidValues},
		{name: "JSON goes into structs, maps and slices", run: jsonValues},
		{name: "NULL in every family", run: nullValues},
		{name: "untyped values are of the documented kinds", run: untypedValues},
		{name: "a Go type without a counterpart is ErrArgument", run: strangeArguments, tx: true},
	}
}

// keeper stores values of one family: its Insert and Select are the family's.
type keeper struct {
	*db
	Store
	next int
}

// keep opens a database for values of a family, or skips the case.
func (s *suite) keep(t *testing.T, f Family) *keeper {
	t.Helper()
	store, has := s.Statements.Store[f]
	if !has {
		t.Skipf("the harness has no Statements.Store for the family %q", f)
	}
	return &keeper{db: s.open(t), Store: store}
}

// put stores a value and returns its id.
func (k *keeper) put(t testing.TB, v any) int {
	t.Helper()
	k.next++
	if _, err := k.Execute(t.Context(), k.Insert, k.next, v); err != nil {
		t.Fatalf("storing a %T: %v", v, err)
	}
	return k.next
}

// roundTrip stores a value and reads it back in every way there is. same compares; nil is reflect.DeepEqual.
func roundTrip[T any](t *testing.T, k *keeper, v T, same func(a, b T) bool) {
	t.Helper()
	if same == nil {
		same = func(a, b T) bool { return reflect.DeepEqual(a, b) }
	}
	check := func(how string, got T, err error) {
		t.Helper()
		switch {
		case err != nil:
			t.Errorf("%T %s: %v", v, how, err)
		case !same(got, v):
			t.Errorf("%T %s: got %s, want %s", v, how, brief(got), brief(v))
		}
	}
	ctx := t.Context()
	k.next++
	id := k.next
	if _, err := k.Execute(ctx, k.Insert, id, v); err != nil {
		t.Errorf("storing %T %s: %v", v, brief(v), err)
		return
	}
	got, err := plinth.One[T](ctx, k, k.Select, id)
	check("by One", got, err)
	field, err := plinth.One[struct{ V T }](ctx, k, k.Select, id)
	check("as a field", field.V, err)
	null, err := plinth.One[struct{ V sql.Null[T] }](ctx, k, k.Select, id)
	check("in a sql.Null", null.V.V, err)
	pointer, err := plinth.One[struct{ V *T }](ctx, k, k.Select, id)
	if pointer.V != nil {
		got = *pointer.V
	}
	check("behind a pointer", got, err)
	row, err := k.FetchOne(ctx, k.Select, id)
	if err != nil {
		t.Errorf("FetchOne: %v", err)
		return
	}
	got, err = plinth.Get[T](row, "v")
	check("from a Row", got, err)

	// the other ways to give it
	for how, arg := range map[string]any{"a pointer": &v, "a sql.Null": sql.Null[T]{V: v, Valid: true}} {
		k.next++
		if _, err := k.Execute(ctx, k.Insert, k.next, arg); err != nil {
			t.Errorf("storing %T given as %s: %v", v, how, err)
			continue
		}
		field, err := plinth.One[struct{ V T }](ctx, k, k.Select, k.next)
		check("given as "+how, field.V, err)
	}
}

func brief(v any) string {
	s := fmt.Sprintf("%#v", v)
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}

func integerValues(t *testing.T, s *suite) {
	k := s.keep(t, Int)
	for _, v := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1} {
		roundTrip(t, k, v, nil)
	}
	roundTrip(t, k, math.MaxInt, nil)
	roundTrip(t, k, math.MinInt, nil)
	roundTrip[int32](t, k, math.MinInt32, nil)
	roundTrip[int32](t, k, math.MaxInt32, nil)
	roundTrip[int16](t, k, math.MinInt16, nil)
	roundTrip[int16](t, k, math.MaxInt16, nil)
	roundTrip[int8](t, k, math.MinInt8, nil)
	roundTrip[int8](t, k, math.MaxInt8, nil)
	roundTrip[uint64](t, k, math.MaxInt64, nil)
	roundTrip[uint32](t, k, math.MaxUint32, nil)
	roundTrip[uint16](t, k, math.MaxUint16, nil)
	roundTrip[uint8](t, k, math.MaxUint8, nil)
	roundTrip[uint](t, k, math.MaxUint32, nil)
	roundTrip(t, k, time.Hour, nil) // of a named type
}

func hugeIntegers(t *testing.T, s *suite) {
	k := s.keep(t, Int)
	for _, v := range []uint64{math.MaxInt64 + 1, math.MaxUint64} {
		if s.Limits.Uint64 {
			roundTrip(t, k, v, nil)
			continue
		}
		_, err := k.Execute(t.Context(), k.Insert, 1, v)
		want := plinth.ErrArgument
		if errors.Is(err, plinth.ErrInvalid) { // a server that isn't told what the column is refuses it itself
			want = plinth.ErrInvalid
		}
		if k := failure(t, err, want); k.Err == nil {
			t.Errorf("error %v says nothing of why", err)
		}
	}
}

func floatValues(t *testing.T, s *suite) {
	k := s.keep(t, Float)
	for _, v := range []float64{0, 1.5, -1.5, 0.1, 1.0 / 3, math.MaxFloat64, -math.MaxFloat64, math.Pi * 1e-300,
		2.2250738585072014e-308, 1e15, 1e16, 123456789.123456789, 1 << 53, math.SmallestNonzeroFloat64} {
		roundTrip(t, k, v, nil)
	}
	for _, v := range []float32{0, 0.1, math.MaxFloat32, 1.17549435e-38} {
		roundTrip(t, k, v, nil)
	}
}

func textValues(t *testing.T, s *suite) {
	k := s.keep(t, Text)
	for _, v := range []string{
		"", " ", " leading and trailing ", "it's", `"quoted"`, `back\slash`, "a;b", "-- not a comment", "?", ":name", "$1", "%s", "NULL",
		"tab\tnewline\ncarriage\r\n", "Ünïcödé", "日本語", "العربية", "עברית", "ไทย", "e\u0301 is not é", "👩‍👩‍👧‍👦🏳️‍🌈", "\U0010FFFD",
		"\ufeffBOM", "\u200b", "ﬀ", "ß", "İ", strings.Repeat("長い", 5000), "\x01\x7f",
	} {
		roundTrip(t, k, v, nil)
	}
	type label string
	roundTrip(t, k, label("of a named type"), nil)
}

func zeroByteText(t *testing.T, s *suite) {
	k := s.keep(t, Text)
	const v = "before\x00after"
	if s.Limits.ZeroByte {
		roundTrip(t, k, v, nil)
		return
	}
	if _, err := k.Execute(t.Context(), k.Insert, 1, v); err == nil {
		got := must[string](t)(plinth.One[string](t.Context(), k, k.Select, 1))
		t.Errorf("a text with a zero byte was taken and is %q", got)
	}
}

func bytesValues(t *testing.T, s *suite) {
	k := s.keep(t, Bytes)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, v := range [][]byte{{}, {0}, {0, 0, 0}, []byte("text"), {0xff, 0xfe}, every, bytes.Repeat(every, 100)} {
		roundTrip(t, k, v, bytes.Equal)
	}
	id := k.put(t, []byte{})
	row := must[plinth.Row](t)(k.FetchOne(t.Context(), k.Select, id))
	equal(t, "empty bytes are NULL", row.IsNull("v"), false)
	id = k.put(t, []byte(nil))
	row = must[plinth.Row](t)(k.FetchOne(t.Context(), k.Select, id))
	equal(t, "nil bytes are NULL", row.IsNull("v"), true)

	mine := []byte("before")
	id = k.put(t, mine)
	copy(mine, "after!")
	equal(t, "bytes changed after the call", string(must[[]byte](t)(plinth.One[[]byte](t.Context(), k, k.Select, id))), "before")
}

func boolValues(t *testing.T, s *suite) {
	k := s.keep(t, Bool)
	roundTrip(t, k, true, nil)
	roundTrip(t, k, false, nil)
}

func timeValues(t *testing.T, s *suite) {
	k := s.keep(t, Time)
	same := func(a, b time.Time) bool { return a.Truncate(s.Limits.Precision).Equal(b.Truncate(s.Limits.Precision)) }
	tokyo, newfoundland := time.FixedZone("", 9*3600), time.FixedZone("NST", -(3*3600+1800))
	for _, v := range []time.Time{
		time.Date(2024, 2, 29, 23, 59, 59, 999999000, time.UTC),
		time.Date(2024, 7, 1, 12, 0, 0, 0, tokyo),
		time.Date(2024, 7, 1, 0, 30, 0, 1000, newfoundland),
		time.Date(2024, 12, 31, 23, 0, 0, 120000000, time.Local),
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 500000000, time.UTC),
		time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Now(),
	} {
		roundTrip(t, k, v, same)
	}
}

func dateValues(t *testing.T, s *suite) {
	k := s.keep(t, Date)
	same := func(a, b time.Time) bool { return a.Equal(b) && a.Location() == time.UTC }
	for _, v := range []time.Time{
		time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
	} {
		roundTrip(t, k, v, same)
	}
}

func decimalValues(t *testing.T, s *suite) {
	k := s.keep(t, Decimal)
	for _, digits := range []string{"0", "1.50", "-1.50", "0.1", "-0.0000000001", "12345678901234567890.0123456789",
		"-99999999999999999999.9999999999", "100000000000000000000"[:20]} {
		v, err := plinth.ParseDecimal(digits)
		ok(t, err)
		roundTrip(t, k, v, plinth.Decimal.Equal)
	}
}

func uuidValues(t *testing.T, s *suite) {
	k := s.keep(t, UUID)
	for _, v := range []string{"00000000-0000-0000-0000-000000000000", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "ffffffff-ffff-ffff-ffff-ffffffffffff"} {
		roundTrip(t, k, v, nil)
	}
}

func jsonValues(t *testing.T, s *suite) {
	type address struct {
		Street string   `json:"street"`
		Tags   []string `json:"tags,omitempty"`
		Geo    *struct{ Lat, Lon float64 }
	}
	k := s.keep(t, JSON)
	id := k.put(t, address{Street: "Elm \"1\"", Tags: []string{"a", "ß"}})
	got := must[struct{ V address }](t)(plinth.One[struct{ V address }](t.Context(), k, k.Select, id))
	equal(t, "a struct", got.V, address{Street: "Elm \"1\"", Tags: []string{"a", "ß"}})

	id = k.put(t, map[string]any{"a": 1.5, "b": []any{true, nil}})
	asMap := must[struct{ V map[string]any }](t)(plinth.One[struct{ V map[string]any }](t.Context(), k, k.Select, id))
	equal(t, "a map", asMap.V, map[string]any{"a": 1.5, "b": []any{true, nil}})

	id = k.put(t, []int{1, 2, 3})
	asSlice := must[struct{ V []int }](t)(plinth.One[struct{ V []int }](t.Context(), k, k.Select, id))
	equal(t, "a slice", asSlice.V, []int{1, 2, 3})

	id = k.put(t, json.RawMessage(`{"a": [1, 2]}`))
	raw := must[json.RawMessage](t)(plinth.One[json.RawMessage](t.Context(), k, k.Select, id))
	var compact bytes.Buffer
	ok(t, json.Compact(&compact, raw))
	equal(t, "raw JSON", compact.String(), `{"a":[1,2]}`)
}

func nullValues(t *testing.T, s *suite) {
	for f := range s.Statements.Store {
		t.Run(string(f), func(t *testing.T) {
			k := s.keep(t, f)
			row := must[plinth.Row](t)(k.FetchOne(t.Context(), k.Select, k.put(t, nil)))
			equal(t, "NULL", row.IsNull("v"), true)
			v, there := row.Value("v")
			equal(t, "the untyped value", v, nil)
			equal(t, "there", there, true)
		})
	}
}

func untypedValues(t *testing.T, s *suite) {
	sample := map[Family]any{
		Int: 1, Float: 1.5, Text: "text", Bytes: []byte{0, 1}, Bool: true, Time: time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC),
		Date: time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), Decimal: must[plinth.Decimal](t)(plinth.ParseDecimal("1.5")),
		UUID: "f47ac10b-58cc-4372-a567-0e02b2c3d479", JSON: json.RawMessage(`{"a":1}`),
	}
	goType := map[driver.ValueKind]string{
		driver.KindBool: "bool", driver.KindInt: "int64", driver.KindUint: "uint64", driver.KindFloat: "float64", driver.KindDecimal: "string",
		driver.KindText: "string", driver.KindBytes: "[]uint8", driver.KindTime: "time.Time", driver.KindDate: "time.Time",
		driver.KindUUID: "string", driver.KindJSON: "json.RawMessage",
	}
	for f, store := range s.Statements.Store {
		t.Run(string(f), func(t *testing.T) {
			k := s.keep(t, f)
			id := k.put(t, sample[f])
			m := must[map[string]any](t)(plinth.One[map[string]any](t.Context(), k, k.Select, id))
			if store.Kind == driver.KindNested {
				return // of a Go type that is the driver's own
			}
			equal(t, "the Go type", fmt.Sprintf("%T", m["v"]), goType[store.Kind])
		})
	}
}

func strangeArguments(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	for _, v := range []any{make(chan int), func() {}, complex(1, 1), struct{ C chan int }{}} {
		_, err := d.Execute(t.Context(), d.Insert, 2, v, 0, nil)
		if is(t, err, plinth.ErrArgument); err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%T", v)) {
			t.Errorf("error %q doesn't name the type %T", err, v)
		}
	}
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		_, err := tx.Execute(ctx, d.Insert, 2, make(chan int), 0, nil)
		is(t, err, plinth.ErrArgument)
		done(t)(tx.Execute(ctx, d.Add, 1, 1)) // nothing was sent: the transaction goes on
		return nil
	}))
	equal(t, "n", d.n(t, 1), 1)
}
