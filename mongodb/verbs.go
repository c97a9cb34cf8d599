package mongodb

import (
	"context"
	"errors"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/xoptions"
)

// answer is what came of a command: what it did, and its rows.
type answer struct {
	result driver.Result
	cursor *mongo.Cursor
	docs   []bson.Raw      // instead of a cursor
	column string          // not "": values are the rows, in one column of this name
	values []bson.RawValue // instead of documents
}

// run has the library run a command.
func (s *session) run(c *call, cmd *lang.Command) (answer, error) {
	c.write = s.writes() && !s.tx.open
	ctx := s.in(c)
	limit := cmd.Options.MaxTime
	if limit != nil && *limit > 0 && cmd.Verb != lang.Find && cmd.Verb != lang.Aggregate { // of which the server keeps it itself
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *limit)
		defer cancel()
	}
	switch cmd.Verb {
	case lang.Find:
		return s.find(ctx, cmd)
	case lang.FindOne:
		return s.findOne(ctx, cmd)
	case lang.Aggregate:
		return s.aggregate(ctx, cmd)
	case lang.CountDocuments, lang.EstimatedCount:
		return s.count(ctx, cmd)
	case lang.Distinct:
		return s.distinct(ctx, cmd)
	case lang.InsertOne, lang.InsertMany:
		return s.insert(ctx, cmd)
	case lang.UpdateOne, lang.UpdateMany, lang.ReplaceOne:
		return s.update(ctx, cmd)
	case lang.DeleteOne, lang.DeleteMany:
		return s.remove(ctx, cmd)
	case lang.FindOneAndUpdate, lang.FindOneAndReplace, lang.FindOneAndDelete:
		return s.findAnd(ctx, cmd)
	}
	return s.runAsItIs(ctx, cmd)
}

// collection returns the command's collection, with its concerns.
func (s *session) collection(cmd *lang.Command) *mongo.Collection {
	rc, wc := cmd.Options.ReadConcern, cmd.Options.WriteConcern
	if rc == "" && wc == nil {
		return s.database().Collection(cmd.Collection)
	}
	o := options.Collection()
	if rc != "" {
		o.SetReadConcern(&readconcern.ReadConcern{Level: rc})
	}
	if wc != nil {
		o.SetWriteConcern(&writeconcern.WriteConcern{W: wc.W, Journal: wc.Journal})
	}
	return s.database().Collection(cmd.Collection, o)
}

// lister gives the library options that are filled in by one function, which costs less than its builders.
type lister[T any] func(*T) error

// List implements options.Lister.
func (l lister[T]) List() []func(*T) error { return []func(*T) error{l} }

func collation(c *lang.Collation) *options.Collation { return (*options.Collation)(c) }

// document returns nil in an interface for a document that wasn't given.
func document(d bson.D) any {
	if d == nil {
		return nil
	}
	return d
}

// limit returns how long a cursor's command may take on the server: as its context and its own option say. The library leaves
// that to the caller, because a limit goes for all that the cursor does; and so does the context here.
func limit(ctx context.Context, own *time.Duration) int64 {
	var d time.Duration
	if at, ok := ctx.Deadline(); ok {
		d = max(time.Until(at), time.Millisecond)
	}
	if own != nil && *own > 0 && (d == 0 || *own < d) {
		d = max(*own, time.Millisecond)
	}
	if d > 1<<31*time.Millisecond-1 {
		return 0
	}
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

func (s *session) find(ctx context.Context, cmd *lang.Command) (answer, error) {
	o := &cmd.Options
	fill := lister[options.FindOptions](func(f *options.FindOptions) error {
		f.Sort, f.Projection, f.Hint, f.Collation = document(o.Sort), document(o.Projection), o.Hint, collation(o.Collation)
		f.Let, f.Min, f.Max, f.Comment = document(o.Let), document(o.Min), document(o.Max), o.Comment
		f.Limit, f.Skip, f.BatchSize, f.AllowDiskUse = o.Limit, o.Skip, o.BatchSize, o.AllowDiskUse
		f.ReturnKey, f.ShowRecordID = o.ReturnKey, o.ShowRecordID
		f.NoCursorTimeout, f.AllowPartialResults = o.NoCursorTimeout, o.AllowPartialResults
		return nil
	})
	list := []options.Lister[options.FindOptions]{fill}
	if ms := limit(ctx, o.MaxTime); ms > 0 {
		more := options.Find()
		if err := xoptions.SetInternalFindOptions(more, "addCommandFields", bson.D{{Key: "maxTimeMS", Value: ms}}); err != nil {
			return answer{}, err
		}
		list = append(list, more)
	}
	cursor, err := s.collection(cmd).Find(ctx, cmd.Filter, list...)
	return answer{cursor: cursor}, err
}

func (s *session) findOne(ctx context.Context, cmd *lang.Command) (answer, error) {
	o := &cmd.Options
	raw, err := s.collection(cmd).FindOne(ctx, cmd.Filter, lister[options.FindOneOptions](func(f *options.FindOneOptions) error {
		f.Sort, f.Projection, f.Hint, f.Collation = document(o.Sort), document(o.Projection), o.Hint, collation(o.Collation)
		f.Min, f.Max, f.Comment, f.Skip = document(o.Min), document(o.Max), o.Comment, o.Skip
		f.ReturnKey, f.ShowRecordID, f.AllowPartialResults = o.ReturnKey, o.ShowRecordID, o.AllowPartialResults
		return nil
	})).Raw()
	return one(raw, err)
}

// one is the answer of one document, or of none.
func one(raw bson.Raw, err error) (answer, error) {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return answer{}, nil
	}
	return answer{docs: []bson.Raw{raw}}, err
}

func (s *session) aggregate(ctx context.Context, cmd *lang.Command) (answer, error) {
	o := &cmd.Options
	fill := lister[options.AggregateOptions](func(a *options.AggregateOptions) error {
		a.AllowDiskUse, a.BatchSize, a.BypassDocumentValidation = o.AllowDiskUse, o.BatchSize, o.BypassValidation
		a.Collation, a.Comment, a.Hint, a.Let = collation(o.Collation), o.Comment, o.Hint, document(o.Let)
		if ms := limit(ctx, o.MaxTime); ms > 0 {
			a.Custom = bson.M{"maxTimeMS": ms} //nolint:staticcheck // the library has no other way to bound a cursor's command
		}
		return nil
	})
	var cursor *mongo.Cursor
	var err error
	if cmd.Collection == "" {
		cursor, err = s.database().Aggregate(ctx, cmd.Pipeline, fill)
	} else {
		cursor, err = s.collection(cmd).Aggregate(ctx, cmd.Pipeline, fill)
	}
	return answer{cursor: cursor}, err
}

func (s *session) count(ctx context.Context, cmd *lang.Command) (answer, error) {
	o := &cmd.Options
	var n int64
	var err error
	if cmd.Verb == lang.EstimatedCount {
		n, err = s.collection(cmd).EstimatedDocumentCount(ctx)
	} else {
		n, err = s.collection(cmd).CountDocuments(ctx, cmd.Filter, lister[options.CountOptions](func(c *options.CountOptions) error {
			c.Collation, c.Comment, c.Hint, c.Limit, c.Skip = collation(o.Collation), o.Comment, o.Hint, o.Limit, o.Skip
			return nil
		}))
	}
	return answer{docs: []bson.Raw{marshal(bson.D{{Key: "n", Value: n}})}}, err
}

func (s *session) distinct(ctx context.Context, cmd *lang.Command) (answer, error) {
	o := &cmd.Options
	res := s.collection(cmd).Distinct(ctx, cmd.Key, cmd.Filter, lister[options.DistinctOptions](func(d *options.DistinctOptions) error {
		d.Collation, d.Comment, d.Hint = collation(o.Collation), o.Comment, o.Hint
		return nil
	}))
	raw, err := res.Raw()
	if err != nil {
		return answer{}, err
	}
	values, err := raw.Values()
	return answer{column: cmd.Key, values: values}, err
}

func (s *session) insert(ctx context.Context, cmd *lang.Command) (answer, error) {
	o := &cmd.Options
	if cmd.Verb == lang.InsertOne {
		res, err := s.collection(cmd).InsertOne(ctx, cmd.Documents[0], lister[options.InsertOneOptions](func(i *options.InsertOneOptions) error {
			i.BypassDocumentValidation, i.Comment = o.BypassValidation, o.Comment
			return nil
		}))
		if err != nil {
			return answer{}, err
		}
		return reported(1, bson.D{{Key: "acknowledged", Value: res.Acknowledged}, {Key: "insertedId", Value: res.InsertedID}}), nil
	}
	res, err := s.collection(cmd).InsertMany(ctx, anyDocuments(cmd.Documents), s.insertMany(o))
	if err != nil {
		return answer{}, err
	}
	return reported(len(res.InsertedIDs), bson.D{
		{Key: "acknowledged", Value: res.Acknowledged}, {Key: "insertedIds", Value: res.InsertedIDs},
	}), nil
}

func (s *session) insertMany(o *lang.Options) lister[options.InsertManyOptions] {
	return func(i *options.InsertManyOptions) error {
		i.BypassDocumentValidation, i.Comment = o.BypassValidation, o.Comment
		if o.Ordered != nil {
			i.Ordered = o.Ordered
		}
		return nil
	}
}

func anyDocuments(docs []bson.D) []any {
	list := make([]any, len(docs))
	for i, d := range docs {
		list[i] = d
	}
	return list
}

// reported is the answer of a write: what it did, and the same as mongosh reports it.
func reported(n int, report bson.D) answer {
	return answer{result: driver.Result{RowsAffected: int64(n)}, docs: []bson.Raw{marshal(report)}}
}

// marshal returns a document of the driver's own making.
func marshal(d bson.D) bson.Raw {
	raw, err := bson.Marshal(d)
	if err != nil {
		raw, _ = bson.Marshal(bson.D{})
	}
	return raw
}

func (s *session) update(ctx context.Context, cmd *lang.Command) (answer, error) {
	o, coll := &cmd.Options, s.collection(cmd)
	var res *mongo.UpdateResult
	var err error
	switch cmd.Verb {
	case lang.UpdateOne:
		res, err = coll.UpdateOne(ctx, cmd.Filter, cmd.Update, lister[options.UpdateOneOptions](func(u *options.UpdateOneOptions) error {
			u.ArrayFilters, u.BypassDocumentValidation, u.Collation, u.Comment = o.ArrayFilters, o.BypassValidation, collation(o.Collation), o.Comment
			u.Hint, u.Upsert, u.Let, u.Sort = o.Hint, o.Upsert, document(o.Let), document(o.Sort)
			return nil
		}))
	case lang.UpdateMany:
		res, err = coll.UpdateMany(ctx, cmd.Filter, cmd.Update, lister[options.UpdateManyOptions](func(u *options.UpdateManyOptions) error {
			u.ArrayFilters, u.BypassDocumentValidation, u.Collation, u.Comment = o.ArrayFilters, o.BypassValidation, collation(o.Collation), o.Comment
			u.Hint, u.Upsert, u.Let = o.Hint, o.Upsert, document(o.Let)
			return nil
		}))
	default:
		res, err = coll.ReplaceOne(ctx, cmd.Filter, cmd.Replacement, lister[options.ReplaceOptions](func(u *options.ReplaceOptions) error {
			u.BypassDocumentValidation, u.Collation, u.Comment = o.BypassValidation, collation(o.Collation), o.Comment
			u.Hint, u.Upsert, u.Let, u.Sort = o.Hint, o.Upsert, document(o.Let), document(o.Sort)
			return nil
		}))
	}
	if err != nil {
		return answer{}, err
	}
	return reported(int(res.MatchedCount+res.UpsertedCount), bson.D{
		{Key: "acknowledged", Value: res.Acknowledged}, {Key: "insertedId", Value: res.UpsertedID}, {Key: "matchedCount", Value: res.MatchedCount},
		{Key: "modifiedCount", Value: res.ModifiedCount}, {Key: "upsertedCount", Value: res.UpsertedCount},
	}), nil
}

func (s *session) remove(ctx context.Context, cmd *lang.Command) (answer, error) {
	o, coll := &cmd.Options, s.collection(cmd)
	var res *mongo.DeleteResult
	var err error
	if cmd.Verb == lang.DeleteOne {
		res, err = coll.DeleteOne(ctx, cmd.Filter, lister[options.DeleteOneOptions](func(d *options.DeleteOneOptions) error {
			d.Collation, d.Comment, d.Hint, d.Let = collation(o.Collation), o.Comment, o.Hint, document(o.Let)
			return nil
		}))
	} else {
		res, err = coll.DeleteMany(ctx, cmd.Filter, lister[options.DeleteManyOptions](func(d *options.DeleteManyOptions) error {
			d.Collation, d.Comment, d.Hint, d.Let = collation(o.Collation), o.Comment, o.Hint, document(o.Let)
			return nil
		}))
	}
	if err != nil {
		return answer{}, err
	}
	return reported(int(res.DeletedCount), bson.D{
		{Key: "acknowledged", Value: res.Acknowledged}, {Key: "deletedCount", Value: res.DeletedCount},
	}), nil
}

// findAnd changes one document and returns it, as it was before or is now.
func (s *session) findAnd(ctx context.Context, cmd *lang.Command) (answer, error) {
	o, coll := &cmd.Options, s.collection(cmd)
	var after *options.ReturnDocument
	if o.ReturnAfter != nil && *o.ReturnAfter {
		v := options.After
		after = &v
	}
	var res *mongo.SingleResult
	switch cmd.Verb {
	case lang.FindOneAndUpdate:
		res = coll.FindOneAndUpdate(ctx, cmd.Filter, cmd.Update, lister[options.FindOneAndUpdateOptions](func(u *options.FindOneAndUpdateOptions) error {
			u.ArrayFilters, u.BypassDocumentValidation, u.Collation, u.Comment = o.ArrayFilters, o.BypassValidation, collation(o.Collation), o.Comment
			u.Projection, u.ReturnDocument, u.Sort, u.Upsert = document(o.Projection), after, document(o.Sort), o.Upsert
			u.Hint, u.Let = o.Hint, document(o.Let)
			return nil
		}))
	case lang.FindOneAndReplace:
		res = coll.FindOneAndReplace(ctx, cmd.Filter, cmd.Replacement, lister[options.FindOneAndReplaceOptions](func(u *options.FindOneAndReplaceOptions) error {
			u.BypassDocumentValidation, u.Collation, u.Comment = o.BypassValidation, collation(o.Collation), o.Comment
			u.Projection, u.ReturnDocument, u.Sort, u.Upsert = document(o.Projection), after, document(o.Sort), o.Upsert
			u.Hint, u.Let = o.Hint, document(o.Let)
			return nil
		}))
	default:
		res = coll.FindOneAndDelete(ctx, cmd.Filter, lister[options.FindOneAndDeleteOptions](func(u *options.FindOneAndDeleteOptions) error {
			u.Collation, u.Comment, u.Projection, u.Sort = collation(o.Collation), o.Comment, document(o.Projection), document(o.Sort)
			u.Hint, u.Let = o.Hint, document(o.Let)
			return nil
		}))
	}
	a, err := one(res.Raw())
	a.result.RowsAffected = int64(len(a.docs))
	return a, err
}

// runAsItIs runs any other database command as it is. The library repeats none of these, nor adds concerns to them.
func (s *session) runAsItIs(ctx context.Context, cmd *lang.Command) (answer, error) {
	pref := options.RunCmd().SetReadPreference(s.preference())
	if len(cmd.Raw) > 0 {
		switch cmd.Raw[0].Key {
		case "listCollections", "listIndexes":
			cursor, err := s.database().RunCommandCursor(ctx, cmd.Raw, pref)
			return answer{cursor: cursor}, err
		}
	}
	raw, err := s.database().RunCommand(ctx, cmd.Raw, pref).Raw()
	if err != nil {
		return answer{}, err
	}
	a := answer{docs: []bson.Raw{raw}}
	if n, ok := raw.Lookup("n").AsInt64OK(); ok && s.writes() {
		a.result.RowsAffected = n
	}
	return a, nil
}
