package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// jsonWriter prints an array of objects, or an object a line. The columns are in the order of the result, and a name
// that two columns have is there twice.
type jsonWriter struct {
	out   *output
	lines bool
	keys  [][]byte // encoded, with their colon
	row   []byte   // reused
	rows  int64
}

// Columns implements writer.
func (j *jsonWriter) Columns(names []string) error {
	for _, name := range names {
		key, err := appendJSON(nil, name)
		if err != nil {
			return err
		}
		j.keys = append(j.keys, append(key, ':'))
	}
	return nil
}

// Row implements writer.
func (j *jsonWriter) Row(values []any) (err error) {
	b := j.row[:0]
	switch {
	case j.lines:
	case j.rows == 0:
		b = append(b, "[\n"...)
	default:
		b = append(b, ",\n"...)
	}
	j.rows++
	b = append(b, '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, j.keys[i]...)
		if b, err = appendJSON(b, v); err != nil {
			return err
		}
	}
	b = append(b, '}')
	if j.lines {
		b = append(b, '\n')
	}
	j.row = b
	_, err = j.out.Write(b)
	return err
}

// Close implements writer. An array that an error has cut short stays without its end, so that nobody takes it for whole.
func (j *jsonWriter) Close() error {
	end := "\n]\n"
	switch {
	case j.lines:
		return nil
	case j.rows == 0:
		end = "[]\n"
	}
	_, err := j.out.WriteString(end)
	return err
}

// appendJSON appends a value as encoding/json has it, but with <, > and & as they are, and what JSON has no number for
// (infinity, not a number) as a string, as PostgreSQL's to_json does.
func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case uint64:
		return strconv.AppendUint(b, v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return strconv.AppendQuote(b, float(v)), nil
		}
		return append(b, float(v)...), nil
	case json.RawMessage:
		var compact bytes.Buffer // a line stays a line
		if err := json.Compact(&compact, v); err != nil {
			return nil, err
		}
		return append(b, compact.Bytes()...), nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...), nil
}
