package pgvalue

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/plinthdb/plinth/driver"
)

// rounds returns manyRounds, or few where tests have to be short.
func rounds() int {
	if testing.Short() {
		return 1000
	}
	return manyRounds
}

// sample is a value in the forms that pgtype and this package know it by. pg and arg may be the same.
type sample struct {
	pg   any    // for pgtype
	arg  any    // for Encode
	text string // as the server writes it, "" for what pgtype writes
	want driver.Value
}

// TestBinaryFormatsAreTheSameAsPgtypes encodes random values here and by pgtype, and decodes what both made.
func TestBinaryFormatsAreTheSameAsPgtypes(t *testing.T) {
	for _, c := range []struct {
		oid    uint32
		loose  bool // pgtype writes zeros at a numeric's end and an empty array's dimension; a NaN is a NaN
		random func(r *rand.Rand) sample
	}{
		{pgtype.BoolOID, false, func(r *rand.Rand) sample { v := r.IntN(2) == 1; return sample{v, v, "", driver.BoolValue(v)} }},
		{pgtype.Int2OID, false, func(r *rand.Rand) sample { v := int16(integer(r)); return sample{v, v, "", driver.IntValue(int64(v))} }},
		{pgtype.Int4OID, false, func(r *rand.Rand) sample { v := int32(integer(r)); return sample{v, v, "", driver.IntValue(int64(v))} }},
		{pgtype.Int8OID, false, func(r *rand.Rand) sample { v := integer(r); return sample{v, v, "", driver.IntValue(v)} }},
		{pgtype.OIDOID, false, func(r *rand.Rand) sample { v := uint32(integer(r)); return sample{v, v, "", driver.IntValue(int64(v))} }},
		{pgtype.XID8OID, false, func(r *rand.Rand) sample { v := uint64(integer(r)); return sample{v, v, "", driver.UintValue(v)} }},
		{pgtype.Float4OID, true, func(r *rand.Rand) sample {
			v := math.Float32frombits(r.Uint32())
			return sample{v, v, pgFloat(float64(v), 32), driver.FloatValue(float64(v))}
		}},
		{pgtype.Float8OID, true, func(r *rand.Rand) sample {
			v := math.Float64frombits(r.Uint64())
			return sample{v, v, pgFloat(v, 64), driver.FloatValue(v)}
		}},
		{pgtype.NumericOID, true, randomNumeric},
		{pgtype.TextOID, false, func(r *rand.Rand) sample { v := randomText(r); return sample{v, v, "", driver.TextValue(v)} }},
		{pgtype.NameOID, false, func(r *rand.Rand) sample { v := randomText(r); return sample{v, v, "", driver.TextValue(v)} }},
		{pgtype.ByteaOID, false, func(r *rand.Rand) sample {
			v := make([]byte, r.IntN(20))
			for i := range v {
				v[i] = byte(r.Uint32())
			}
			return sample{v, v, "", driver.BytesValue(v)}
		}},
		{pgtype.JSONBOID, false, func(r *rand.Rand) sample {
			v := strconv.Quote(strconv.Itoa(r.Int()))
			return sample{[]byte(v), v, "", driver.JSONValue(v)}
		}},
		{pgtype.UUIDOID, false, func(r *rand.Rand) sample {
			var v [16]byte
			for i := range v {
				v[i] = byte(r.Uint32())
			}
			s := fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
			if r.IntN(2) == 0 {
				return sample{v, s, "", driver.UUIDValue(s)}
			}
			return sample{v, v, "", driver.UUIDValue(s)}
		}},
		{pgtype.DateOID, false, func(r *rand.Rand) sample {
			v := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(int32(integer(r))>>r.IntN(10))%2_000_000)
			return sample{pgtype.Date{Time: v, Valid: true}, v, pgDate(v, "", ""), driver.DateValue(v)}
		}},
		{pgtype.TimestampOID, false, func(r *rand.Rand) sample {
			v := randomTime(r)
			return sample{pgtype.Timestamp{Time: v, Valid: true}, v, pgDate(v, " 15:04:05.999999", ""), driver.TimeValue(v)}
		}},
		{pgtype.TimestamptzOID, false, func(r *rand.Rand) sample {
			v := randomTime(r)
			hour, minute, second := r.IntN(14), r.IntN(60)*r.IntN(2), r.IntN(60)*r.IntN(2)
			east, offset := hour*3600+minute*60+second, fmt.Sprintf("+%02d", hour)
			if minute+second > 0 {
				offset += fmt.Sprintf(":%02d", minute)
			}
			if second > 0 {
				offset += fmt.Sprintf(":%02d", second)
			}
			if r.IntN(2) == 0 {
				east, offset = -east, "-"+offset[1:]
			}
			local := v.In(time.FixedZone("", east))
			text := pgDate(local, " 15:04:05.999999", offset)
			return sample{pgtype.Timestamptz{Time: v, Valid: true}, local, text, driver.TimeValue(v)}
		}},
		{pgtype.TimeOID, false, func(r *rand.Rand) sample {
			v := time.Duration(r.Int64N(86400e6)/[]int64{1, 1e3, 1e6, 6e7}[r.IntN(4)]) * time.Microsecond
			s := time.Unix(0, 0).UTC().Add(v).Format("15:04:05.999999")
			return sample{pgtype.Time{Microseconds: v.Microseconds(), Valid: true}, v, s, driver.TextValue(s)}
		}},
		{pgtype.Int4ArrayOID, true, func(r *rand.Rand) sample {
			v := make([]int32, r.IntN(5))
			want := make([]any, len(v))
			for i := range v {
				v[i] = int32(integer(r))
				want[i] = int64(v[i])
			}
			return sample{v, v, "", driver.NestedValue(want)}
		}},
		{pgtype.TextArrayOID, true, func(r *rand.Rand) sample {
			v := make([]*string, r.IntN(5))
			want := make([]any, len(v))
			for i := range v {
				if s := randomText(r); r.IntN(5) > 0 {
					v[i], want[i] = &s, s
				}
			}
			return sample{v, v, "", driver.NestedValue(want)}
		}},
		{pgtype.Float8ArrayOID, false, func(r *rand.Rand) sample {
			n := 1 + r.IntN(3)
			v, want := make([][]float64, 1+r.IntN(3)), []any{}
			for i := range v {
				var line []any
				for range n {
					f := r.NormFloat64()
					v[i], line = append(v[i], f), append(line, f)
				}
				want = append(want, line)
			}
			return sample{v, v, "", driver.NestedValue(want)}
		}},
	} {
		typ, pg := Builtin(c.oid), pgtype.NewMap()
		t.Run(typ.Name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, uint64(c.oid)))
			var arena Arena
			for range rounds() {
				s := c.random(r)
				theirs, err := pg.Encode(c.oid, pgtype.BinaryFormatCode, s.pg, nil)
				if err != nil {
					t.Fatalf("pgtype, %#v: %v", s.pg, err)
				}
				ours, format, err := typ.Encode(nil, s.arg)
				if err != nil || format != Binary || !bytes.Equal(ours, theirs) && !c.loose {
					t.Fatalf("%#v is %x in format %d, %v; by pgtype %x", s.arg, ours, format, err, theirs)
				}
				decodes(t, typ, ours, Binary, &arena, s.want)
				decodes(t, typ, theirs, Binary, &arena, s.want)
				if s.text == "" {
					text, err := pg.Encode(c.oid, pgtype.TextFormatCode, s.pg, nil)
					if err != nil {
						t.Fatalf("pgtype, %#v: %v", s.pg, err)
					}
					s.text = string(text)
				}
				decodes(t, typ, []byte(s.text), Text, &arena, s.want)
			}
		})
	}
}

func decodes(t *testing.T, typ *Type, src []byte, format int16, a *Arena, want driver.Value) {
	t.Helper()
	if src == nil { // pgtype's empty value
		src = []byte{}
	}
	got, err := typ.Decode(src, format, a)
	if err != nil || !sameValue(got, want) {
		t.Fatalf("%s in format %d, %q, is %v %#v, %v; want %v %#v", typ.Name, format, src, got.Kind(), got.Any(), err, want.Kind(), want.Any())
	}
}

func sameValue(a, b driver.Value) bool {
	return a.Kind() == b.Kind() && sameAny(a.Any(), b.Any())
}

func sameAny(a, b any) bool {
	if f, ok := a.(float64); ok && math.IsNaN(f) {
		f, ok = b.(float64)
		return ok && math.IsNaN(f)
	}
	return reflect.DeepEqual(a, b)
}

// integer returns one of any length in bits.
func integer(r *rand.Rand) int64 { return int64(r.Uint64()) >> r.IntN(64) }

func randomText(r *rand.Rand) string {
	b := make([]rune, r.IntN(12))
	for i := range b {
		b[i] = []rune("aZ9 \\\"'{},;:NULL\n\tß日𝄞")[r.IntN(21)]
	}
	return string(b)
}

func randomNumeric(r *rand.Rand) sample {
	n := new(big.Int).SetInt64(integer(r))
	for range r.IntN(4) {
		n.Mul(n, big.NewInt(integer(r)))
	}
	scale := r.IntN(30)
	if r.IntN(3) == 0 {
		n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(r.IntN(40))), nil))
	}
	digits := new(big.Int).Abs(n).String()
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale+1-len(digits)) + digits
	}
	s := digits[:len(digits)-scale]
	if scale > 0 {
		s += "." + digits[len(digits)-scale:]
	}
	if n.Sign() < 0 {
		s = "-" + s
	}
	return sample{pgtype.Numeric{Int: n, Exp: int32(-scale), Valid: true}, driver.Decimal(s), s, driver.DecimalValue(s)}
}

// randomTime returns an instant to the microsecond in the years that PostgreSQL has.
func randomTime(r *rand.Rand) time.Time {
	seconds := integer(r) % 9_000_000_000_000
	if seconds < -200_000_000_000 {
		seconds /= 1000
	}
	us := r.Int64N(1e6)
	if r.IntN(3) == 0 {
		us = 0
	}
	return time.Unix(seconds, us*1000).UTC()
}

// pgDate writes a time as the server does, with the clock in Go's layout and the zone as it is.
func pgDate(v time.Time, clock, zone string) string {
	year, bc := v.Year(), ""
	if year <= 0 {
		year, bc = 1-year, " BC"
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, v.Month(), v.Day()) + v.Format(clock) + zone + bc
}

func pgFloat(f float64, bits int) string {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return floatName(f)
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}
