package mongodb_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/mongodb"
)

// The servers are asked by the first statement, or by Connect. What the engine says of its target has no password in it.
func ExampleOpen() {
	ctx := context.Background()
	db, err := mongodb.Open(ctx, plinth.Options{URL: "mongodb://app:s3cret@db1.internal,db2.internal/shop?replicaSet=rs0"})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)
	fmt.Println(db.Name(), db.Target())
	// Output:
	// mongodb mongodb://db1.internal:27017,db2.internal:27017/shop
}

// A statement is read without a server. A bound value is only ever a value, and never an operator.
func ExampleCompile() {
	stmt, err := mongodb.Compile("db.tracks.find({ms: {$gt: ?}}).limit(10)")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stmt.Binder.Fingerprint())

	_, _, err = stmt.Binder.Bind([]any{map[string]any{"$ne": nil}})
	fmt.Println(err)
	_, err = mongodb.Compile("db.tracks.find({ms: })")
	fmt.Println(err)
	// Output:
	// db.tracks.find({ms: {$gt: ?}}).limit(?)
	// argument 1: the key begins with $ and would act as an operator; if the program wrote it, and not its users, wrap the value in mongodb.Operators (at "$ne")
	// line 1, column 21: a value is missing before }
}

func ExampleStatements() {
	script := strings.NewReader(`
		db.tracks.insertOne({_id: 1, name: 'Aria'})
		db.tracks.find({ms: {$gt: 5}}); {"drop": "tracks"}`)
	for stmt, err := range mongodb.Statements(script) {
		fmt.Println(stmt.Line, stmt.Text, err)
	}
	// Output:
	// 2 db.tracks.insertOne({_id: 1, name: 'Aria'}) <nil>
	// 3 db.tracks.find({ms: {$gt: 5}}) <nil>
	// 3 {"drop": "tracks"} <nil>
}
