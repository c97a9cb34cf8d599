package plinth

import (
	"context"
	"iter"
	"reflect"
	"unsafe"

	"github.com/plinthdb/plinth/hook"
)

// One returns the first row as a T, or ErrNotFound. T is a struct (fields by their db tag, else in snake case), a single
// value, a map[string]any, or Row.
func One[T any](ctx context.Context, q Querier, statement string, args ...any) (T, error) {
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		var zero T
		return zero, err
	}
	return first(rows, func() (v T, err error) {
		err = read(rows, &v)
		return v, err
	})
}

// All returns all rows as Ts; nil if there are none. For a result that may be large, Each reads it row by row.
func All[T any](ctx context.Context, q Querier, statement string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // also when a Scan method panics
	var all []T
	for rows.Next() {
		var v T
		if all == nil {
			all = room[T](rows.stmt)
		}
		all = append(all, v)
		if err := read(rows, &all[len(all)-1]); err != nil {
			return nil, err
		}
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	if rows.stmt != nil {
		rows.stmt.returned(len(all))
	}
	return all, nil
}

// maxRoom bounds, in bytes, the memory that is taken for rows that aren't there yet.
const maxRoom = 1 << 20

// room returns an empty slice with room for the rows that a statement is expected to return.
func room[T any](s *statement) []T {
	if s == nil {
		return nil
	}
	var v T
	return make([]T, 0, min(s.expected(), maxRoom/int(max(unsafe.Sizeof(v), 1))))
}

// Each returns the rows as a sequence of Ts, read as the loop asks for them. An error is the last element. The query
// starts with the loop, and leaving the loop closes it.
func Each[T any](ctx context.Context, q Querier, statement string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := q.Query(ctx, statement, args...)
		if err != nil {
			yield(zero, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var v T
			if err := read(rows, &v); err != nil {
				yield(zero, err)
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := rows.Close(); err != nil {
			yield(zero, err)
		}
	}
}

// read reads the current row into v.
func read[T any](rows *Rows, v *T) error {
	if row, ok := any(v).(*Row); ok {
		*row = rows.Row()
		return nil
	}
	return rows.into(reflect.TypeFor[T](), v)
}

// first reads the first row and closes the rest.
func first[T any](rows *Rows, read func() (T, error)) (T, error) {
	var zero T
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return zero, err
		}
		e := rows.st.usage(ErrNotFound, string(hook.Query), "no rows")
		if rows.stmt != nil {
			e.Statement = rows.stmt.Binder.Fingerprint()
		}
		return zero, e
	}
	v, err := read()
	if err != nil {
		return zero, err
	}
	if err := rows.Close(); err != nil { // a write with RETURNING may fail as late as here
		return zero, err
	}
	return v, nil
}
