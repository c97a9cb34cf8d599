package pgvalue

import (
	"encoding/binary"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// The signs of a numeric (src/backend/utils/adt/numeric.c).
const (
	numericNegative         = 0x4000
	numericNaN              = 0xC000
	numericInfinity         = 0xD000
	numericNegativeInfinity = 0xF000
	numericMaxScale         = 0x3FFF
)

// numericValue reads a numeric: the count of its digits to the base 10000, the exponent of the first, the sign, the number of
// decimal digits after the point, and the digits.
func numericValue(src []byte, a *Arena) (v driver.Value, ok bool) {
	if len(src) < 8 {
		return v, false
	}
	count, weight := int(binary.BigEndian.Uint16(src)), int(int16(binary.BigEndian.Uint16(src[2:])))
	sign, scale := binary.BigEndian.Uint16(src[4:]), int(binary.BigEndian.Uint16(src[6:]))
	digits := src[8:]
	if len(digits) != 2*count || scale > numericMaxScale {
		return v, false
	}
	switch sign {
	case numericNaN:
		return driver.DecimalValue("NaN"), true
	case numericInfinity:
		return driver.DecimalValue("Infinity"), true
	case numericNegativeInfinity:
		return driver.DecimalValue("-Infinity"), true
	case 0, numericNegative:
	default:
		return v, false
	}
	for i := 0; i < len(digits); i += 2 {
		if binary.BigEndian.Uint16(digits[i:]) > 9999 {
			return v, false
		}
	}

	digit := func(i int) int { // of weight -i
		if i += weight; i < 0 || i >= count {
			return 0
		}
		return int(binary.BigEndian.Uint16(digits[2*i:]))
	}
	var buf [64]byte
	b := buf[:0]
	if sign == numericNegative {
		b = append(b, '-')
	}
	start := len(b)
	for i := -weight; i <= 0; i++ {
		n := digit(i)
		for unit := 1000; unit > 0; unit /= 10 {
			if c := byte('0' + n/unit%10); c != '0' || len(b) > start {
				b = append(b, c)
			}
		}
	}
	if len(b) == start {
		b = append(b, '0')
	}
	if scale > 0 {
		b = append(b, '.')
		end := len(b) + scale
		for i := 1; len(b) < end; i++ {
			n := digit(i)
			b = append(b, byte('0'+n/1000), byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
		}
		b = b[:end]
	}
	return driver.DecimalValue(a.Text(b)), true
}

// appendNumeric writes digits such as -12.50, NaN or an infinity as a numeric. The rest, which the server may know to read
// and else says best what is wrong with it, isn't ok: exponents, and what is beyond numeric's limits.
func appendNumeric(dst []byte, s string) (out []byte, ok bool) {
	sign := uint16(0)
	switch s {
	case "NaN":
		sign = numericNaN
	case "Infinity":
		sign = numericInfinity
	case "-Infinity":
		sign = numericNegativeInfinity
	}
	if sign != 0 {
		return append(dst, 0, 0, 0, 0, byte(sign>>8), byte(sign), 0, 0), true
	}
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = numericNegative
		}
		s = s[1:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if whole == "" && fraction == "" || !isDigits(whole) || !isDigits(fraction) || len(fraction) > numericMaxScale {
		return dst, false
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > 4*(1<<15) {
		return dst, false
	}
	at := func(i int) uint16 { // the decimal digit of weight -i: 0 is the last before the point
		switch i += len(whole) - 1; {
		case i < 0, i >= len(whole)+len(fraction):
			return 0
		case i < len(whole):
			return uint16(whole[i] - '0')
		}
		return uint16(fraction[i-len(whole)] - '0')
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, byte(len(fraction)>>8), byte(len(fraction)))
	weight := (len(whole)+3)/4 - 1
	count := 0
	for i := -weight; i <= (len(fraction)+3)/4; i++ {
		n := at(4*i-3)*1000 + at(4*i-2)*100 + at(4*i-1)*10 + at(4*i)
		if n == 0 && count == 0 { // no zeros in front
			weight--
			continue
		}
		dst = binary.BigEndian.AppendUint16(dst, n)
		count++
	}
	for count > 0 && dst[len(dst)-1] == 0 && dst[len(dst)-2] == 0 { // nor at the end
		dst = dst[:len(dst)-2]
		count--
	}
	if count == 0 {
		weight, sign = 0, 0
	}
	binary.BigEndian.PutUint16(dst[start:], uint16(count))
	binary.BigEndian.PutUint16(dst[start+2:], uint16(int16(weight)))
	binary.BigEndian.PutUint16(dst[start+4:], sign)
	return dst, true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
