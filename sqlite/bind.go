package sqlite

import (
	"errors"
	"math"
	"time"

	"github.com/plinthdb/plinth/driver"
	zombiezen "zombiezen.com/go/sqlite"
)

// timeFormat is how a time is stored: in UTC and as SQLite's own datetime() writes it, with the fraction of a second
// that there is. Such texts compare with each other, and with datetime('now'), in the order of time.
const timeFormat = "2006-01-02 15:04:05.999999999"

// largeArgument is the size from which an argument isn't left bound to its statement after the call.
const largeArgument = 4 << 10

// bind binds the arguments of a call. large reports whether they take so much memory that it should be given back
// after the call.
func (c *conn) bind(st *stmt, args []any) (large bool, err error) {
	if want := st.BindParamCount(); want != len(args) {
		return false, driver.Faultf(driver.Argument, "the statement has %d parameters, but %d arguments were given", want, len(args))
	}
	for i, arg := range args {
		size, err := c.bindOne(st.Stmt, i+1, arg)
		if err != nil {
			return large, argumentFault(err, i+1)
		}
		large = large || size >= largeArgument
	}
	return large, nil
}

// argumentFault says which argument it was.
func argumentFault(err error, number int) error {
	kind := driver.Argument
	if f, ok := errors.AsType[*driver.Fault](err); ok {
		kind = f.Kind
	}
	return driver.Faultf(kind, "argument %d: %w", number, err)
}

// bindOne binds one argument and returns how many bytes of text or blob it has.
func (c *conn) bindOne(st *zombiezen.Stmt, i int, arg any) (size int, err error) {
	switch v := arg.(type) {
	case nil:
		st.BindNull(i)
	case int64:
		st.BindInt64(i, v)
	case int:
		st.BindInt64(i, int64(v))
	case string:
		return c.bindText(st, i, v)
	case []byte:
		return c.bindBytes(st, i, v)
	case float64:
		return 0, bindFloat(st, i, v)
	case bool:
		st.BindBool(i, v)
	case time.Time:
		return c.bindTime(st, i, v)
	case int32:
		st.BindInt64(i, int64(v))
	case int16:
		st.BindInt64(i, int64(v))
	case int8:
		st.BindInt64(i, int64(v))
	case uint:
		return 0, bindUint(st, i, uint64(v))
	case uint64:
		return 0, bindUint(st, i, v)
	case uint32:
		st.BindInt64(i, int64(v))
	case uint16:
		st.BindInt64(i, int64(v))
	case uint8:
		st.BindInt64(i, int64(v))
	case float32:
		return 0, bindFloat(st, i, float64(v))
	case driver.Decimal:
		return c.bindText(st, i, string(v))
	case *int64:
		if v == nil {
			st.BindNull(i)
		} else {
			st.BindInt64(i, *v)
		}
	case *int:
		if v == nil {
			st.BindNull(i)
		} else {
			st.BindInt64(i, int64(*v))
		}
	case *string:
		if v == nil {
			st.BindNull(i)
		} else {
			return c.bindText(st, i, *v)
		}
	case *float64:
		if v == nil {
			st.BindNull(i)
		} else {
			return 0, bindFloat(st, i, *v)
		}
	case *bool:
		if v == nil {
			st.BindNull(i)
		} else {
			st.BindBool(i, *v)
		}
	case *time.Time:
		if v == nil {
			st.BindNull(i)
		} else {
			return c.bindTime(st, i, *v)
		}
	default:
		simple, err := driver.Simplify(arg)
		if err != nil {
			return 0, err
		}
		return c.bindOne(st, i, simple) // what Simplify returns has a case above
	}
	return 0, nil
}

func (c *conn) bindText(st *zombiezen.Stmt, i int, v string) (int, error) {
	if len(v) > c.maxLength {
		return 0, c.tooLarge(len(v))
	}
	st.BindText(i, v)
	return len(v), nil
}

func (c *conn) bindBytes(st *zombiezen.Stmt, i int, v []byte) (int, error) {
	switch {
	case v == nil:
		st.BindNull(i)
	case len(v) > c.maxLength:
		return 0, c.tooLarge(len(v))
	default:
		st.BindBytes(i, v)
	}
	return len(v), nil
}

// tooLarge is found here because the connection's API would first copy the value, and takes lengths beyond 2 GB for
// negative ones.
func (c *conn) tooLarge(n int) error {
	return driver.Faultf(driver.TooLarge, "a value of %d bytes, SQLite takes %d (https://www.sqlite.org/limits.html)", n, c.maxLength)
}

func (c *conn) bindTime(st *zombiezen.Stmt, i int, v time.Time) (int, error) {
	v = v.UTC()
	if y := v.Year(); y < 0 || y > 9999 {
		return 0, driver.Faultf(driver.Argument, "a time in the year %d: SQLite's times go from 0000 to 9999", y)
	}
	var buf [len(timeFormat)]byte
	st.BindText(i, string(v.AppendFormat(buf[:0], timeFormat)))
	return 0, nil
}

func bindUint(st *zombiezen.Stmt, i int, v uint64) error {
	if v > math.MaxInt64 {
		return driver.Faultf(driver.Argument, "an integer beyond 9223372036854775807, the largest that SQLite stores; pass it as text")
	}
	st.BindInt64(i, int64(v))
	return nil
}

func bindFloat(st *zombiezen.Stmt, i int, v float64) error {
	if math.IsNaN(v) {
		return driver.Faultf(driver.Argument, "NaN, which SQLite would store as NULL; pass nil if you mean that")
	}
	st.BindFloat(i, v)
	return nil
}

// read reads the current row into vals, which has the length of the row.
func read(st *zombiezen.Stmt, vals []driver.Value) {
	for i := range vals {
		switch st.ColumnType(i) {
		case zombiezen.TypeInteger:
			vals[i] = driver.IntValue(st.ColumnInt64(i))
		case zombiezen.TypeFloat:
			vals[i] = driver.FloatValue(st.ColumnFloat(i))
		case zombiezen.TypeText:
			vals[i] = driver.TextValue(st.ColumnText(i))
		case zombiezen.TypeBlob:
			b := make([]byte, st.ColumnLen(i))
			st.ColumnBytes(i, b)
			vals[i] = driver.BytesValue(b)
		default:
			vals[i] = driver.NullValue()
		}
	}
}
