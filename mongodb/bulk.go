package mongodb

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// bulk is the run of one statement for many rows.
type bulk struct {
	s   *session
	sum driver.Result

	first   *lang.Command // of the chunk: the others differ in their documents alone
	docs    []any         // of inserts
	models  []mongo.WriteModel
	done    int  // rows that were applied, in chunks before this one
	own     bool // a transaction of its own is around it
	partial bool // nothing is: what was applied stays
}

// A chunk's rows travel together. The server takes 100,000 at most and messages of 48 MB, in which the library divides them.
const chunkRows = 1000

// SelfContained implements driver.SelfContained.
func (s *session) SelfContained() {}

// ExecuteMany implements driver.Bulk. Where the server has transactions it is all or nothing. Where it has none, the
// documents go in their order until one fails, those before it stay, and the error says how many they are.
func (s *session) ExecuteMany(ctx context.Context, requests iter.Seq2[*driver.Request, error]) (driver.Result, int, error) {
	b := &bulk{s: s}
	if !s.tx.open {
		if f := s.usable(ctx, driver.Prepare); f != nil {
			return driver.Result{}, 0, f
		}
		if b.own = s.client.transactions(); b.own {
			if err := s.Begin(ctx, driver.TxOptions{}); err != nil {
				return driver.Result{}, 0, err
			}
		}
		b.partial = !b.own
	}
	row, err := b.run(ctx, requests)
	switch {
	case err != nil && b.own:
		s.undo(ctx)
	case err == nil && b.own:
		err = s.End(ctx, true)
	}
	if err != nil {
		return driver.Result{}, row, b.explain(err)
	}
	return b.sum, 0, nil
}

// run takes the rows, and returns the 1-based number of the one that failed; 0 where nobody knows.
func (b *bulk) run(ctx context.Context, requests iter.Seq2[*driver.Request, error]) (row int, err error) {
	n := 0
	for req, err := range requests {
		n++
		if err != nil {
			if row, ferr := b.flush(ctx); ferr != nil {
				return row, ferr
			}
			return n, err
		}
		cmd, f := b.s.command(ctx, req)
		if f != nil {
			if ctx.Err() != nil {
				return n, f
			}
			if row, ferr := b.flush(ctx); ferr != nil {
				return row, ferr
			}
			return n, f
		}
		if !b.add(cmd) {
			if row, err := b.alone(ctx, cmd); err != nil {
				return row, err
			}
			continue
		}
		if len(b.docs)+len(b.models) >= chunkRows {
			if row, err := b.flush(ctx); err != nil {
				return row, err
			}
		}
	}
	return b.flush(ctx)
}

// add takes a command into the chunk. It returns false for one that has to run by itself.
func (b *bulk) add(cmd *lang.Command) bool {
	o := &cmd.Options
	switch cmd.Verb {
	case lang.InsertOne:
		b.docs = append(b.docs, cmd.Documents[0])
	case lang.UpdateOne:
		m := &mongo.UpdateOneModel{Filter: cmd.Filter, Update: cmd.Update, Upsert: o.Upsert, Hint: o.Hint, Collation: collation(o.Collation),
			ArrayFilters: o.ArrayFilters, Sort: document(o.Sort)}
		b.models = append(b.models, m)
	case lang.UpdateMany:
		m := &mongo.UpdateManyModel{Filter: cmd.Filter, Update: cmd.Update, Upsert: o.Upsert, Hint: o.Hint, Collation: collation(o.Collation),
			ArrayFilters: o.ArrayFilters}
		b.models = append(b.models, m)
	case lang.ReplaceOne:
		m := &mongo.ReplaceOneModel{Filter: cmd.Filter, Replacement: cmd.Replacement, Upsert: o.Upsert, Hint: o.Hint,
			Collation: collation(o.Collation), Sort: document(o.Sort)}
		b.models = append(b.models, m)
	case lang.DeleteOne:
		b.models = append(b.models, &mongo.DeleteOneModel{Filter: cmd.Filter, Hint: o.Hint, Collation: collation(o.Collation)})
	case lang.DeleteMany:
		b.models = append(b.models, &mongo.DeleteManyModel{Filter: cmd.Filter, Hint: o.Hint, Collation: collation(o.Collation)})
	default:
		return false
	}
	if b.first == nil {
		b.first = cmd
	}
	return true
}

// alone runs a command that isn't one of a bulk.
func (b *bulk) alone(ctx context.Context, cmd *lang.Command) (row int, err error) {
	s := b.s
	c := s.begin(ctx)
	a, err := s.run(c, cmd)
	if err == nil && a.cursor != nil {
		err = a.cursor.Close(s.in(c))
	}
	if err != nil {
		return b.done + 1, s.failed(c, driver.Run, err)
	}
	b.done++
	b.sum.RowsAffected += a.result.RowsAffected
	return 0, nil
}

// flush sends the chunk.
func (b *bulk) flush(ctx context.Context) (row int, err error) {
	n := len(b.docs) + len(b.models)
	if n == 0 {
		return 0, nil
	}
	s, o := b.s, &b.first.Options
	c := s.begin(ctx)
	coll := s.collection(b.first)
	var affected int64
	if len(b.docs) > 0 {
		var res *mongo.InsertManyResult
		if res, err = coll.InsertMany(s.in(c), b.docs, s.insertMany(o)); res != nil {
			affected = int64(len(res.InsertedIDs))
		}
	} else {
		var res *mongo.BulkWriteResult
		res, err = coll.BulkWrite(s.in(c), b.models, lister[options.BulkWriteOptions](func(w *options.BulkWriteOptions) error {
			w.BypassDocumentValidation, w.Comment, w.Let = o.BypassValidation, o.Comment, document(o.Let)
			if o.Ordered != nil {
				w.Ordered = o.Ordered
			}
			return nil
		}))
		if res != nil {
			affected = res.MatchedCount + res.UpsertedCount + res.DeletedCount
		}
	}
	clear(b.docs)
	clear(b.models)
	b.docs, b.models, b.first = b.docs[:0], b.models[:0], nil
	if err == nil {
		b.done += n
		b.sum.RowsAffected += affected
		return 0, nil
	}
	f := s.failed(c, driver.Run, err)
	e, ok := errors.AsType[mongo.BulkWriteException](err)
	if !ok || len(e.WriteErrors) == 0 {
		return 0, f
	}
	row = b.done + e.WriteErrors[0].Index + 1
	b.done += e.WriteErrors[0].Index
	return row, f
}

// explain says of an error what was applied and stays, where the server can't undo it.
func (b *bulk) explain(err error) error {
	f, ok := err.(*driver.Fault) //nolint:errorlint // the caller's own errors stay as they are
	if !b.partial || !ok || b.done == 0 {
		return err
	}
	explained := *f
	explained.Err = &partialError{b.done, f.Err}
	return &explained
}

// partialError is of an ExecuteMany on a server without transactions.
type partialError struct {
	done  int
	cause error
}

func (e *partialError) Error() string {
	return fmt.Sprintf("%v (the %d rows before it are applied and stay: the server has no transactions to undo them by)", e.cause, e.done)
}

func (e *partialError) Unwrap() error { return e.cause }
