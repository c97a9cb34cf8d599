package mongotest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.uber.org/goleak"

	"github.com/plinthdb/plinth/integration/mongotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, url string, change ...func(*options.ClientOptions)) *mongo.Database {
	t.Helper()
	o := options.Client().ApplyURI(url).SetHeartbeatInterval(500 * time.Millisecond).SetServerSelectionTimeout(10 * time.Second)
	for _, f := range change {
		f(o)
	}
	client, err := mongo.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = client.Disconnect(ctx) // the server may have ended
	})
	return client.Database(mongotest.Database)
}

// accounts puts two accounts of 100 each into the server.
func accounts(t *testing.T, db *mongo.Database) *mongo.Collection {
	t.Helper()
	c := db.Collection("accounts")
	if _, err := c.InsertMany(t.Context(), []any{account(1, 100), account(2, 100)}); err != nil {
		t.Fatal(err)
	}
	return c
}

func account(id, balance int) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "balance", Value: balance}}
}

// set starts a replica set with two accounts of 100 each, and a client of it.
func set(t *testing.T, opts ...mongotest.Option) (*mongotest.Server, *mongo.Collection) {
	t.Helper()
	s := mongotest.Start(t, opts...)
	return s, accounts(t, connect(t, s.URL()))
}

func add(ctx context.Context, c *mongo.Collection, id, amount int) error {
	_, err := c.UpdateByID(ctx, id, bson.D{{Key: "$inc", Value: bson.D{{Key: "balance", Value: amount}}}})
	return err
}

// balances are what the server has.
func balances(s *mongotest.Server) string {
	var all []any
	for _, doc := range s.Documents("accounts") {
		all = append(all, doc[1].Value)
	}
	return fmt.Sprint(all)
}

func begin(t *testing.T, c *mongo.Collection) (context.Context, *mongo.Session) {
	t.Helper()
	session, err := c.Database().Client().StartSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.EndSession(context.Background()) })
	if err := session.StartTransaction(); err != nil {
		t.Fatal(err)
	}
	return mongo.NewSessionContext(t.Context(), session), session
}

func labelled(err error, label string) bool {
	e, ok := errors.AsType[mongo.LabeledError](err)
	return ok && e.HasErrorLabel(label)
}

func hasCode(err error, code int) bool {
	e, ok := errors.AsType[mongo.ServerError](err)
	return ok && e.HasErrorCode(code)
}

func TestATransactionIsSeenByOthersWhenItIsCommitted(t *testing.T) {
	s, c := set(t)
	ctx, session := begin(t, c)
	if err := errors.Join(add(ctx, c, 1, -10), add(ctx, c, 2, 10)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.InsertOne(ctx, account(3, 5)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.CountDocuments(ctx, bson.D{}); err != nil || n != 3 {
		t.Errorf("inside it counts %d documents: %v", n, err)
	}
	if got := balances(s); got != "[100 100]" {
		t.Errorf("before the commit: %s", got)
	}
	if err := session.CommitTransaction(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := balances(s); got != "[90 110 5]" {
		t.Errorf("after the commit: %s", got)
	}
	ctx, session = begin(t, c)
	if _, err := c.DeleteMany(ctx, bson.D{}); err != nil {
		t.Fatal(err)
	}
	if err := session.AbortTransaction(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := balances(s); got != "[90 110 5]" || s.Transactions() != 0 {
		t.Errorf("after a transaction that was aborted: %s", got)
	}
}

func TestATransactionReadsItsSnapshot(t *testing.T) {
	_, c := set(t)
	ctx, _ := begin(t, c)
	if n, err := c.CountDocuments(ctx, bson.D{}); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	if err := add(t.Context(), c, 1, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteOne(t.Context(), bson.D{{Key: "_id", Value: 2}}); err != nil {
		t.Fatal(err)
	}
	n, err := c.CountDocuments(ctx, bson.D{{Key: "balance", Value: 100}})
	if err != nil || n != 2 {
		t.Errorf("the snapshot has %d of its 2 documents: %v", n, err)
	}
}

func TestTransactionsThatChangeTheSameDocumentConflict(t *testing.T) {
	s, c := set(t)
	one, first := begin(t, c)
	two, _ := begin(t, c)
	if err := add(one, c, 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := add(two, c, 1, 1); !hasCode(err, 112) || !labelled(err, "TransientTransactionError") {
		t.Errorf("the second: %v", err)
	}
	if err := add(two, c, 2, 1); !hasCode(err, 251) {
		t.Errorf("after the conflict: %v", err)
	}
	late, _ := begin(t, c)
	if _, err := c.CountDocuments(late, bson.D{}); err != nil {
		t.Fatal(err)
	}
	if err := first.CommitTransaction(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := add(late, c, 1, 1); !hasCode(err, 112) { // committed, but after the snapshot
		t.Errorf("a write to what was changed after the snapshot: %v", err)
	}
	if got := balances(s); got != "[101 100]" {
		t.Error(got)
	}
}

func TestAWriteWaitsForTheTransactionThatHoldsTheDocument(t *testing.T) {
	s, c := set(t)
	ctx, session := begin(t, c)
	if err := add(ctx, c, 1, 1); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- add(t.Context(), c, 1, 10) }()
	s.Await(t, "the second update has come", func() bool { return len(s.Commands("update")) == 2 })
	select {
	case err := <-done:
		t.Fatalf("it didn't wait: %v", err)
	default:
	}
	if err := session.CommitTransaction(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || balances(s) != "[111 100]" {
		t.Errorf("%v, %s", err, balances(s))
	}
}

func TestARetryableWriteThatWasCutIsAppliedOnce(t *testing.T) {
	for _, applied := range []bool{false, true} {
		s, c := set(t)
		for _, command := range []string{"insert", "update", "delete", "findAndModify"} {
			s.Fail(mongotest.Failure{Command: command, Applied: applied, Close: true})
		}
		_, err := c.InsertOne(t.Context(), account(3, 5))
		if err := errors.Join(err, add(t.Context(), c, 1, 1)); err != nil {
			t.Error(err)
		}
		if _, err := c.DeleteOne(t.Context(), bson.D{{Key: "_id", Value: 2}}); err != nil {
			t.Error(err)
		}
		change := bson.D{{Key: "$inc", Value: bson.D{{Key: "balance", Value: 1}}}}
		var was bson.D
		if err := c.FindOneAndUpdate(t.Context(), bson.D{{Key: "_id", Value: 1}}, change).Decode(&was); err != nil {
			t.Error(err)
		}
		if got := balances(s); got != "[102 5]" || fmt.Sprint(was[1].Value) != "101" {
			t.Errorf("applied before the cut %t: %s, before the last %v", applied, got, was)
		}
		if left := s.Heal(); left != 0 {
			t.Errorf("%d cuts weren't made", left)
		}
	}
}

func TestACommitWhoseReplyIsCutIsCommittedOnce(t *testing.T) {
	s, c := set(t)
	ctx, session := begin(t, c)
	if err := add(ctx, c, 1, 1); err != nil {
		t.Fatal(err)
	}
	s.Fail(mongotest.Failure{Command: "commitTransaction", Applied: true, Close: true, Times: 2}) // the driver tries twice
	if err := session.CommitTransaction(t.Context()); !labelled(err, "UnknownTransactionCommitResult") {
		t.Errorf("a commit whose replies are lost: %v", err)
	}
	if err := session.CommitTransaction(t.Context()); err != nil {
		t.Errorf("once more: %v", err)
	}
	if got := balances(s); got != "[101 100]" {
		t.Error(got)
	}
}

func TestWritesGoToTheMemberThatWasElected(t *testing.T) {
	s, c := set(t, mongotest.Members(3))
	s.Fail(mongotest.Failure{Command: "update", Before: s.StepDown})
	if err := add(t.Context(), c, 1, 1); err != nil {
		t.Fatal(err)
	}
	updates := s.Commands("update")
	if len(updates) != 2 || updates[0].Code != 10107 || updates[1].Code != 0 || updates[1].Member != 1 ||
		updates[0].TxnNumber() != updates[1].TxnNumber() {
		t.Errorf("%+v", updates)
	}
	s.Kill(s.Members()[1])
	// The driver repeats once, which may be before it knows of the election. What is dead applies nothing.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for err := add(ctx, c, 1, 1); err != nil; err = add(ctx, c, 1, 1) {
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if got := balances(s); got != "[102 100]" || s.Primary() != s.Members()[2] {
		t.Error(got)
	}
}

func TestAnElectionAbortsTransactions(t *testing.T) {
	s, c := set(t, mongotest.Members(2))
	ctx, session := begin(t, c)
	if err := add(ctx, c, 1, 1); err != nil {
		t.Fatal(err)
	}
	s.StepDown()
	if err := session.CommitTransaction(t.Context()); !hasCode(err, 251) || !labelled(err, "TransientTransactionError") {
		t.Errorf("the commit: %v", err)
	}
	if got := balances(s); got != "[100 100]" {
		t.Error(got)
	}
}

func TestReadsOfASecondaryMayBeStale(t *testing.T) {
	s, c := set(t, mongotest.Members(2))
	s.Freeze(s.Members()[1])
	if err := add(t.Context(), c, 1, 1); err != nil {
		t.Fatal(err)
	}
	old := c.Clone(options.Collection().SetReadPreference(readpref.Secondary()))
	for _, want := range []int64{0, 1} {
		if n, err := old.CountDocuments(t.Context(), bson.D{{Key: "balance", Value: 101}}); err != nil || n != want {
			t.Errorf("%d documents are new: %v", n, err)
		}
		s.Thaw(s.Members()[1])
	}
}

func TestCursorsGoOnUntilTheyAreLostOrKilled(t *testing.T) {
	s := mongotest.Start(t)
	db := connect(t, s.URL())
	c := db.Collection("things")
	var docs []any
	for i := range 25 {
		docs = append(docs, bson.D{{Key: "_id", Value: i}, {Key: "kind", Value: i % 3}})
	}
	if _, err := c.InsertMany(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	find := func() *mongo.Cursor {
		cursor, err := c.Find(t.Context(), bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: 5}}}},
			options.Find().SetBatchSize(7).SetSort(bson.D{{Key: "_id", Value: -1}}))
		if err != nil {
			t.Fatal(err)
		}
		return cursor
	}
	var all []struct {
		ID int `bson:"_id"`
	}
	if err := find().All(t.Context(), &all); err != nil || len(all) != 20 || all[0].ID != 24 || all[19].ID != 5 {
		t.Errorf("%v: %v", all, err)
	}
	if cursor := find(); s.Cursors() != 1 || cursor.Close(t.Context()) != nil || s.Cursors() != 0 {
		t.Error("a closed cursor is open")
	}
	cursor := find()
	s.LoseCursors()
	for cursor.Next(t.Context()) {
	}
	if !hasCode(cursor.Err(), 43) {
		t.Errorf("a lost cursor: %v", cursor.Err())
	}
}

func TestUniqueIndexesNameTheKey(t *testing.T) {
	s := mongotest.Start(t)
	db := connect(t, s.URL())
	c := db.Collection("people")
	if _, err := c.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "email", Value: 1}},
		Options: options.Index().SetUnique(true)}); err != nil {
		t.Fatal(err)
	}
	person := bson.D{{Key: "email", Value: "a@b.c"}}
	if _, err := c.InsertOne(t.Context(), person); err != nil {
		t.Fatal(err)
	}
	_, err := c.InsertMany(t.Context(), []any{bson.D{{Key: "email", Value: "x"}}, person, bson.D{{Key: "email", Value: "y"}}},
		options.InsertMany().SetOrdered(false))
	bulk, ok := errors.AsType[mongo.BulkWriteException](err)
	if !ok || len(bulk.WriteErrors) != 1 || bulk.WriteErrors[0].Index != 1 || bulk.WriteErrors[0].Code != 11000 ||
		bulk.WriteErrors[0].Raw.Lookup("keyValue", "email").StringValue() != "a@b.c" {
		t.Errorf("%+v", err)
	}
	if n := len(s.Documents("people")); n != 3 {
		t.Errorf("%d documents", n)
	}
	res, err := c.UpdateOne(t.Context(), bson.D{{Key: "email", Value: "z"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "a.b", Value: 1}}}},
		options.UpdateOne().SetUpsert(true))
	if err != nil || res.UpsertedID == nil {
		t.Errorf("upsert: %+v %v", res, err)
	}
	names, err := db.ListCollectionNames(t.Context(), bson.D{})
	if err != nil || !slices.Equal(names, []string{"people"}) {
		t.Errorf("%v %v", names, err)
	}
	if err := c.Drop(t.Context()); err != nil || len(s.Documents("people")) != 0 {
		t.Error(err)
	}
}

func TestAggregateSumsByGroup(t *testing.T) {
	_, c := set(t)
	group := bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: nil}, {Key: "total", Value: bson.D{{Key: "$sum", Value: "$balance"}}}}}}
	match := bson.D{{Key: "$match", Value: bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{1, 2, 9}}}}}}}
	cursor, err := c.Aggregate(t.Context(), mongo.Pipeline{match, group})
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Total int }
	if err := cursor.All(t.Context(), &rows); err != nil || len(rows) != 1 || rows[0].Total != 200 {
		t.Errorf("%v %v", rows, err)
	}
}

func TestABlockedCommandIsCarriedOutAfterItsClientHasGone(t *testing.T) {
	s := mongotest.Start(t)
	db := connect(t, s.URL(), func(o *options.ClientOptions) { o.SetRetryWrites(false) })
	c := accounts(t, db)
	s.Fail(mongotest.Failure{Command: "update", Block: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- add(ctx, c, 1, 1) }()
	s.Await(t, "the update has come", func() bool { return len(s.Commands("update")) == 1 })
	cancel()
	if err := <-done; err == nil {
		t.Error("a blocked command succeeded")
	}
	s.Await(t, "the update is carried out", func() bool { return balances(s) == "[101 100]" })
}

func TestWhoLogsInIsAsked(t *testing.T) {
	s := mongotest.Start(t, mongotest.Users(map[string]string{"app": "pässword=,"}))
	try := func(user, password string) error {
		db := connect(t, s.URL(), func(o *options.ClientOptions) {
			if user != "" {
				o.SetAuth(options.Credential{Username: user, Password: password})
			}
		})
		_, err := db.Collection("accounts").CountDocuments(t.Context(), bson.D{})
		return err
	}
	if err := try("app", "pässword=,"); err != nil || s.LoggedIn("app") != 1 {
		t.Errorf("%d logged in: %v", s.LoggedIn("app"), err)
	}
	for name, err := range map[string]error{"another password": try("app", "password"), "nobody": try("apq", "pässword=,")} {
		if !hasCode(err, 18) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := try("", ""); !hasCode(err, 13) {
		t.Errorf("without a login: %v", err)
	}
}

func TestAStandaloneServerHasNoTransactions(t *testing.T) {
	s, c := set(t, mongotest.Standalone())
	ctx, _ := begin(t, c)
	if err := add(ctx, c, 1, 1); !hasCode(err, 20) {
		t.Errorf("a transaction on it: %v", err)
	}
	if got := balances(s); got != "[100 100]" {
		t.Error(got)
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	_, c := set(t)
	if err := c.Database().RunCommand(t.Context(), bson.D{{Key: "mapReduce", Value: "accounts"}}).Err(); !hasCode(err, 59) {
		t.Errorf("an unknown command: %v", err)
	}
	if err := c.FindOne(t.Context(), bson.D{{Key: "balance", Value: bson.D{{Key: "$mod", Value: bson.A{2, 0}}}}}).Err(); !hasCode(err, 2) {
		t.Errorf("an unknown operator: %v", err)
	}
}
