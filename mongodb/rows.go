package mongodb

import (
	"context"
	"io"
	"time"

	"github.com/plinthdb/plinth/driver"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// rows are those of a query: documents that come from a cursor, documents that are there already, or one column of values.
// There is one of a session.
type rows struct {
	s      *session
	open   bool
	cursor *mongo.Cursor
	docs   []bson.Raw // that are there already
	values []bson.RawValue
	result driver.Result

	documents bool
	cols      []driver.Column
	vals      []driver.Value
	first     bool  // vals has the first row, which nobody has asked for yet
	end       error // why there are no more
}

// begin takes an answer and reads its first row.
func (r *rows) begin(ctx context.Context, c *call, a answer) *driver.Fault {
	*r = rows{s: r.s, open: true, cursor: a.cursor, docs: a.docs, values: a.values, result: a.result, documents: a.column == "",
		cols: r.cols, vals: r.vals}
	if a.column != "" {
		r.cols = []driver.Column{{Name: a.column}}
	}
	f := r.advance(c)
	if f != nil {
		r.shut(ctx)
		return f
	}
	r.first = r.end == nil
	if !r.first && r.documents {
		r.cols = nil
	}
	return nil
}

// Columns implements driver.Rows.
func (r *rows) Columns() []driver.Column { return r.cols }

// Documents implements driver.Documents.
func (r *rows) Documents() bool { return r.documents }

// Next implements driver.Rows.
func (r *rows) Next(ctx context.Context) ([]driver.Value, error) {
	switch {
	case r.first:
		r.first = false
		return r.vals, nil
	case r.end != nil:
		return nil, r.end
	case ctx.Err() != nil:
		return nil, r.s.failed(r.s.begin(ctx), driver.Fetch, ctx.Err())
	}
	var c *call
	if r.cursor != nil && r.cursor.RemainingBatchLength() == 0 {
		c = r.s.begin(ctx)
	}
	if f := r.advance(c); f != nil {
		return nil, f
	}
	if r.end != nil {
		return nil, r.end
	}
	return r.vals, nil
}

// advance reads the next row, or notes that there is none. c may be nil where the cursor has a document at hand.
func (r *rows) advance(c *call) *driver.Fault {
	var doc bson.Raw
	switch {
	case r.cursor != nil:
		ctx := context.Background()
		if c != nil {
			ctx = r.s.in(c)
		}
		if !r.cursor.Next(ctx) {
			if err := r.cursor.Err(); err != nil {
				return r.s.failed(c, driver.Fetch, err)
			}
			r.end = io.EOF
			return nil
		}
		doc = append(bson.Raw(nil), r.cursor.Current...) // it's the library's; the row owns its memory
	case len(r.docs) > 0:
		doc, r.docs = r.docs[0], r.docs[1:]
	case len(r.values) > 0:
		v, err := valueOf(r.values[0].Type, r.values[0].Value)
		if err != nil {
			return r.unreadable(err)
		}
		r.values = r.values[1:]
		r.vals = append(r.vals[:0], v)
		return nil
	default:
		r.end = io.EOF
		return nil
	}
	if err := r.decode(doc); err != nil {
		return r.unreadable(err)
	}
	return nil
}

func (r *rows) unreadable(err error) *driver.Fault {
	r.end = &driver.Fault{Kind: driver.Corrupt, Phase: driver.Fetch, Sent: true, Err: err}
	return &driver.Fault{Kind: driver.Corrupt, Phase: driver.Fetch, Sent: true, Err: err}
}

// decode reads a document into vals. As long as the keys are those of the document before, cols stays.
func (r *rows) decode(doc []byte) error {
	read, err := readerOf(doc)
	if err != nil {
		return err
	}
	r.vals = r.vals[:0]
	same := true
	for {
		kind, key, value, ok, err := read.next()
		if err != nil {
			return err
		}
		n := len(r.vals)
		if !ok {
			if !same || n != len(r.cols) {
				r.cols = r.cols[:n:n]
			}
			return nil
		}
		if same && (n >= len(r.cols) || r.cols[n].Name != string(key)) {
			same = false
			r.cols = append(make([]driver.Column, 0, max(len(r.cols), n+4)), r.cols[:n]...)
		}
		if !same {
			r.cols = append(r.cols, driver.Column{Name: string(key)})
		}
		v, err := valueOf(kind, value)
		if err != nil {
			return err
		}
		r.vals = append(r.vals, v)
	}
}

// Close implements driver.Rows.
func (r *rows) Close(ctx context.Context) (driver.Result, error) {
	if r.open {
		r.shut(ctx)
	}
	return r.result, nil
}

// forget gives the rows up whose transaction is rolled back, which ends their cursor.
func (r *rows) forget() {
	r.open, r.first, r.cursor, r.docs, r.values = false, false, nil, nil, nil
	if r.end == nil {
		r.end = io.EOF
	}
}

// killTime is how long it may take to tell the server that nobody reads a cursor any more.
const killTime = time.Second

// shut ends the cursor. Where the context has ended the server is told in the background.
func (r *rows) shut(ctx context.Context) {
	r.open, r.first = false, false
	if r.end == nil {
		r.end = io.EOF
	}
	cursor := r.cursor
	r.cursor, r.docs, r.values = nil, nil, nil
	switch {
	case cursor == nil:
	case cursor.ID() == 0 || r.s.tx.open || ctx.Err() == nil:
		_ = cursor.Close(r.s.in(ctx))
	default:
		back := r.s.back
		back.aside(func() {
			ctx, cancel := context.WithTimeout(back.life, killTime)
			defer cancel()
			_ = cursor.Close(ctx)
		})
	}
}
