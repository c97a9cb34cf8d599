package lang_test

import (
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

// The examples are those of MongoDB's manual (mongosh methods, "CRUD operations", "Aggregation stages"), shortened.
func TestTheManualsExamplesAreReadAsTheyAreMeant(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{`db.inventory.find( {} )`, `find inventory filter={}`},
		{`db.inventory.find()`, `find inventory filter={}`},
		{`db.inventory.find( { status: "D" } )`, `find inventory filter={"status":"D"}`},
		{`db.inventory.find( { status: { $in: [ "A", "D" ] } } )`, `find inventory filter={"status":{"$in":["A","D"]}}`},
		{`db.inventory.find( { $or: [ { status: "A" }, { qty: { $lt: 30 } } ] } )`, `find inventory filter={"$or":[{"status":"A"},{"qty":{"$lt":30}}]}`},
		{`db.inventory.find( { status: "A", $or: [ { qty: { $lt: 30 } }, { item: /^p/ } ] } )`,
			`find inventory filter={"status":"A","$or":[{"qty":{"$lt":30}},{"item":{"$regularExpression":{"pattern":"^p","options":""}}}]}`},
		{`db.inventory.find( { "size.uom": "in" } )`, `find inventory filter={"size.uom":"in"}`},
		{`db.inventory.find( { dim_cm: { $elemMatch: { $gt: 22, $lt: 30 } } } )`, `find inventory filter={"dim_cm":{"$elemMatch":{"$gt":22,"$lt":30}}}`},
		{`db.inventory.find( { status: "A" }, { item: 1, status: 1, _id: 0 } )`, `find inventory filter={"status":"A"} projection={"item":1,"status":1,"_id":0}`},
		{`db.inventory.find( { status: "A" }, { item: 1, instock: { $slice: -1 } } )`, `find inventory filter={"status":"A"} projection={"item":1,"instock":{"$slice":-1}}`},
		{`db.bios.find( { _id: ObjectId("507c35dd8fada716c89d0013") } )`, `find bios filter={"_id":{"$oid":"507c35dd8fada716c89d0013"}}`},
		{`db.bios.find( { birth: { $gt: new Date('1950-01-01') } } )`, `find bios filter={"birth":{"$gt":{"$date":{"$numberLong":"-631152000000"}}}}`},
		{`db.bios.find().sort( { name: 1 } ).limit( 5 ).skip(2).hint("name_1").batchSize(7).maxTimeMS(50).comment("c").allowDiskUse()`,
			`find bios filter={} sort={"name":1} hint="name_1" comment="c" limit=5 skip=2 batchSize=7 maxTime=50ms disk=true`},
		{`db.bios.find( { "name.last": "hopper" } ).collation( { locale: "en_US", strength: 1 } )`,
			`find bios filter={"name.last":"hopper"} collation={Locale:en_US CaseLevel:false CaseFirst: Strength:1 NumericOrdering:false Alternate: MaxVariable: Normalization:false Backwards:false}`},
		{`db.cakeFlavors.find( { $expr: { $eq: [ "$flavor", "$$targetFlavor" ] } }, { _id: 0 }, { let : { targetFlavor: "chocolate" } } )`,
			`find cakeFlavors filter={"$expr":{"$eq":["$flavor","$$targetFlavor"]}} projection={"_id":0} let={"targetFlavor":"chocolate"}`},
		{`db.products.findOne({ $or: [ { "name.first" : /^G/ }, { birth: { $lt: new Date("1945-01-01") } } ] })`,
			`findOne products filter={"$or":[{"name.first":{"$regularExpression":{"pattern":"^G","options":""}}},{"birth":{"$lt":{"$date":{"$numberLong":"-788918400000"}}}}]}`},
		{`db.orders.countDocuments( { ord_dt: { $gt: new Date("01/01/2012") } }, { limit: 100 } )`, ``},
		{`db.orders.countDocuments( { ord_dt: { $gt: ISODate("2012-01-01") } }, { limit: 100 } )`,
			`countDocuments orders filter={"ord_dt":{"$gt":{"$date":"2012-01-01T00:00:00Z"}}} limit=100`},
		{`db.orders.estimatedDocumentCount({})`, `estimatedDocumentCount orders`},
		{`db.inventory.distinct( "item.sku", { dept: "A" } )`, `distinct inventory filter={"dept":"A"} key="item.sku"`},
		{`db.inventory.insertOne( { item: "canvas", qty: 100, tags: ["cotton"], size: { h: 28, w: 35.5, uom: "cm" } } )`,
			`insertOne inventory documents=[{"item":"canvas","qty":100,"tags":["cotton"],"size":{"h":28,"w":35.5,"uom":"cm"}}]`},
		{`db.products.insertMany( [ { _id: 10, item: "large box" }, { _id: 11, item: "small box" }, ], { ordered: false } )`,
			`insertMany products documents=[{"_id":10,"item":"large box"},{"_id":11,"item":"small box"}] ordered=false`},
		{`db.inventory.updateOne( { item: "paper" }, { $set: { "size.uom": "cm", status: "P" }, $currentDate: { lastModified: true } } )`,
			`updateOne inventory filter={"item":"paper"} update={"$set":{"size.uom":"cm","status":"P"},"$currentDate":{"lastModified":true}}`},
		{`db.restaurant.updateMany({ violations: { $gt: 4 } }, { $set: { "Review" : true } }, { w: "majority", wtimeout: 100 })`, ``},
		{`db.restaurant.updateMany({ violations: { $gt: 4 } }, { $set: { "Review" : true } }, { writeConcern: { w: "majority", wtimeout: 100 } })`, ``},
		{`db.restaurant.updateMany({ violations: { $gt: 4 } }, { $set: { "Review" : true } }, { writeConcern: { w: "majority", j: true }, upsert: true })`,
			`updateMany restaurant filter={"violations":{"$gt":4}} update={"$set":{"Review":true}} upsert=true writeConcern=majority,j=true`},
		{`db.students.updateOne( { _id: 3 }, [ { $set: { "test3": 98, modified: "$$NOW"} } ] )`,
			`updateOne students filter={"_id":3} update=[{"$set":{"test3":98,"modified":"$$NOW"}}]`},
		{`db.students.updateMany( { grades: { $gte: 100 } }, { $set: { "grades.$[element]" : 100 } }, { arrayFilters: [ { "element": { $gte: 100 } } ] } )`,
			`updateMany students filter={"grades":{"$gte":100}} update={"$set":{"grades.$[element]":100}} arrayFilters=[{"element":{"$gte":100}}]`},
		{`db.students.updateOne( { _id: 1 }, { $push: { scores: { $each: [ 50, 60, 70 ], $sort: -1, $slice: -3 } } } )`,
			`updateOne students filter={"_id":1} update={"$push":{"scores":{"$each":[50,60,70],"$sort":-1,"$slice":-3}}}`},
		{`db.inventory.replaceOne( { item: "paper" }, { item: "paper", instock: [ { warehouse: "A", qty: 60 } ] } )`,
			`replaceOne inventory filter={"item":"paper"} replacement={"item":"paper","instock":[{"warehouse":"A","qty":60}]}`},
		{`db.orders.deleteOne( { _id: ObjectId("563237a41a4d68582c2509da") } )`, `deleteOne orders filter={"_id":{"$oid":"563237a41a4d68582c2509da"}}`},
		{`db.orders.deleteMany( { client: "Crude Traders Inc." } )`, `deleteMany orders filter={"client":"Crude Traders Inc."}`},
		{`db.grades.findOneAndUpdate( { "name" : "A.MacDyver" }, { $inc : { "points" : 5 } }, { sort : { "points" : 1 }, upsert:true, returnNewDocument : true } )`,
			`findOneAndUpdate grades filter={"name":"A.MacDyver"} update={"$inc":{"points":5}} sort={"points":1} upsert=true after=true`},
		{`db.scores.findOneAndReplace( { score: { $lt: 20 } }, { team: "X", score: 5 }, { sort: { score: 1 }, projection: { _id: 0 }, returnDocument: "after" } )`,
			`findOneAndReplace scores filter={"score":{"$lt":20}} replacement={"team":"X","score":5} sort={"score":1} projection={"_id":0} after=true`},
		{`db.scores.findOneAndDelete( { name: "M. Tagnum" }, { sort : { points : 1 }, maxTimeMS: 5 } )`,
			`findOneAndDelete scores filter={"name":"M. Tagnum"} sort={"points":1} maxTime=5ms`},
		{`db.people.findAndModify( { query: { name: "Tom" }, sort: { rating: 1 }, update: { $inc: { score: 1 } }, new: true } )`,
			`findOneAndUpdate people filter={"name":"Tom"} update={"$inc":{"score":1}} sort={"rating":1} after=true`},
		{`db.people.findAndModify( { query: { state: "active" }, remove: true } )`, `findOneAndDelete people filter={"state":"active"}`},
		{`db.collection.createIndex( { category: 1, "a.b": -1 } )`,
			`createIndexes collection raw={"createIndexes":"collection","indexes":[{"key":{"category":1,"a.b":-1},"name":"category_1_a.b_-1"}]}`},
		{`db.collection.createIndex( { orderDate: 1 }, { name: "date", unique: true, collation: { locale: "fr" } }, "majority" )`,
			`createIndexes collection raw={"createIndexes":"collection","indexes":[{"key":{"orderDate":1},"name":"date","unique":true,"collation":{"locale":"fr"}}],"commitQuorum":"majority"}`},
		{`db.reviews.createIndexes( [ { comments: "text" }, { x: "2dsphere" } ] )`,
			`createIndexes reviews raw={"createIndexes":"reviews","indexes":[{"key":{"comments":"text"},"name":"comments_text"},{"key":{"x":"2dsphere"},"name":"x_2dsphere"}]}`},
		{`db.pets.dropIndex( "catIdx" )`, `dropIndexes pets raw={"dropIndexes":"pets","index":"catIdx"}`},
		{`db.pets.dropIndexes()`, `dropIndexes pets raw={"dropIndexes":"pets","index":"*"}`},
		{`db.students.drop( { writeConcern: { w: 1 } } )`, `drop students raw={"drop":"students","writeConcern":{"w":1}}`},
		{`db.createCollection("log", { capped : true, size : 5242880, max : 5000 } )`, `createCollection log raw={"create":"log","capped":true,"size":5242880,"max":5000}`},
		{`db.createView("firstYears", "students", [ { $match: { year: 1 } } ])`,
			`createCollection firstYears raw={"create":"firstYears","viewOn":"students","pipeline":[{"$match":{"year":1}}]}`},
		{`db.dropDatabase()`, `dropDatabase  raw={"dropDatabase":1}`},
		{`db.runCommand( { hello: 1 } )`, `runCommand  raw={"hello":1}`},
		{`db.runCommand("ping")`, `runCommand  raw={"ping":1}`},
		{`db.aggregate([{$currentOp: {}}, {$limit: 1}])`, `aggregate  pipeline=[{"$currentOp":{}},{"$limit":1}]`},
		{`db.orders.aggregate( [ { $match: { status: "A" } }, { $group: { _id: "$cust_id", total: { $sum: "$amount" } } }, { $sort: { total: -1 } } ] )`,
			`aggregate orders pipeline=[{"$match":{"status":"A"}},{"$group":{"_id":"$cust_id","total":{"$sum":"$amount"}}},{"$sort":{"total":-1}}]`},
		{`db.stocks.aggregate( [ { $sort : { age : 1 } } ], { allowDiskUse: true, cursor: { batchSize: 0 }, readConcern: { level: "majority" } } )`,
			`aggregate stocks pipeline=[{"$sort":{"age":1}}] batchSize=0 disk=true readConcern="majority"`},
		{`db.stocks.aggregate({$match: {a: 1}}, {$count: "n"})`, `aggregate stocks pipeline=[{"$match":{"a":1}},{"$count":"n"}]`},
		{`db.getCollection("x.y").find({}); // the end`, `find x.y filter={}`},
		{`/* first */ db["x-y"].find({a /* key */: 1,}).toArray();`, `find x-y filter={"a":1}`},
		{`db.system.profile.find().pretty()`, `find system.profile filter={}`},
	} {
		s, err := lang.Parse(test.text)
		if err != nil {
			if test.want != "" {
				t.Errorf("%s: %v", test.text, err)
			}
			continue
		}
		c, err := s.Command(nil)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if got := show(c); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

// The commands are those of the manual's "Database Commands".
func TestCommandsBecomeTheOperationsOfTheDriver(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{`{"find": "restaurants", "filter": {"rating": {"$gte": 9}}, "projection": {"name": 1}, "sort": {"name": 1}, "limit": 5}`,
			`find restaurants filter={"rating":{"$gte":9}} sort={"name":1} projection={"name":1} limit=5`},
		{`{"find": "c", "filter": {"_id": 1}, "limit": 1, "singleBatch": true}`, `findOne c filter={"_id":1}`},
		{`{find: "c", skip: {"$numberLong": "7"}, readConcern: {level: "majority"}, maxTimeMS: 10}`, `find c filter={} skip=7 maxTime=10ms readConcern="majority"`},
		{`{"aggregate": "articles", "pipeline": [{"$unwind": "$tags"}], "cursor": {"batchSize": 3}}`, `aggregate articles pipeline=[{"$unwind":"$tags"}] batchSize=3`},
		{`{"aggregate": 1, "pipeline": [{"$currentOp": {"allUsers": true}}], "cursor": {}}`, `aggregate  pipeline=[{"$currentOp":{"allUsers":true}}]`},
		{`{"count": "orders"}`, `estimatedDocumentCount orders`},
		{`{"count": "orders", "query": {}, "comment": "c"}`, `estimatedDocumentCount orders comment="c"`},
		{`{"count": "orders", "query": {"x": 1}, "skip": 10}`, `countDocuments orders filter={"x":1} skip=10`},
		{`{"distinct": "inventory", "key": "dept", "query": {"a": 1}}`, `distinct inventory filter={"a":1} key="dept"`},
		{`{"insert": "users", "documents": [{"_id": 1}]}`, `insertOne users documents=[{"_id":1}]`},
		{`{"insert": "users", "documents": [{"_id": 1}, {"_id": 2}], "ordered": false, "writeConcern": {"w": 1}}`,
			`insertMany users documents=[{"_id":1},{"_id":2}] ordered=false writeConcern=1`},
		{`{"update": "m", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}, "upsert": true}], "ordered": true}`,
			`updateOne m filter={"_id":1} update={"$set":{"a":1}} upsert=true ordered=true`},
		{`{"update": "m", "updates": [{"q": {}, "u": [{"$set": {"a": 1}}], "multi": true}]}`, `updateMany m filter={} update=[{"$set":{"a":1}}]`},
		{`{"update": "m", "updates": [{"q": {"_id": 1}, "u": {"a": 1}, "multi": false}]}`, `replaceOne m filter={"_id":1} replacement={"a":1}`},
		{`{"delete": "orders", "deletes": [{"q": {"status": "D"}, "limit": 1, "hint": {"status": 1}}]}`, `deleteOne orders filter={"status":"D"} hint={"status":1}`},
		{`{"delete": "orders", "deletes": [{"q": {}, "limit": 0}], "comment": 1}`, `deleteMany orders filter={} comment=1`},
		{`{"findAndModify": "people", "query": {"a": 1}, "update": {"b": 1}, "fields": {"b": 1}}`,
			`findOneAndReplace people filter={"a":1} replacement={"b":1} projection={"b":1}`},
		{`{"createIndexes": "products", "indexes": [{"key": {"sku": 1}, "name": "sku"}]}`,
			`createIndexes products raw={"createIndexes":"products","indexes":[{"key":{"sku":1},"name":"sku"}]}`},
		{`{"drop": "products"}`, `drop products raw={"drop":"products"}`},
		{`{"listIndexes": "contacts", "cursor": {}}`, `runCommand contacts raw={"listIndexes":"contacts","cursor":{}}`},
		{`{"explain": {"find": "c", "filter": {"a": 1}}, "verbosity": "queryPlanner"}`,
			`runCommand  raw={"explain":{"find":"c","filter":{"a":1}},"verbosity":"queryPlanner"}`},
	} {
		if got := show(command(t, test.text)); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

func TestOnlyWhatIsKnownToReadIsARead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]driver.Access{
		`db.c.find()`: driver.Read, `db.c.findOne()`: driver.Read, `db.c.countDocuments()`: driver.Read, `db.c.distinct("a")`: driver.Read,
		`db.c.estimatedDocumentCount()`: driver.Read, `db.c.aggregate([{$match: {}}])`: driver.Read,
		`db.c.aggregate([{$match: {}}, {$out: "d"}])`:                        driver.Write,
		`db.c.aggregate([{$merge: {into: "d", whenMatched: "replace"}}])`:    driver.Write,
		`db.c.aggregate([{$merge: "d"}])`:                                    driver.Write,
		`db.c.aggregate([{$facet: {a: [{$inventedByTheNextVersion: {}}]}}])`: driver.Write,
		`db.c.insertOne({})`:     driver.Write,
		`{ping: 1}`:              driver.Read,
		`{"listCollections": 1}`: driver.Read,
		`{"explain": {"delete": "c", "deletes": [{"q": {}, "limit": 0}]}}`:     driver.Read,
		`{"inventedByTheNextVersion": "c"}`:                                    driver.Write,
		`db.c.findOneAndDelete({})`:                                            driver.Write,
		`{"find": "c"}`:                                                        driver.Read,
		`db.c.aggregate([{$lookup: {from: "d", pipeline: [], as: "x"}}])`:      driver.Read,
		`db.c.aggregate([{$unionWith: {coll: "d", pipeline: [{$limit: 1}]}}])`: driver.Read,
	} {
		if got := parse(t, text).Access; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]bool{
		`db.c.drop()`: true, `db.c.createIndex({a: 1})`: true, `db.dropDatabase()`: true, `{collMod: "c"}`: true, `{ping: 1}`: false, `db.c.find()`: false,
	} {
		if got := parse(t, text).Schema; got != want {
			t.Errorf("%s: schema %v, want %v", text, got, want)
		}
	}
}

func TestBothFormsOfAStatementHaveOneFingerprint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ shell, command, want string }{
		{`db.tracks.find({ms: {$gt: 5}}).sort({ms: -1}).limit(10)`, `{"find": "tracks", "filter": {"ms": {"$gt": ?}}, "limit": 20, "sort": {"ms": -1}}`,
			`db.tracks.find({ms: {$gt: ?}}).sort({ms: -1}).limit(?)`},
		{`db.t.find({}, {a: 1, _id: 0})`, `{find: "t", projection: {a: 1, _id: 0}, filter: {}}`, `db.t.find({}).projection({a: 1, _id: 0})`},
		{`db.t.findOne({a: "secret"}, {a: 1})`, `{find: "t", filter: {a: :a}, projection: {a: 1}, limit: 1, singleBatch: true}`, `db.t.findOne({a: ?}, {a: 1})`},
		{`db.t.insertMany([{a: 1}, {a: 2}, {a: 3}])`, `{insert: "t", documents: [{a: ?}, {a: ?}]}`, `db.t.insertMany([{a: ?}])`},
		{`db["x-y"].updateMany({a: {$in: [1, 2]}}, {$set: {"b.c": 1}}, {upsert: true})`, `{update: "x-y", updates: [{q: {a: {$in: ?}}, u: {$set: {"b.c": 1}}, upsert: true, multi: true}]}`,
			`db["x-y"].updateMany({a: {$in: [?]}}, {$set: {"b.c": ?}}, {upsert: true})`},
		{`db.t.deleteOne({_id: ObjectId("507c35dd8fada716c89d0013")})`, `{delete: "t", deletes: [{limit: 1, q: {_id: 1}}]}`, `db.t.deleteOne({_id: ?})`},
		{`db.t.distinct("a", {b: /x/})`, `{distinct: "t", key: "a", query: {b: 1}}`, `db.t.distinct("a", {b: ?})`},
		{`db.t.aggregate([{$group: {_id: "$a", n: {$sum: 1}}}])`, `{aggregate: "t", pipeline: [{$group: {_id: "$a", n: {$sum: ?}}}], cursor: {}}`,
			`db.t.aggregate([{$group: {_id: "$a", n: {$sum: ?}}}])`},
		{`db.t.drop()`, `{drop: "t"}`, `db.runCommand({drop: "t"})`},
		{`db.t.find({$expr: {$eq: ["$a", {$literal: "$secret"}]}})`, `{find: "t", filter: {$expr: {$eq: ["$a", {$literal: ?}]}}}`,
			`db.t.find({$expr: {$eq: ["$a", {$literal: ?}]}})`},
		{`db.t.findOneAndUpdate({a: 1}, {$inc: {n: 1}}, {returnNewDocument: true})`, `{findAndModify: "t", query: {a: 1}, update: {$inc: {n: 1}}, new: true}`,
			`db.t.findOneAndUpdate({a: ?}, {$inc: {n: ?}}, {returnNewDocument: true})`},
	} {
		if got := parse(t, test.shell).Fingerprint(); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.shell, got, test.want)
		}
		if got := parse(t, test.command).Fingerprint(); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.command, got, test.want)
		}
	}
}

func TestOptionsHaveTheirOwnTypes(t *testing.T) {
	t.Parallel()
	c := command(t, `db.c.find(?).limit(?).maxTimeMS(?).batchSize(?).sort(?)`, map[string]any{"a": 1}, 5, int64(250), uint16(9), map[string]int{"a": -1})
	if *c.Options.Limit != 5 || *c.Options.MaxTime != 250*time.Millisecond || *c.Options.BatchSize != 9 {
		t.Errorf("limit %v, maxTime %v, batchSize %v", *c.Options.Limit, *c.Options.MaxTime, *c.Options.BatchSize)
	}
	if got := show(c); got != `find c filter={"a":1} sort={"a":-1} limit=5 batchSize=9 maxTime=250ms` {
		t.Error(got)
	}
}
