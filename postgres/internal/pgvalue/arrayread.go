package pgvalue

import (
	"encoding/binary"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// maxDimensions is PostgreSQL's MAXDIM.
const maxDimensions = 6

// fromBinaryArray reads the number of dimensions, whether there are NULLs, the type of the elements, the length and the
// lower bound of each dimension, and the elements with their lengths. The lower bounds don't come through.
func (t *Type) fromBinaryArray(src []byte, a *Arena) (v driver.Value, ok bool) {
	if len(src) < 12 {
		return v, false
	}
	dimensions := int(binary.BigEndian.Uint32(src))
	if src = src[12:]; dimensions > maxDimensions || len(src) < 8*dimensions {
		return v, false
	}
	var lengths [maxDimensions]int
	count := 1
	for i := range dimensions {
		n := int(int32(binary.BigEndian.Uint32(src[8*i:])))
		if lengths[i], count = n, count*n; n < 0 || count > len(src)/4 { // an element takes 4 bytes at least
			return v, false
		}
	}
	if dimensions == 0 || count == 0 {
		return driver.NestedValue([]any{}), len(src) == 8*dimensions
	}
	r := arrayReader{elem: t.elem, arena: a, rest: src[8*dimensions:]}
	nested, ok := r.dimension(lengths[:dimensions])
	return driver.NestedValue(nested), ok && len(r.rest) == 0
}

// arrayReader reads the elements of an array's binary form.
type arrayReader struct {
	elem  *Type
	arena *Arena
	rest  []byte
}

func (r *arrayReader) dimension(lengths []int) (list []any, ok bool) {
	list = make([]any, lengths[0])
	for i := range list {
		if len(lengths) > 1 {
			list[i], ok = r.dimension(lengths[1:])
		} else {
			list[i], ok = r.element()
		}
		if !ok {
			return nil, false
		}
	}
	return list, true
}

func (r *arrayReader) element() (x any, ok bool) {
	if len(r.rest) < 4 {
		return nil, false
	}
	n := int(int32(binary.BigEndian.Uint32(r.rest)))
	r.rest = r.rest[4:]
	if n == -1 {
		return nil, true
	}
	if n < 0 || n > len(r.rest) {
		return nil, false
	}
	v, ok := r.elem.fromBinary(r.rest[:n:n], r.arena)
	r.rest = r.rest[n:]
	return v.Any(), ok
}

// fromTextArray reads [lower:upper]={a,"b",{…},NULL} (PostgreSQL documentation, "Array Input and Output Syntax").
func (t *Type) fromTextArray(s string, a *Arena) (v driver.Value, ok bool) {
	if strings.HasPrefix(s, "[") {
		_, s, _ = strings.Cut(s, "=")
	}
	p := arrayParser{elem: t.elem, arena: a, rest: s}
	list, ok := p.list(1)
	return driver.NestedValue(list), ok && p.rest == ""
}

// arrayParser reads the text form of an array.
type arrayParser struct {
	elem  *Type
	arena *Arena
	rest  string
	buf   []byte // an element without its quotes and escapes
}

func (p *arrayParser) list(depth int) (list []any, ok bool) {
	list = []any{}
	if depth > maxDimensions || !p.skip('{') {
		return nil, false
	}
	if p.skip('}') {
		return list, true
	}
	for {
		var x any
		if strings.HasPrefix(p.rest, "{") {
			x, ok = p.list(depth + 1)
		} else {
			x, ok = p.element()
		}
		if !ok {
			return nil, false
		}
		list = append(list, x)
		if p.skip('}') {
			return list, true
		}
		if !p.skip(p.elem.delimiter) {
			return nil, false
		}
	}
}

func (p *arrayParser) skip(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *arrayParser) element() (x any, ok bool) {
	quoted := p.skip('"')
	p.buf = p.buf[:0]
	escaped := false
	for i := 0; ; i++ {
		if i == len(p.rest) {
			return nil, false
		}
		c := p.rest[i]
		switch {
		case c == '\\':
			if i++; i == len(p.rest) {
				return nil, false
			}
			c, escaped = p.rest[i], true
		case quoted && c == '"', !quoted && (c == '}' || c == p.elem.delimiter):
			p.rest = p.rest[i:]
			if quoted {
				p.rest = p.rest[1:]
			} else if !escaped && string(p.buf) == "NULL" {
				return nil, true
			}
			v, ok := p.elem.fromText(p.buf, p.arena)
			return v.Any(), ok
		}
		p.buf = append(p.buf, c)
	}
}

// fromTextVector reads an int2vector or oidvector: numbers with spaces between them.
func (t *Type) fromTextVector(s string, a *Arena) (v driver.Value, ok bool) {
	list := []any{}
	for f := range strings.FieldsSeq(s) {
		x, ok := t.elem.fromText([]byte(f), a)
		if !ok {
			return v, false
		}
		list = append(list, x.Any())
	}
	return driver.NestedValue(list), true
}
