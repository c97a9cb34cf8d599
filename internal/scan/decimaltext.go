package scan

import (
	"math"
	"strconv"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// wholeDecimal returns the magnitude and the sign of a decimal that is a whole number, such as 12, 12.00 or 1.2E+1.
func wholeDecimal(v *driver.Value) (n uint64, negative bool, p *problem) {
	body, negative := strings.CutPrefix(v.Text(), "-")
	exponent := 0
	if i := strings.IndexAny(body, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(body[i+1:]); err != nil || exponent > math.MaxInt32 || exponent < math.MinInt32 {
			return 0, false, outOfRange(v)
		}
		body = body[:i]
	}
	whole, fraction, _ := strings.Cut(body, ".")
	point := len(whole) + exponent
	for i := range len(whole) + len(fraction) {
		var c byte
		if i < len(whole) {
			c = whole[i] - '0'
		} else {
			c = fraction[i-len(whole)] - '0'
		}
		switch {
		case c > 9, i >= point && c != 0: // NaN, Infinity; a fraction
			return 0, false, fractional(v)
		case i >= point:
		case n > (math.MaxUint64-uint64(c))/10:
			return 0, false, outOfRange(v)
		default:
			n = n*10 + uint64(c)
		}
	}
	for i := len(whole) + len(fraction); i < point && n > 0; i++ {
		if n > math.MaxUint64/10 {
			return 0, false, outOfRange(v)
		}
		n *= 10
	}
	return n, negative, nil
}
