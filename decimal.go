package plinth

import (
	"cmp"
	sqldriver "database/sql/driver"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// Decimal is an exact decimal number: it reads and writes the databases' decimal types without going through a float.
// It carries numbers and compares them; to calculate, take Rat or a decimal library of your choice. The zero value is 0.
//
// A Decimal keeps its scale, the number of digits after the point: "1.50" stays "1.50". Two that are equal may
// differ in scale, therefore == doesn't compile; use Equal.
//
// In JSON it is a string, "1.50", because most readers turn a JSON number into a float64 and lose digits; from JSON it
// takes numbers too. A Decimal is immutable but for Scan and the Unmarshal methods, and copying it is safe.
type Decimal struct {
	_     [0]func() // not comparable
	scale int32     // digits after the point, never negative
	small int64     // the coefficient if big is nil
	big   *big.Int  // the coefficient if it doesn't fit in small; never changed
}

// The limits of PostgreSQL's numeric (documentation, "Numeric Types"), the widest of the databases. They bound what a
// few characters such as 1e999999999 can cost.
const (
	maxWholeDigits    = 131072 // before the point
	maxScale          = 16383  // after the point
	maxExponent       = 16384  // in the exponent form, either way
	maxSmallDigits    = 18     // every coefficient of so many digits fits an int64
	maxExponentDigits = 5
)

// ParseDecimal reads a number such as "-12.50", ".5" or "1.2e-3". It takes what PostgreSQL's numeric can hold: up to
// 131,072 digits before the point and 16,383 after it, and exponents up to 16,384 either way. NaN and infinities
// aren't decimals. Errors are ErrInvalid and don't repeat the text.
func ParseDecimal(s string) (Decimal, error) {
	if len(s) > maxWholeDigits+maxScale+maxExponentDigits+4 { // two signs, point, e
		return Decimal{}, invalidDecimal("more digits than a decimal can have")
	}
	body, negative := s, false
	if body != "" && (body[0] == '-' || body[0] == '+') {
		body, negative = body[1:], body[0] == '-'
	}
	if notFinite(body) {
		return Decimal{}, invalidDecimal("NaN and infinity aren't decimals; read such a column into a float64 or a string")
	}
	exponent := 0
	if i := strings.IndexAny(body, "eE"); i >= 0 {
		e, err := strconv.Atoi(body[i+1:])
		if err != nil || len(body[i+1:]) > maxExponentDigits+1 || e < -maxExponent || e > maxExponent {
			return Decimal{}, invalidDecimal("the exponent isn't a whole number between -16384 and 16384")
		}
		body, exponent = body[:i], e
	}
	whole, fraction, _ := strings.Cut(body, ".")
	if whole == "" && fraction == "" || !digitsOnly(whole) || !digitsOnly(fraction) {
		return Decimal{}, invalidDecimal("not a number in digits, such as -12.50")
	}
	return makeDecimal(negative, whole, fraction, len(fraction)-exponent)
}

// makeDecimal puts the number together whose digits are whole and fraction and whose scale is as given, if it is
// within the limits. A negative scale stands for zeros at the end.
func makeDecimal(negative bool, whole, fraction string, scale int) (Decimal, error) {
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		fraction = strings.TrimLeft(fraction, "0")
	}
	digits := len(whole) + len(fraction)
	zeros := max(0, -scale)
	scale = max(0, scale)
	if digits+zeros-scale > maxWholeDigits || scale > maxScale {
		return Decimal{}, invalidDecimal("more than 131,072 digits before the point or 16,383 after it")
	}
	d := Decimal{scale: int32(scale)}
	switch {
	case digits == 0:
	case digits+zeros <= maxSmallDigits:
		for _, part := range [...]string{whole, fraction} {
			for i := range len(part) {
				d.small = d.small*10 + int64(part[i]-'0')
			}
		}
		for range zeros {
			d.small *= 10
		}
		if negative {
			d.small = -d.small
		}
	default:
		n, _ := new(big.Int).SetString(whole+fraction, 10)
		n.Mul(n, powerOf10(zeros))
		if negative {
			n.Neg(n)
		}
		if n.IsInt64() {
			d.small = n.Int64()
		} else {
			d.big = n
		}
	}
	return d, nil
}

// DecimalFromInt returns n with scale 0.
func DecimalFromInt(n int64) Decimal { return Decimal{small: n} }

// String returns the number in plain digits, never with an exponent, with as many digits after the point as its scale.
func (d Decimal) String() string { return string(d.append(make([]byte, 0, 24))) }

func (d Decimal) append(b []byte) []byte {
	var digits []byte
	if d.big != nil {
		digits = d.big.Append(nil, 10)
	} else {
		digits = strconv.AppendInt(make([]byte, 0, 20), d.small, 10)
	}
	if digits[0] == '-' {
		b, digits = append(b, '-'), digits[1:]
	}
	point := len(digits) - int(d.scale)
	if point <= 0 {
		b = append(b, '0', '.')
		for range -point {
			b = append(b, '0')
		}
		return append(b, digits...)
	}
	b = append(b, digits[:point]...)
	if d.scale > 0 {
		b = append(append(b, '.'), digits[point:]...)
	}
	return b
}

// Rat returns the number as a new fraction.
func (d Decimal) Rat() *big.Rat {
	return new(big.Rat).SetFrac(d.coefficient(), powerOf10(int(d.scale)))
}

// Float64 returns the nearest float64, infinite if the number is too large for one, and whether it is the same number.
func (d Decimal) Float64() (f float64, exact bool) { return d.Rat().Float64() }

// Cmp returns -1 if d is less than e, 0 if they are the same number, and 1 if d is greater.
func (d Decimal) Cmp(e Decimal) int {
	if d.scale == e.scale && d.big == nil && e.big == nil {
		return cmp.Compare(d.small, e.small)
	}
	a, b := d.coefficient(), e.coefficient()
	if d.scale < e.scale {
		a.Mul(a, powerOf10(int(e.scale-d.scale)))
	} else {
		b.Mul(b, powerOf10(int(d.scale-e.scale)))
	}
	return a.Cmp(b)
}

// Equal reports whether d and e are the same number; 1.0 equals 1.00.
func (d Decimal) Equal(e Decimal) bool { return d.Cmp(e) == 0 }

// IsZero reports whether d is 0, of whatever scale.
func (d Decimal) IsZero() bool { return d.Sign() == 0 }

// Sign returns -1, 0 or 1 for a negative number, 0 and a positive number.
func (d Decimal) Sign() int {
	if d.big != nil {
		return d.big.Sign()
	}
	return cmp.Compare(d.small, 0)
}

// MarshalText returns what String returns.
func (d Decimal) MarshalText() ([]byte, error) { return d.append(nil), nil }

// UnmarshalText sets d to what ParseDecimal makes of text. It leaves d alone if it fails.
func (d *Decimal) UnmarshalText(text []byte) error { return d.set(string(text)) }

func (d *Decimal) set(text string) error {
	parsed, err := ParseDecimal(text)
	if err == nil {
		*d = parsed
	}
	return err
}

// UnmarshalJSON takes a JSON string or number. A JSON null leaves d alone, as encoding/json has it.
func (d *Decimal) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if len(text) > 0 && text[0] == '"' {
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		return d.set(s)
	}
	return d.set(string(text))
}

// Scan implements database/sql.Scanner: it takes text, integers and floats, not NULL. Of a float it takes the
// shortest digits that stand for it: a decimal of up to 15 significant digits that a database without a decimal type
// keeps as a float, as SQLite does, comes back as the same number, though not with the same scale. It leaves d alone if
// it fails.
func (d *Decimal) Scan(src any) error {
	switch v := src.(type) {
	case string:
		return d.set(v)
	case []byte:
		return d.set(string(v))
	case int64:
		*d = DecimalFromInt(v)
		return nil
	case uint64:
		return d.set(strconv.FormatUint(v, 10))
	case float64:
		return d.set(strconv.FormatFloat(v, 'f', -1, 64))
	case nil:
		return invalidDecimal("NULL isn't a number; use *plinth.Decimal or sql.Null[plinth.Decimal]")
	}
	return invalidDecimal(fmt.Sprintf("a %T isn't a number", src))
}

// Value implements database/sql/driver.Valuer: it returns what String returns. Plinth's own drivers send it as a decimal
// where the database has that type.
func (d Decimal) Value() (sqldriver.Value, error) { return d.String(), nil }

// coefficient returns a copy of the number without its point.
func (d Decimal) coefficient() *big.Int {
	if d.big != nil {
		return new(big.Int).Set(d.big)
	}
	return big.NewInt(d.small)
}

func powerOf10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// notFinite knows the spellings of PostgreSQL and of strconv.
func notFinite(s string) bool {
	return strings.EqualFold(s, "nan") || strings.EqualFold(s, "inf") || strings.EqualFold(s, "infinity")
}

func invalidDecimal(why string) error { return fmt.Errorf("plinth: %w: %s", driver.Invalid, why) }
