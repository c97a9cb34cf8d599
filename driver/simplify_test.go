package driver

import (
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type (
	userID   int64
	tiny     uint8
	ratio    float32
	email    string
	flag     bool
	stamp    time.Time
	digest   [4]byte
	blob     []byte
	address  struct{ Street string }
	pointer  *pointer
	endless  struct{}
	byValue  struct{ s string }
	byPtr    struct{ s string }
	textPtr  struct{ s string }
	refusing struct{}
	exact    struct{ s string }
)

func (v endless) Value() (sqldriver.Value, error) { return v, nil }
func (v byValue) Value() (sqldriver.Value, error) { return v.s, nil }
func (refusing) Value() (sqldriver.Value, error)  { return nil, errors.New("out of range") }
func (v *textPtr) MarshalText() ([]byte, error)   { return []byte("text " + v.s), nil }
func (v exact) Value() (sqldriver.Value, error)   { return v.s, nil }
func (v exact) Rat() *big.Rat                     { return nil }
func (v *byPtr) Value() (sqldriver.Value, error) {
	if v == nil {
		return "none", nil
	}
	return userID(len(v.s)), nil
}

func TestSimplifyBringsArgumentsDownToPlainValues(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 5, 6, 7, 8, 9, 10, time.FixedZone("", 3600))
	n, none := 5, (*int)(nil)
	id := &n
	for name, c := range map[string]struct{ in, want any }{
		"nil":                            {nil, nil},
		"int":                            {7, int64(7)},
		"named integer":                  {userID(7), int64(7)},
		"named byte":                     {tiny(7), int64(7)},
		"uint64 that fits":               {uint64(math.MaxInt64), int64(math.MaxInt64)},
		"uint64 that doesn't":            {uint64(math.MaxInt64) + 1, uint64(math.MaxInt64) + 1},
		"uint that doesn't":              {uint(math.MaxUint64), uint64(math.MaxUint64)},
		"float32":                        {ratio(0.5), 0.5},
		"named string":                   {email("a@b"), "a@b"},
		"named bool":                     {flag(true), true},
		"time":                           {now, now},
		"pointer to a time":              {&now, now},
		"type made from time":            {stamp(now), now},
		"nil pointer to a time":          {(*time.Time)(nil), nil},
		"duration":                       {time.Second, int64(1e9)},
		"pointer":                        {id, int64(5)},
		"pointer to a pointer":           {&id, int64(5)},
		"nil pointer":                    {none, nil},
		"pointer to a nil pointer":       {&none, nil},
		"bytes":                          {[]byte("x"), []byte("x")},
		"no bytes":                       {[]byte{}, []byte{}},
		"nil bytes":                      {[]byte(nil), nil},
		"named bytes":                    {blob("x"), []byte("x")},
		"nil named bytes":                {blob(nil), nil},
		"array of bytes":                 {digest{1, 2, 3, 4}, []byte{1, 2, 3, 4}},
		"raw JSON":                       {json.RawMessage(`{"a":1}`), `{"a":1}`},
		"nil raw JSON":                   {json.RawMessage(nil), nil},
		"struct":                         {address{"Elm"}, `{"Street":"Elm"}`},
		"pointer to a struct":            {&address{"Elm"}, `{"Street":"Elm"}`},
		"map":                            {map[string]int{"a": 1}, `{"a":1}`},
		"nil map":                        {map[string]int(nil), nil},
		"slice":                          {[]string{"a"}, `["a"]`},
		"empty slice":                    {[]string{}, `[]`},
		"array":                          {[2]int{1, 2}, `[1,2]`},
		"text marshaler":                 {netip.MustParseAddr("10.0.0.1"), "10.0.0.1"},
		"text marshaler that's a number": {slog.LevelWarn, "WARN"},
		"pointer's text marshaler":       {textPtr{"x"}, "text x"},
		"nil text marshaler":             {(*big.Int)(nil), nil},
		"big integer":                    {big.NewInt(5), "5"},
		"big integer without address":    {*big.NewInt(5), "5"},
		"Valuer":                         {byValue{"x"}, "x"},
		"nil pointer to a Valuer":        {(*byValue)(nil), nil},
		"Valuer on the pointer":          {&byPtr{"xyz"}, int64(3)},
		"Valuer on the pointer, copied":  {byPtr{"xyz"}, int64(3)},
		"Valuer on a nil pointer":        {(*byPtr)(nil), "none"},
		"sql.NullString":                 {sql.NullString{String: "x", Valid: true}, "x"},
		"sql.NullTime":                   {sql.NullTime{}, nil},
		"sql.Null of a large number":     {sql.Null[uint64]{V: math.MaxUint64, Valid: true}, uint64(math.MaxUint64)},
		"sql.Null of a decimal":          {sql.Null[exact]{V: exact{"1.50"}, Valid: true}, Decimal("1.50")},
		"pointer to sql.Null":            {&sql.Null[userID]{V: 5, Valid: true}, int64(5)},
		"nil pointer to sql.Null":        {(*sql.NullInt64)(nil), nil},
		"decimal":                        {exact{"1.50"}, Decimal("1.50")},
		"pointer to a decimal":           {&exact{"1.50"}, Decimal("1.50")},
		"nil pointer to a decimal":       {(*exact)(nil), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Simplify(c.in)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("Simplify(%#v) = %#v, %v; want %#v", c.in, got, err, c.want)
			}
		})
	}
}

func TestSimplifyRefusesWhatNoDatabaseHasNamingTheType(t *testing.T) {
	t.Parallel()
	var loop pointer
	loop = &loop
	for name, c := range map[string]struct {
		in   any
		want string
	}{
		"channel":                 {make(chan int), "chan int"},
		"function":                {func() {}, "func()"},
		"complex":                 {1i, "complex128"},
		"uintptr":                 {uintptr(1), "uintptr"},
		"pointer to a channel":    {new(chan int), "chan int"},
		"JSON can't":              {struct{ C chan int }{}, "struct { C chan int }"},
		"Value that fails":        {refusing{}, "driver.refusing: out of range"},
		"Value that never ends":   {endless{}, "driver.endless"},
		"pointer that never ends": {loop, "driver.pointer"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Simplify(c.in)
			if !errors.Is(err, Argument) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Simplify = %#v, %v; want an Argument fault that names %s", got, err, c.want)
			}
		})
	}
}

func TestSimplifyDoesNotCopyBytes(t *testing.T) {
	t.Parallel()
	in := []byte("x")
	got, err := Simplify(blob(in))
	if err != nil || &got.([]byte)[0] != &in[0] {
		t.Errorf("Simplify made a copy (error %v)", err)
	}
}
