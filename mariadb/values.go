package mariadb

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// plan is how the rows of a result are read.
type plan struct {
	wire    []wire.Column
	columns []driver.Column
	binary  bool
}

func (p *plan) fits(res *wire.Result) bool {
	return len(p.wire) == len(res.Columns) && p.binary == res.Binary && p.wire != nil && (len(p.wire) == 0 || &p.wire[0] == &res.Columns[0])
}

func (t *target) newPlan(res *wire.Result) plan {
	p := plan{wire: res.Columns, binary: res.Binary, columns: make([]driver.Column, len(res.Columns))}
	for i, c := range res.Columns {
		p.columns[i] = driver.Column{Name: c.Name}
	}
	return p
}

func (p *plan) decode(i int, src []byte) (driver.Value, error) {
	if src == nil {
		return driver.Value{}, nil
	}
	c := &p.wire[i]
	if p.binary {
		switch len(src) {
		case 8:
			switch c.Type {
			case wire.TypeLongLong:
				return driver.IntValue(int64(binary.LittleEndian.Uint64(src))), nil
			case wire.TypeDouble:
				return driver.FloatValue(math.Float64frombits(binary.LittleEndian.Uint64(src))), nil
			}
		case 4:
			if c.Type == wire.TypeLong {
				return driver.IntValue(int64(int32(binary.LittleEndian.Uint32(src)))), nil
			}
		}
	} else if c.Type == wire.TypeLongLong || c.Type == wire.TypeLong {
		n, err := strconv.ParseInt(string(src), 10, 64)
		return driver.IntValue(n), err
	}
	if c.Charset == wire.CharsetBinary {
		return driver.BytesValue(append([]byte{}, src...)), nil
	}
	return driver.TextValue(string(src)), nil
}

// arguments are those of the call that is sent, as the server gets them.
type arguments struct{ params wire.Params }

func (a *arguments) encode(_ *prepared, args []any) *driver.Fault {
	p := &a.params
	p.Nulls, p.Types, p.Values = p.Nulls[:0], p.Types[:0], p.Values[:0]
	for range (len(args) + 7) / 8 {
		p.Nulls = append(p.Nulls, 0)
	}
	for i, arg := range args {
		out, typ, flag, f := appendArgument(p.Values, i, arg)
		if f != nil {
			return f
		}
		if typ == wire.TypeNull {
			p.Nulls[i/8] |= 1 << (i % 8)
		}
		p.Types, p.Values = append(p.Types, typ, flag), out
	}
	return nil
}

// appendArgument appends an argument as the binary protocol has it.
func appendArgument(dst []byte, i int, arg any) (out []byte, typ, flag byte, f *driver.Fault) {
	v, err := driver.Simplify(arg)
	if err != nil {
		return dst, 0, 0, driver.Faultf(driver.Argument, "argument %d: %w", i+1, err)
	}
	switch v := v.(type) {
	case nil:
		return dst, wire.TypeNull, 0, nil
	case int64:
		return binary.LittleEndian.AppendUint64(dst, uint64(v)), wire.TypeLongLong, 0, nil
	case float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v)), wire.TypeDouble, 0, nil
	case string:
		dst = append(dst, 0xfd, byte(len(v)), byte(len(v)>>8), byte(len(v)>>16))
		return append(dst, v...), wire.TypeVarString, 0, nil
	}
	return dst, 0, 0, driver.Faultf(driver.Argument, "argument %d of %T", i+1, v)
}
