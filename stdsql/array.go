package stdsql

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// arrayText returns an array as PostgreSQL writes it, https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO, for
// scanners that read just that. of is the name of the array's type.
func arrayText(list []any, of string) string {
	var b strings.Builder
	writeArray(&b, list, strings.TrimSuffix(strings.TrimPrefix(of, "_"), "[]"))
	return b.String()
}

func writeArray(b *strings.Builder, list []any, of string) {
	b.WriteByte('{')
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		if inner, ok := v.([]any); ok {
			writeArray(b, inner, of)
		} else if v == nil {
			b.WriteString("NULL")
		} else {
			writeElement(b, elementText(v, of))
		}
	}
	b.WriteByte('}')
}

// elementText returns an element as PostgreSQL writes a value of that type.
func elementText(v any, of string) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)[:1]
	case []byte:
		return fmt.Sprintf(`\x%x`, v)
	case float64:
		switch text := strconv.FormatFloat(v, 'g', -1, 64); text {
		case "+Inf":
			return "Infinity"
		case "-Inf":
			return "-Infinity"
		default:
			return text
		}
	case time.Time:
		switch of {
		case "date":
			return v.Format(time.DateOnly)
		case "timestamp":
			return v.Format("2006-01-02 15:04:05.999999")
		}
		return v.Format("2006-01-02 15:04:05.999999-07:00")
	case json.RawMessage:
		return string(v)
	case map[string]any:
		text, err := json.Marshal(v)
		if err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v)
}

// writeElement quotes text where it would be taken for something else.
func writeElement(b *strings.Builder, text string) {
	if text != "" && !strings.ContainsAny(text, "{}\", \\\t\n\v\f\r") && !strings.EqualFold(text, "NULL") {
		b.WriteString(text)
		return
	}
	b.WriteByte('"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	b.WriteByte('"')
}
