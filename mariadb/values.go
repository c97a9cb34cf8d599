package mariadb

import (
	"fmt"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/value"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// plan is how the rows of a result are read.
type plan struct {
	wire    []wire.Column
	columns []driver.Column
	values  []value.Column
	binary  bool
}

// fits reports whether the plan was made for this very description, which a prepared statement keeps.
func (p *plan) fits(res *wire.Result) bool {
	return p.binary == res.Binary && len(p.wire) == len(res.Columns) && len(p.wire) > 0 && &p.wire[0] == &res.Columns[0]
}

func (t *target) newPlan(res *wire.Result) plan {
	n := len(res.Columns)
	p := plan{wire: res.Columns, binary: res.Binary, columns: make([]driver.Column, n), values: make([]value.Column, n)}
	for i := range res.Columns {
		c := &res.Columns[i]
		p.values[i] = value.NewColumn(value.Definition{Type: c.Type, Flags: c.Flags, Charset: c.Charset, Length: c.Length,
			ExtType: c.ExtType, ExtFormat: c.ExtFormat}, value.ZeroDates(t.ZeroDates))
		p.columns[i] = driver.Column{Name: c.Name, Type: p.values[i].Type}
	}
	return p
}

// arguments are those of the call that is sent, as the server gets them.
type arguments struct{ params wire.Params }

func (a *arguments) encode(args []any) *driver.Fault {
	p := &a.params
	if cap(p.Values) > maxSpareArguments {
		p.Values = nil
	}
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

// maxSpareArguments is how much memory is kept for the next call's arguments.
const maxSpareArguments = 64 << 10

// appendArgument appends an argument as the binary protocol has it, and returns its type.
func appendArgument(dst []byte, i int, arg any) (out []byte, typ, flag byte, f *driver.Fault) {
	out, typ, unsigned, err := value.Append(dst, arg)
	if err != nil {
		f, ok := err.(*driver.Fault)
		if !ok {
			f = driver.Faultf(driver.Argument, "%w", err)
		}
		named := *f
		named.Err = fmt.Errorf("argument %d: %w", i+1, f.Err)
		return dst, 0, 0, &named
	}
	if unsigned {
		flag = wire.ParamUnsigned
	}
	return out, typ, flag, nil
}
