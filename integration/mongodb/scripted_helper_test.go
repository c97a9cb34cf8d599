package mongodb_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/mongotest"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/querylog"
)

// The tests of these files run on the scripted server; where PLINTH_MONGODB_URL names a real MongoDB that is a replica
// set, those faults that can be made there run on it as well: what its failCommand makes, if it was started with
// --setParameter enableTestCommands=1, and what a proxy makes of its connections.

// stage is a server that faults can be made on, with two accounts of 100 each.
type stage struct {
	url       string
	scripted  *mongotest.Server // nil: a real one
	real      *mongo.Database
	documents func(collection string) []bson.D
}

// scriptedStage starts a scripted replica set.
func scriptedStage(t *testing.T, members int) *stage {
	t.Helper()
	s := mongotest.Start(t, mongotest.Members(members))
	st := &stage{url: s.URL() + "&heartbeatFrequencyMS=500", scripted: s, documents: s.Documents}
	st.fill(t)
	return st
}

// realStage takes a database of its own on the server that PLINTH_MONGODB_URL names, and skips the test without one.
func realStage(t *testing.T) *stage {
	t.Helper()
	where := os.Getenv("PLINTH_MONGODB_URL")
	if where == "" {
		t.Skip("PLINTH_MONGODB_URL names no MongoDB")
	}
	client, err := mongo.Connect(options.Client().ApplyURI(where))
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("plinth_%d_%d", os.Getpid(), time.Now().UnixNano())
	st := &stage{url: inDatabase(where, name), real: client.Database(name)}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := errors.Join(st.failPoint(ctx, "off", nil), st.real.Drop(ctx), client.Disconnect(ctx)); err != nil {
			t.Log(err)
		}
	})
	st.documents = documentsOf(t, st.real)
	st.fill(t)
	return st
}

// documentsOf returns what reads a collection by the driver itself.
func documentsOf(t *testing.T, db *mongo.Database) func(collection string) []bson.D {
	return func(collection string) []bson.D {
		t.Helper()
		cursor, err := db.Collection(collection).Find(context.Background(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
		if err != nil {
			t.Fatal(err)
		}
		var docs []bson.D
		if err := cursor.All(context.Background(), &docs); err != nil {
			t.Fatal(err)
		}
		return docs
	}
}

// ferretStage takes a database of FerretDB's, which is no replica set: it has neither transactions nor retryable writes.
func ferretStage(t *testing.T) *stage {
	t.Helper()
	s := servers.FerretDB(t, servers.Durable())
	url := s.Database(t)
	client, err := mongo.Connect(options.Client().ApplyURI(s.URL()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &stage{url: url, documents: documentsOf(t, client.Database(url[strings.LastIndexByte(url, '/')+1:]))}
}

// inDatabase puts the name of a database into a URL.
func inDatabase(url, name string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	hosts, query, asked := strings.Cut(rest, "?")
	hosts, _, _ = strings.Cut(hosts, "/")
	if url = scheme + "://" + hosts + "/" + name; asked {
		url += "?" + query
		if !strings.Contains(query, "authSource=") && strings.Contains(hosts, "@") {
			url += "&authSource=admin"
		}
	}
	return url
}

// fill makes the collections before any transaction needs them.
func (st *stage) fill(t *testing.T) {
	t.Helper()
	e := st.open(t)
	defer closeEngine(t, e)
	for _, statement := range []string{
		"db.accounts.insertMany([{_id: 1, balance: 100}, {_id: 2, balance: 100}])",
		"db.entries.insertOne({_id: 0})", "db.entries.deleteOne({_id: 0})",
	} {
		if _, err := e.Execute(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// open returns an engine that ends with the test.
func (st *stage) open(t *testing.T, change ...func(*plinth.Options)) *plinth.Engine {
	t.Helper()
	return openEngine(t, st.url, change...)
}

func openEngine(t *testing.T, url string, change ...func(*plinth.Options)) *plinth.Engine {
	t.Helper()
	o := plinth.Options{URL: url, Logger: slog.New(slog.DiscardHandler), QueryLog: quiet()}
	for _, f := range change {
		f(&o)
	}
	e, err := mongodb.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeEngine(t, e) })
	return e
}

// quiet keeps the log of slow statements from the tests' output, which are slow on purpose.
func quiet() querylog.Options { return querylog.Options{Logger: slog.New(slog.DiscardHandler)} }

func closeEngine(t *testing.T, e *plinth.Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Close(ctx); err != nil && !errors.Is(err, plinth.ErrClosed) {
		t.Error(err)
	}
}

// fail plans a fault. A real server's is made by failCommand:
// https://github.com/mongodb/mongo/wiki/The-%22failCommand%22-fail-point
func (st *stage) fail(t *testing.T, f mongotest.Failure) {
	t.Helper()
	if st.scripted != nil {
		st.scripted.Fail(f)
		return
	}
	if f.Applied || f.Before != nil {
		t.Skip("a real server makes no such fault when asked to")
	}
	mode := any(bson.D{{Key: "times", Value: max(1, f.Times)}})
	if f.Skip > 0 {
		mode = bson.D{{Key: "skip", Value: f.Skip}} // and then all: a real one can't do both, so it's switched off by healing
	} else if f.Times < 0 {
		mode = "alwaysOn"
	}
	data := bson.D{{Key: "failCommands", Value: bson.A{f.Command}}, {Key: "closeConnection", Value: f.Close}}
	if f.Code != 0 {
		data = append(data, bson.E{Key: "errorCode", Value: f.Code})
	}
	if f.Labels != nil {
		data = append(data, bson.E{Key: "errorLabels", Value: f.Labels})
	}
	if f.Block > 0 {
		data = append(data, bson.E{Key: "blockConnection", Value: true}, bson.E{Key: "blockTimeMS", Value: f.Block.Milliseconds()})
	}
	if err := st.failPoint(t.Context(), mode, data); err != nil {
		t.Skipf("the server makes no faults: %v", err)
	}
}

func (st *stage) failPoint(ctx context.Context, mode any, data bson.D) error {
	if st.real == nil {
		return nil
	}
	cmd := bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: mode}}
	if data != nil {
		cmd = append(cmd, bson.E{Key: "data", Value: data})
	}
	return st.real.Client().Database("admin").RunCommand(ctx, cmd).Err()
}

// transfer moves an amount from account 1 to account 2 and notes it, and counts how often it was begun. Its commands are find,
// update, update, insert and commitTransaction.
func transfer(ctx context.Context, e *plinth.Engine, entry, amount int) (runs int, err error) {
	err = e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		runs++
		from, err := plinth.One[struct {
			ID      int `bson:"_id"`
			Balance int
		}](ctx, tx, "db.accounts.find({_id: 1})")
		if err != nil {
			return err
		}
		if from.Balance < amount {
			return fmt.Errorf("account 1 has only %d", from.Balance)
		}
		for id, change := range map[int]int{1: -amount, 2: amount} {
			if _, err := tx.Execute(ctx, "db.accounts.updateOne({_id: ?}, {$inc: {balance: ?}})", id, change); err != nil {
				return err
			}
		}
		_, err = tx.Execute(ctx, "db.entries.insertOne({_id: ?, amount: ?})", entry, amount)
		return err
	})
	return runs, err
}

// moved tells whether a transfer of the amount was done, document by document; anything between all and nothing is an error.
func (st *stage) moved(t *testing.T, entry, amount int) bool {
	t.Helper()
	accounts, entries := fmt.Sprint(st.documents("accounts")), fmt.Sprint(st.documents("entries"))
	before := fmt.Sprint([]bson.D{account(1, 100), account(2, 100)})
	after := fmt.Sprint([]bson.D{account(1, 100-amount), account(2, 100+amount)})
	noted := fmt.Sprint([]bson.D{{{Key: "_id", Value: entry}, {Key: "amount", Value: amount}}})
	switch {
	case accounts == before && entries == "[]":
		return false
	case accounts == after && entries == noted:
		return true
	}
	t.Errorf("neither before nor after: accounts %s, entries %s", accounts, entries)
	return false
}

func account(id, balance int) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "balance", Value: balance}}
}
