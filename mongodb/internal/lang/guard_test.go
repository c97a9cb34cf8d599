package lang_test

import (
	"encoding/json"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

func TestAnOperatorInABoundValueIsRefusedWithItsPath(t *testing.T) {
	t.Parallel()
	raw, err := bson.Marshal(bson.D{{Key: "a", Value: bson.A{bson.D{{Key: "$ne", Value: nil}}}}})
	if err != nil {
		t.Fatal(err)
	}
	type user struct {
		Name any `bson:"name"`
	}
	for _, test := range []struct {
		text string
		arg  any
		want string
	}{
		{`db.users.find({name: ?})`, map[string]any{"$ne": "hidden"}, `argument 1: the key begins with $ and would act as an operator`},
		{`db.users.find({name: ?})`, map[string]any{"a": map[string]string{"$ne": "hidden"}}, `(at "a.$ne")`},
		{`db.users.find({name: ?})`, bson.D{{Key: "a", Value: bson.A{1, bson.M{"$gt": "hidden"}}}}, `(at "a.1.$gt")`},
		{`db.users.find({name: ?})`, bson.Raw(raw), `(at "a.0.$ne")`},
		{`db.users.find({name: ?})`, json.RawMessage(`{"a": {"$ne": "hidden"}}`), `(at "a.$ne")`},
		{`db.users.find({name: ?})`, json.RawMessage(`{"$oid": "507c35dd8fada716c89d0013"}`), `(at "$oid")`},
		{`db.users.find({name: ?})`, user{map[string]any{"$exists": true}}, `(at "name.$exists")`},
		{`db.users.find({name: ?})`, &user{&map[string]any{"$exists": true}}, `(at "name.$exists")`},
		{`db.users.find(?)`, map[string]any{"$where": "hidden"}, `$where runs code in the server, and is never taken from a bound value (at "$where")`},
		{`db.users.find(?)`, map[string]any{"a.b": 1}, `a key has a dot in it`},
		{`db.users.find(?)`, map[string]any{"": 1}, `a key is empty`},
		{`db.users.find(?)`, map[string]any{"a\x00b": 1}, `a key has a zero byte`},
		{`db.users.find(?)`, nil, `a document is needed here, not null`},
		{`db.users.find(?)`, map[string]any(nil), `a document is needed here, not null`},
		{`db.users.find(?)`, "hidden", `a document is needed here`},
		{`db.users.deleteMany(?)`, (*user)(nil), `a document is needed here, not null`},
		{`db.users.find({$or: ?})`, []any{map[string]any{"a": 1}, map[string]any{"$expr": 1}}, `(at "1.$expr")`},
		{`db.users.find({$or: ?})`, []any{1}, `element 0 of the list isn't a document`},
		{`db.users.find({a: {$in: ?}})`, "hidden", `a slice or an array is needed here`},
		{`db.users.find({a: {$in: ?}})`, []any{map[string]any{"$gt": 1}}, `(at "0.$gt")`},
		{`db.users.find({a: {$regex: ?}})`, map[string]any{"a": 1}, `a text with a pattern`},
		{`db.users.find({a: {$regex: ?}})`, "a\x00", `zero byte`},
		{`db.users.find({a: ?})`, bson.Regex{Pattern: "a\x00"}, `zero byte`},
		{`db.users.updateOne({}, ?)`, map[string]any{"a": 1}, `a whole update`},
		{`db.users.updateOne({}, ?)`, lang.Operators{Value: bson.M{"a": 1}}, `an update is a document of operators`},
		{`db.users.updateOne({}, {$set: ?})`, map[string]any{"a": 1, "$inc": 1}, `(at "$inc")`},
		{`db.users.updateOne({}, {$set: ?})`, map[string]any{"roles.0": 1}, `a key has a dot in it`},
		{`db.users.updateOne({}, {$push: {a: ?}})`, map[string]any{"$each": []int{1}}, `(at "$each")`},
		{`db.users.updateOne({}, {$bit: {a: ?}})`, map[string]any{"and": 0}, `a document here would be part of the statement`},
		{`db.users.replaceOne({}, ?)`, lang.Operators{Value: bson.M{"$set": bson.M{"a": 1}}}, `a whole document has no operators`},
		{`db.users.insertOne(?)`, map[string]any{"a": map[string]any{"$set": 1}}, `(at "a.$set")`},
		{`db.users.insertMany(?)`, []map[string]any{{"a": 1}, {"$a": 1}}, `(at "1.$a")`},
		{`db.users.insertMany(?)`, []string{}, `the list has no document in it`},
		{`db.users.find().sort(?)`, map[string]int{"a": 2}, `1 or -1`},
		{`db.users.find().sort(?)`, map[string]int{"a": 1, "b": 1}, `a map has no order`},
		{`db.users.find().sort({a: ?})`, "hidden", `1 or -1`},
		{`db.users.find().limit(?)`, -1, `not a negative one`},
		{`db.users.find().limit(?)`, "5", `a whole number`},
		{`db.users.find({}, ?)`, map[string]any{"a": "$password"}, `a bound projection has only`},
		{`db.users.find({}, ?)`, map[string]any{"a": "password"}, `a bound projection has only`},
		{`db.users.aggregate([{$bucketOfNextYear: {a: ?}}])`, "$password", `could be taken for a field`},
		{`db.users.aggregate([{$bucketOfNextYear: {a: ?}}])`, bson.A{1, bson.M{"b": "$$ROOT"}}, `(at "1.b")`},
		{`db.users.aggregate([{$search: {text: ?}}])`, bson.M{"query": "a"}, `a document here would be part of the statement`},
		{`db.users.aggregate([{$addFields: {a: ?}}])`, bson.M{"b": lang.Operators{Value: "$x"}}, `wrap the whole value`},
		{`db.users.find({$jsonSchema: {required: ?}})`, bson.M{"a": 1}, `a document here would be part of the statement`},
		{`db.users.find(?)`, lang.Operators{Value: bson.M{"$or": bson.A{bson.M{"$where": "hidden"}}}}, `$where runs code`},
		{`db.users.find({$expr: ?})`, lang.Operators{Value: bson.M{"$function": bson.M{}}}, `$function runs code`},
		{`{"createRole": "r", "privileges": ?}`, []any{bson.M{"$a": 1}}, `(at "0.$a")`},
		{`db.users.find({a: ?})`, bson.E{Key: "a"}, `bind a bson.D`},
		{`db.users.find({a: ?})`, bson.D{{Key: "a"}, {Key: "a"}}, `a key twice`},
	} {
		got := refused(t, test.text, test.arg)
		if !strings.Contains(got, test.want) {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
		if strings.Contains(got, "hidden") {
			t.Errorf("%s: the message has the value: %s", test.text, got)
		}
	}
	if got := refused(t, `db.c.find({a: :who})`, map[string]any{"who": bson.M{"$gt": ""}}); !strings.HasPrefix(got, "argument :who: ") {
		t.Error(got)
	}
}

func TestAPlaceholderStandsOnlyWhereAValueDoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`db.?.find()`:                               "can't stand for a collection",
		`db[?].find()`:                              "can't stand for a collection",
		`db.getCollection(?).find()`:                "can't stand for a collection",
		`{"find": ?}`:                               "can't stand for a collection",
		`{"aggregate": ?, "pipeline": []}`:          "can't stand for a collection",
		`{"drop": ?}`:                               "can't stand for a collection",
		`{"listIndexes": ?}`:                        "can't stand for what a command is for",
		`{?: 1}`:                                    "can't stand for a key",
		`db.c.find({?: 1})`:                         "can't stand for a key",
		`db.c.find({[?]: 1})`:                       "computed keys",
		`db.c.find({$where: ?})`:                    "$where runs code",
		`db.c.find({$or: [{$where: ?}]})`:           "$where runs code",
		`db.c.find({a: {b: {$where: ?}}})`:          "$where runs code",
		`db.c.find({a: {$elemMatch: {$where: ?}}})`: "$where runs code",
		`db.c.find({$expr: {$function: {body: "f", args: [?], lang: "js"}}})`:                 "$function runs code",
		`db.c.aggregate([{$group: {_id: 1, a: {$accumulator: {init: "f", initArgs: [?]}}}}])`: "$accumulator runs code",
		`db.c.aggregate(?)`:                                                   "can't stand for a pipeline",
		`db.c.aggregate([?])`:                                                 "can't stand for a stage",
		`db.c.aggregate([{$group: ?}])`:                                       "can't stand for the whole of $group",
		`db.c.aggregate([{$project: {a: ?}}])`:                                "{$literal: ?}",
		`db.c.aggregate([{$lookup: {from: ?, as: "x"}}])`:                     "can't stand for a collection",
		`db.c.aggregate([{$lookup: {from: "d", localField: ?, as: "x"}}])`:    "can't stand for a field",
		`db.c.aggregate([{$unwind: ?}])`:                                      "can't stand for the whole of $unwind",
		`db.c.aggregate([{$unwind: {path: ?}}])`:                              "can't stand for a field",
		`db.c.aggregate([{$out: ?}])`:                                         "can't stand for the whole of $out",
		`db.c.aggregate([{$merge: {into: ?}}])`:                               "can't stand for a collection",
		`db.c.aggregate([{$facet: {a: [?]}}])`:                                "can't stand for a stage",
		`db.c.aggregate([{$addFields: {a: {$getField: ?}}}])`:                 "can't stand for a field's name",
		`db.c.aggregate([{$addFields: {a: {$setField: {field: ?}}}}])`:        "can't stand for a field's name",
		`db.c.find({}, {a: ?})`:                                               "{$literal: ?}",
		`db.c.find({}, {let: ?})`:                                             "",
		`db.c.find({}, {}, {let: ?})`:                                         "let takes a document",
		`db.c.find({}, {}, ?)`:                                                "can't stand for the options",
		`db.c.distinct(?)`:                                                    "can't stand for a field's name",
		`db.c.updateOne({}, {$rename: {a: ?}})`:                               "can't stand for a field's name",
		`db.c.createIndex({a: ?})`:                                            "can't stand for an index's key",
		`db.c.dropIndex(?)`:                                                   "can't stand for a name",
		`{"update": "c", "updates": ?}`:                                       "takes one statement in updates",
		`{"delete": "c", "deletes": [{q: {}, limit: ?}]}`:                     "written out",
		`{"update": "c", "updates": [{q: {}, u: {$set: {a: 1}}, multi: ?}]}`:  "written out",
		`db.c.find({_id: ObjectId(?)})`:                                       "takes no placeholder: bind a value of that type",
		`db.c.find({_id: {$oid: ?}})`:                                         "takes no placeholder: bind a value of that type",
		`{"mapReduce": "c", "map": ?, "reduce": "f", "out": "d"}`:             "map runs code",
		`{"explain": {"find": ?}}`:                                            "can't stand for what a command is for",
		`{"create": "v", "viewOn": "c", "pipeline": [{$match: {$where: ?}}]}`: "$where runs code",
		`{"collMod": "c", "validator": {$where: ?}}`:                          "$where runs code",
		`db.c.find({$jsonSchema: ?})`:                                         "a whole schema",
		`db.c.find({a: "${x}", b: ` + "`${x}`" + `})`:                         "bind the value",
	} {
		if want == "" {
			want = "{$literal: ?}"
		}
		if got := syntaxError(t, text); !strings.Contains(got.Text, want) {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestABoundTextIsNoFieldInAnExpression(t *testing.T) {
	t.Parallel()
	const secret = "$password"
	doc := bson.D{{Key: "a", Value: "$$ROOT"}}
	for _, test := range []struct {
		text string
		arg  any
		want string
	}{
		{`db.c.find({$expr: {$eq: ["$a", ?]}})`, secret, `find c filter={"$expr":{"$eq":["$a",{"$literal":"$password"}]}}`},
		{`db.c.find({$expr: {$eq: ["$a", ?]}})`, "plain", `find c filter={"$expr":{"$eq":["$a","plain"]}}`},
		{`db.c.find({a: ?})`, secret, `find c filter={"a":"$password"}`},
		{`db.c.find({$expr: {$filter: ?}})`, secret, `find c filter={"$expr":{"$filter":{"$literal":"$password"}}}`},
		{`db.c.find({$expr: {$in: ["$a", ?]}})`, []string{secret}, `find c filter={"$expr":{"$in":["$a",{"$literal":["$password"]}]}}`},
		{`db.c.aggregate([{$addFields: {a: ?}}])`, doc, `aggregate c pipeline=[{"$addFields":{"a":{"$literal":{"a":"$$ROOT"}}}}]`},
		{`db.c.aggregate([{$project: {a: {$concat: ["$b", ?]}}}])`, secret, `aggregate c pipeline=[{"$project":{"a":{"$concat":["$b",{"$literal":"$password"}]}}}]`},
		{`db.c.aggregate([{$group: {_id: ?}}])`, secret, `aggregate c pipeline=[{"$group":{"_id":{"$literal":"$password"}}}]`},
		{`db.c.aggregate([{$replaceWith: ?}])`, doc, `aggregate c pipeline=[{"$replaceWith":{"$literal":{"a":"$$ROOT"}}}]`},
		{`db.c.aggregate([{$lookup: {from: "d", let: {x: ?}, pipeline: [{$match: {a: ?}}], as: "y"}}])`, secret, ``},
		{`db.c.updateOne({}, [{$set: {a: ?}}])`, secret, `updateOne c filter={} update=[{"$set":{"a":{"$literal":"$password"}}}]`},
		{`db.c.updateOne({}, {$set: {a: ?}})`, secret, `updateOne c filter={} update={"$set":{"a":"$password"}}`},
		{`db.c.find({}, {}, {let: {x: ?}})`, secret, `find c filter={} projection={} let={"x":{"$literal":"$password"}}`},
		{`db.c.aggregate([{$addFields: {a: {$literal: ?}}}])`, secret, `aggregate c pipeline=[{"$addFields":{"a":{"$literal":"$password"}}}]`},
		{`db.c.aggregate([{$addFields: {a: ?}}])`, lang.Operators{Value: "$b"}, `aggregate c pipeline=[{"$addFields":{"a":"$b"}}]`},
		{`db.c.aggregate([{$bucketOfNextYear: {a: ?}}])`, lang.Operators{Value: "$b"}, `aggregate c pipeline=[{"$bucketOfNextYear":{"a":"$b"}}]`},
		{`db.c.find({}, {a: {$ifNull: ["$a", ?]}})`, secret, `find c filter={} projection={"a":{"$ifNull":["$a",{"$literal":"$password"}]}}`},
	} {
		args := []any{test.arg}
		if test.want == "" { // both kinds of places in one statement
			test.want = `aggregate c pipeline=[{"$lookup":{"from":"d","let":{"x":{"$literal":"$password"}},"pipeline":[{"$match":{"a":"$password"}}],"as":"y"}}]`
			args = append(args, test.arg)
		}
		if got := show(command(t, test.text, args...)); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
	if got := show(command(t, `db.c.find({a: :x, $expr: {$eq: ["$b", :x]}})`, map[string]any{"x": secret})); got !=
		`find c filter={"a":"$password","$expr":{"$eq":["$b",{"$literal":"$password"}]}}` {
		t.Errorf("one value in two places: %s", got)
	}
}

func TestOperatorsAreTakenFromTheProgram(t *testing.T) {
	t.Parallel()
	ops := func(v any) lang.Operators { return lang.Operators{Value: v} }
	for _, test := range []struct {
		text string
		arg  any
		want string
	}{
		{`db.c.find({a: ?})`, ops(bson.M{"$gt": 1, "$lt": 5}), `find c filter={"a":{"$gt":1,"$lt":5}}`},
		{`db.c.find(?)`, map[string]any{"a": ops(bson.M{"$gt": 1})}, `find c filter={"a":{"$gt":1}}`},
		{`db.c.find(?)`, ops(bson.M{"a.b": 1}), `find c filter={"a.b":1}`},
		{`db.c.find(?)`, ops(json.RawMessage(`{"_id": {"$oid": "507c35dd8fada716c89d0013"}}`)), `find c filter={"_id":{"$oid":"507c35dd8fada716c89d0013"}}`},
		{`db.c.updateOne({}, ?)`, ops(bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}), `updateOne c filter={} update={"$inc":{"n":1}}`},
		{`db.c.updateOne({}, ?)`, ops(bson.A{bson.M{"$set": bson.M{"a": "$b"}}}), `updateOne c filter={} update=[{"$set":{"a":"$b"}}]`},
		{`db.c.find({$or: ?})`, ops([]any{bson.M{"a": bson.M{"$gt": 1}}}), `find c filter={"$or":[{"a":{"$gt":1}}]}`},
		{`db.c.find({}, ?)`, ops(bson.M{"a": "$b"}), `find c filter={} projection={"a":"$b"}`},
		{`db.c.find().sort(?)`, ops(bson.M{"a": bson.M{"$meta": "textScore"}}), `find c filter={} sort={"a":{"$meta":"textScore"}}`},
		{`db.c.find({a: ?})`, &lang.Operators{Value: bson.M{"$gt": 1}}, `find c filter={"a":{"$gt":1}}`},
	} {
		if got := show(command(t, test.text, test.arg)); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

func TestOperatorsCountForWhatTheyWrapAndNothingElse(t *testing.T) {
	t.Parallel()
	wrapped := lang.Operators{Value: bson.M{"$gt": lang.Operators{Value: 1}}}
	for _, v := range []any{
		bson.D{{Key: "a", Value: wrapped}, {Key: "b", Value: bson.M{"$ne": 1}}},
		bson.D{{Key: "b", Value: bson.M{"$ne": 1}}, {Key: "a", Value: wrapped}},
		[]any{wrapped, map[string]any{"x": 1, "$ne": 1}},
		struct{ A, B any }{wrapped, json.RawMessage(`{"$ne": 1}`)},
	} {
		if got := refused(t, `db.c.find({a: ?})`, v); !strings.Contains(got, `$ne")`) {
			t.Errorf("%v: %s", v, got)
		}
	}
	if got := refused(t, `db.c.find({a: ?, b: ?})`, wrapped, bson.M{"$ne": 1}); !strings.HasPrefix(got, "argument 2: ") {
		t.Error(got)
	}
}

func TestASliceIsSpreadWhereAListStands(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		arg  any
		want string
	}{
		{`db.c.find({a: {$in: ?}})`, []int{1, 2}, `{"a":{"$in":[1,2]}}`},
		{`db.c.find({a: {$in: [?]}})`, []int{1, 2}, `{"a":{"$in":[1,2]}}`},
		{`db.c.find({a: {$in: [?]}})`, 1, `{"a":{"$in":[1]}}`},
		{`db.c.find({a: {$in: [?, 5]}})`, []int{1, 2}, `{"a":{"$in":[[1,2],5]}}`},
		{`db.c.find({a: {$nin: ?}})`, []string(nil), `{"a":{"$nin":[]}}`},
		{`db.c.find({a: {$in: []}, b: ?})`, 1, `{"a":{"$in":[]},"b":1}`},
		{`db.c.find({a: {$all: [?]}})`, []string(nil), `{"a":{"$all":[]}}`},
		{`db.c.find({a: {$in: [?]}})`, nil, `{"a":{"$in":[null]}}`},
		{`db.c.find({a: ?})`, []int{1, 2}, `{"a":[1,2]}`},
		{`db.c.find({a: ?})`, []int(nil), `{"a":null}`},
		{`db.c.find({a: {$elemMatch: ?}})`, map[string]any{"b": 1}, `{"a":{"$elemMatch":{"b":1}}}`},
		{`db.c.find({a: {$not: {$in: ?}}})`, [2]string{"x", "y"}, `{"a":{"$not":{"$in":["x","y"]}}}`},
		{`db.c.find({a: {$geoWithin: {$geometry: ?}}})`, bson.M{"type": "Point"}, `{"a":{"$geoWithin":{"$geometry":{"type":"Point"}}}}`},
		{`db.c.find({$text: {$search: ?}})`, "coffee -shop", `{"$text":{"$search":"coffee -shop"}}`},
		{`db.c.find({a: {$regex: ?, $options: "i"}})`, "^a", `{"a":{"$regex":"^a","$options":"i"}}`},
		{`db.c.find({a: DBRef("d", ?)})`, 5, `{"a":{"$ref":"d","$id":5}}`},
	} {
		if got := extJSON(command(t, test.text, test.arg).Filter); got != test.want {
			t.Errorf("%s with %v\n got %s\nwant %s", test.text, test.arg, got, test.want)
		}
	}
}

func TestNamesOfCollectionsAndDatabasesAreGuarded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`db.getCollection("$cmd").findOne({})`:                       "can't have $",
		`db.getCollection("").find()`:                                "is empty",
		`db.getCollection("a..b").find()`:                            "two in a row",
		`db.getCollection("a\0b").find()`:                            "zero byte",
		`db.system.users.insertOne({a: 1})`:                          "belong to the server",
		`{"drop": "system.users"}`:                                   "belong to the server",
		`db.c.aggregate([{$out: "system.js"}])`:                      "belong to the server",
		`db.c.aggregate([{$merge: {into: {db: "a.b", coll: "c"}}}])`: "can't have . in it",
		`db.c.aggregate([{$out: {db: "a", coll: "system.js"}}])`:     "belong to the server",
		`db.c.aggregate([{$lookup: {from: {db: "", coll: "d"}}}])`:   "is empty",
		`db.getSiblingDB("a.b").c.find()`:                            "the engine is of one database",
		`{"find": "c", "$db": "other"}`:                              "set by the engine",
		`{"insert": "c", "documents": [{}], "lsid": {}}`:             "set by the engine",
		`{"commitTransaction": 1}`:                                   "use Begin, Commit and Rollback",
		`{"getMore": 5, "collection": "c"}`:                          "isn't taken as a statement",
		`{"killCursors": "c", "cursors": []}`:                        "isn't taken as a statement",
		`{"$where": 1}`:                                              "doesn't begin with $",
	} {
		if got := syntaxError(t, text); !strings.Contains(got.Text, want) {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	for name, ok := range map[string]bool{"shop": true, "a.b": false, "": false, "a b": false, "a\x00": false, strings.Repeat("x", 64): false, "ü": true} {
		if err := lang.CheckDatabase(name); (err == nil) != ok {
			t.Errorf("CheckDatabase(%q) = %v", name, err)
		}
	}
}
