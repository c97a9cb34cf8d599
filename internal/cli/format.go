package cli

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// writer prints a result, row by row.
type writer interface {
	Columns(names []string) error
	Row(values []any) error // values may be kept
	Close() error           // isn't called if the result was cut short
}

// newWriter returns the writer of a format that the flag -o allows.
func newWriter(format string, out *output) writer {
	switch format {
	case "json":
		return &jsonWriter{out: out}
	case "jsonl":
		return &jsonWriter{out: out, lines: true}
	case "csv":
		return newCSVWriter(out)
	case "vertical":
		return &verticalWriter{out: out}
	case "markdown":
		return &markdownWriter{out: out}
	}
	return &tableWriter{out: out}
}

// null is how the formats for people show NULL.
const null = "NULL"

// text returns a value as the formats that are text show it.
func text(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return null, nil
	case string:
		return v, nil
	case []byte:
		return `\x` + hex.EncodeToString(v), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		return float(v), nil
	case json.RawMessage:
		return string(v), nil
	case bson.ObjectID:
		return v.Hex(), nil
	}
	b, err := appendJSON(nil, v)
	return string(b), err
}

// float returns the shortest digits that are exactly f again, with a fraction or an exponent so that nobody takes them for
// an integer's, and the names that PostgreSQL has for what isn't a number.
func float(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) { // the bounds of encoding/json
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// numeric reports whether a table shows a value at the right.
func numeric(v any) bool {
	switch v.(type) {
	case int64, uint64, float64:
		return true
	}
	return false
}

// printable returns a text on one line without anything that a terminal would act upon: control characters and bytes
// that aren't UTF-8 are written as Go writes them in a string.
func printable(s string) string {
	if strings.IndexFunc(s, needsEscape) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsControl(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

func needsEscape(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }

// count returns "1 row", "2 rows".
func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatInt(n, 10) + " " + what + "s"
}

// round shortens a duration to about three digits.
func round(d time.Duration) time.Duration {
	for unit := time.Second; unit >= time.Microsecond; unit /= 1000 {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d
}
