package main

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/querylog"
)

// mongoTracks is how many there are: FerretDB looks at each of them for every find.
const mongoTracks = 1000

// document is a track as MongoDB keeps it.
type document struct {
	ID           int64   `bson:"_id"`
	Name         string  `bson:"name"`
	Composer     string  `bson:"composer"`
	Milliseconds int64   `bson:"milliseconds"`
	UnitPrice    float64 `bson:"unit_price"`
}

func mongodbTasks() []task {
	return []task{
		{"mongodb-point", "find one document by its _id into a struct (FerretDB; the client's CPU)", 100, func(ctx context.Context, _ string) ([]contender, error) {
			return mongodbContenders(ctx, mongoPoint, libraryPoint)
		}},
		{"mongodb-scan", "find 1,000 documents into a slice of structs (FerretDB; the client's CPU)", 400, func(ctx context.Context, _ string) ([]contender, error) {
			return mongodbContenders(ctx, mongoScan, libraryScan)
		}},
	}
}

// mongodbContenders opens a server, and Plinth and the official driver by hand over it.
func mongodbContenders(ctx context.Context, ours func(context.Context, *plinth.Engine, int) error,
	theirs func(context.Context, *mongo.Collection, int) error,
) ([]contender, error) {
	server, err := servers.Start(ctx, servers.KindMongoDB, servers.Durable())
	if err != nil {
		return nil, err
	}
	e, err := mongodb.Open(ctx, plinth.Options{URL: server.URL(), QueryLog: querylog.Options{Threshold: -1}})
	if err != nil {
		return nil, err
	}
	client, err := mongo.Connect(options.Client().ApplyURI(server.URL()))
	if err != nil {
		return nil, err
	}
	if _, err := e.ExecuteMany(ctx, "db.track.insertOne({_id: ?, name: ?, composer: ?, milliseconds: ?, unit_price: ?})", func(yield func([]any) bool) {
		for i := range int64(mongoTracks) {
			if !yield([]any{i + 1, fmt.Sprint("Track number ", i+1), "Angus Young, Malcolm Young, Brian Johnson", 343718 + i, 0.99}) {
				return
			}
		}
	}); err != nil {
		return nil, err
	}
	coll := client.Database("test").Collection("track")
	return []contender{
		{"plinth", func(ctx context.Context, n int) error { return ours(ctx, e, n) }, func() { e.Close(context.WithoutCancel(ctx)) }, nil},
		{"official driver", func(ctx context.Context, n int) error { return theirs(ctx, coll, n) }, func() {
			_ = client.Disconnect(context.WithoutCancel(ctx))
			_ = server.Close()
		}, nil},
	}, nil
}

func mongoPoint(ctx context.Context, e *plinth.Engine, n int) error {
	for i := range n {
		id := int64(i%mongoTracks + 1)
		d, err := plinth.One[document](ctx, e, "db.track.findOne({_id: ?})", id)
		if err != nil {
			return err
		}
		if d.ID != id {
			return fmt.Errorf("asked for %d, got %d", id, d.ID)
		}
	}
	return nil
}

func libraryPoint(ctx context.Context, coll *mongo.Collection, n int) error {
	for i := range n {
		id := int64(i%mongoTracks + 1)
		var d document
		if err := coll.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Decode(&d); err != nil {
			return err
		}
		if d.ID != id {
			return fmt.Errorf("asked for %d, got %d", id, d.ID)
		}
	}
	return nil
}

func mongoScan(ctx context.Context, e *plinth.Engine, n int) error {
	for range n {
		all, err := plinth.All[document](ctx, e, "db.track.find({}).limit(1000).batchSize(1000)")
		if err != nil {
			return err
		}
		if len(all) != 1000 {
			return fmt.Errorf("%d documents", len(all))
		}
	}
	return nil
}

func libraryScan(ctx context.Context, coll *mongo.Collection, n int) error {
	for range n {
		cursor, err := coll.Find(ctx, bson.D{}, options.Find().SetLimit(1000).SetBatchSize(1000))
		if err != nil {
			return err
		}
		var all []document
		if err := cursor.All(ctx, &all); err != nil {
			return err
		}
		if len(all) != 1000 {
			return fmt.Errorf("%d documents", len(all))
		}
	}
	return nil
}
