package lang_test

import (
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestLiteralsAreWhatTheShellMakesOfThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`1`: `{"$numberInt":"1"}`, `-2147483648`: `{"$numberInt":"-2147483648"}`, `2147483648`: `{"$numberLong":"2147483648"}`, `+5`: `{"$numberInt":"5"}`,
		`-9223372036854775808`: `{"$numberLong":"-9223372036854775808"}`, `1.0`: `{"$numberDouble":"1.0"}`, `1e3`: `{"$numberDouble":"1000.0"}`, `.5`: `{"$numberDouble":"0.5"}`,
		`5.`: `{"$numberDouble":"5.0"}`, `1E-2`: `{"$numberDouble":"0.01"}`, `0x1F`: `{"$numberInt":"31"}`, `0o17`: `{"$numberInt":"15"}`, `0b11`: `{"$numberInt":"3"}`, `0xfE`: `{"$numberInt":"254"}`,
		`1_000`: `{"$numberInt":"1000"}`, `10n`: `{"$numberLong":"10"}`, `- 1`: `{"$numberInt":"-1"}`, `Infinity`: `{"$numberDouble":"Infinity"}`, `-Infinity`: `{"$numberDouble":"-Infinity"}`,
		`NaN`: `{"$numberDouble":"NaN"}`, `true`: `true`, `null`: `null`, `-0.0`: `{"$numberDouble":"-0.0"}`,
		`'it\'s'`: `"it's"`, "`a\nb`": `"a\nb"`, `"\x41\u0042\u{1F600}\uD83D\uDE00\n\t\\\/\q"`: `"AB😀😀\n\t\\/q"`, "'a\\\nb'": `"ab"`, `"\0"`: `"\u0000"`,
		`ObjectId("507c35dd8fada716c89d0013")`: `{"$oid":"507c35dd8fada716c89d0013"}`, `new ObjectId('507C35DD8FADA716C89D0013')`: `{"$oid":"507c35dd8fada716c89d0013"}`,
		`ISODate("2026-01-31")`: `{"$date":{"$numberLong":"1769817600000"}}`, `ISODate("20260131T120000.5+0200")`: `{"$date":{"$numberLong":"1769853600500"}}`,
		`new Date("2026-01-31T12:00:00Z")`: `{"$date":{"$numberLong":"1769860800000"}}`, `new Date(-1)`: `{"$date":{"$numberLong":"-1"}}`, `ISODate("2026-01-31 12:30-01:30")`: `{"$date":{"$numberLong":"1769868000000"}}`,
		`NumberLong("9223372036854775807")`: `{"$numberLong":"9223372036854775807"}`, `NumberLong(5)`: `{"$numberLong":"5"}`, `Long.fromString("-5")`: `{"$numberLong":"-5"}`,
		`NumberInt("5")`: `{"$numberInt":"5"}`, `Int32(5)`: `{"$numberInt":"5"}`, `Double(5)`: `{"$numberDouble":"5.0"}`,
		`NumberDecimal("1.50")`: `{"$numberDecimal":"1.50"}`, `NumberDecimal(0.10)`: `{"$numberDecimal":"0.10"}`, `NumberDecimal("NaN")`: `{"$numberDecimal":"NaN"}`,
		`UUID("00112233-4455-6677-8899-aabbccddeeff")`: `{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}}`, `UUID("00112233445566778899AABBCCDDEEFF")`: `{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}}`,
		`BinData(5, "aGk=")`: `{"$binary":{"base64":"aGk=","subType":"05"}}`, `HexData(0, "6869")`: `{"$binary":{"base64":"aGk=","subType":"00"}}`, `Binary.createFromBase64("aGk=", 0)`: `{"$binary":{"base64":"aGk=","subType":"00"}}`,
		`Timestamp(5, 1)`: `{"$timestamp":{"t":5,"i":1}}`, `Timestamp({t: 5, i: 1})`: `{"$timestamp":{"t":5,"i":1}}`, `MinKey()`: `{"$minKey":1}`, `MaxKey`: `{"$maxKey":1}`, `MaxKey()`: `{"$maxKey":1}`, "\u00a0\ufeff5 \u2028": `{"$numberInt":"5"}`,
		`/a\/[/]b/smi`: `{"$regularExpression":{"pattern":"a/[/]b","options":"ims"}}`, `RegExp("^a", "x")`: `{"$regularExpression":{"pattern":"^a","options":"x"}}`, `new RegExp('a')`: `{"$regularExpression":{"pattern":"a","options":""}}`,
		`Code("f")`: `{"$code":"f"}`, `{a: [1, {b: 'x',},],}`: `{"a":[{"$numberInt":"1"},{"b":"x"}]}`, `{1: 2, "x y": 3, $a: 4}`: `{"1":{"$numberInt":"2"},"x y":{"$numberInt":"3"},"$a":{"$numberInt":"4"}}`,
		`DBRef("c", 1, "d")`: `{"$ref":"c","$id":{"$numberInt":"1"},"$db":"d"}`, `{über: 1}`: `{"über":{"$numberInt":"1"}}`,
	} {
		b, err := bson.MarshalExtJSON(command(t, `db.c.insertOne({v: `+text+`})`).Documents[0], true, false)
		if got := string(b); err != nil || got != `{"v":`+want+`}` {
			t.Errorf("%s\n got %s %v\nwant %s", text, got, err, want)
		}
	}
}

// The documents are from the specification "MongoDB Extended JSON v2", "Conversion table", canonical and relaxed.
func TestExtendedJSONIsReadInBothItsForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"$oid": "5d505646cf6d4fe581014ab2"}`: ``, `{"$symbol": "s"}`: ``, `"text"`: ``, `{"$numberInt": "-42"}`: ``, `{"$numberLong": "42"}`: ``, `{"$numberDouble": "42.42"}`: ``,
		`{"$numberDouble": "-Infinity"}`: ``, `{"$numberDouble": "NaN"}`: ``, `{"$numberDecimal": "1234"}`: ``, `{"$binary": {"base64": "o0w498Or7cijeBSpkquNtg==", "subType": "03"}}`: ``,
		`{"$code": "function() {}"}`: ``, `{"$code": "function() {}", "$scope": {"a": {"$numberInt": "1"}}}`: ``, `{"$timestamp": {"t": 42, "i": 1}}`: ``,
		`{"$regularExpression": {"pattern": "foo*", "options": "ix"}}`: ``, `{"$date": {"$numberLong": "-284643869501"}}`: ``, `{"$minKey": 1}`: ``, `{"$maxKey": 1}`: ``,
		`{"$ref": "collection", "$id": {"$oid": "57fd71e96e32ab4225b723fb"}, "$db": "database"}`: ``,
		`{"$date": "2012-12-24T12:15:30.501Z"}`:                                                  `{"$date":{"$numberLong":"1356351330501"}}`, `{"$date": 5}`: `{"$date":{"$numberLong":"5"}}`, `{"$date": "2012-12-24T14:15:30+02:00"}`: `{"$date":{"$numberLong":"1356351330000"}}`,
		`42`: `{"$numberInt":"42"}`, `42.5`: `{"$numberDouble":"42.5"}`, `{"$uuid": "c8edabc3-f738-4ca3-b68d-ab92a91478a3"}`: `{"$binary":{"base64":"yO2rw/c4TKO2jauSqRR4ow==","subType":"04"}}`,
		`{"$binary": "aGk=", "$type": "80"}`: `{"$binary":{"base64":"aGk=","subType":"80"}}`, `{"$regex": "^a", "$options": "i"}`: `{"$regex":"^a","$options":"i"}`,
	} {
		if want == "" {
			want = strings.NewReplacer(": ", ":", ", ", ",", "{\"t\"", "{\"t\"").Replace(text)
		}
		d := command(t, `{"insert": "c", "documents": [{"v": `+text+`}]}`).Documents[0]
		if v := fmt.Sprintf("%T", d[0].Value); v == "bson.D" && !strings.Contains(text, "$ref") && !strings.Contains(text, `"$regex"`) {
			t.Errorf("%s is taken for a document", text)
		}
		b, err := bson.MarshalExtJSON(d, true, false)
		if got := string(b); err != nil || got != `{"v":`+want+`}` {
			t.Errorf("%s\n got %s %v\nwant %s", text, got, err, want)
		}
	}
}

func TestErrorsPointAtThePlaceAndTeach(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text      string
		line, col int
		want      string
	}{
		{``, 1, 1, "there is no statement"}, {` ; `, 1, 2, "there is no statement"}, {`select * from t`, 1, 1, "a statement in SQL"}, {`use shop`, 1, 1, "the engine is of one database"},
		{`show collections`, 1, 1, "listCollections"}, {`var x = 1`, 1, 1, "JavaScript isn't run"}, {`db.c.find(); db.c.find()`, 1, 14, "a second statement"},
		{"db.c.find({\n  ü: 'x',\n  b: }\n)", 3, 6, "a value is missing before }"}, {"db.c.find({é: , b: 1})", 1, 15, "a value is missing"},
		{`db.c.find({a: 1 b: 2})`, 1, 17, "a comma or } is missing in the document, before b"}, {`db.c.find({a 1})`, 1, 14, "a colon is missing"}, {`db.c.find({a: 1}`, 1, 17, "before the end"},
		{`db.c.find({a: "x})`, 1, 15, "never ends"}, {"db.c.find({a: 'x\n'})", 1, 15, `write \n`}, {`db.c.find({a: /x})`, 1, 15, "doesn't end on its line"}, {`db.c.find( /* x`, 1, 12, "the comment that begins here"},
		{`db.c.find({a: 1, a: 2})`, 1, 18, `the key "a" twice`}, {`db.c.find({a: undefined})`, 1, 15, "undefined"}, {`db.c.find({a: x})`, 1, 15, "x isn't a value"}, {`db.c.find({a: function(){}})`, 1, 15, "functions"},
		{`db.c.find({a: 010})`, 1, 15, "0o17"}, {`db.c.find({a: 99999999999999999999})`, 1, 15, "64 bits"}, {`db.c.find({a: 1e999})`, 1, 15, "range"}, {`db.c.find({a: 1__0})`, 1, 15, "underscore"}, {`db.c.find({a: --1})`, 1, 15, "can't be read"},
		{`db.c.find({a: "\uD83D"})`, 1, 16, "surrogate"}, {`db.c.find({a: "\101"})`, 1, 16, "octal"}, {`db.c.find({a: "\u{110000}"})`, 1, 16, "U+10FFFF"}, {`db.c.find({a: "\xg"})`, 1, 16, "hexadecimal"}, {"db.c.find({a: '\xff'})", 1, 15, "UTF-8"},
		{`db.c.find({a: ObjectId("x")})`, 1, 15, "24 hexadecimal digits"}, {`db.c.find({a: ObjectId()})`, 1, 15, "bind a new bson.ObjectID"}, {`db.c.find({a: new Date()})`, 1, 15, "$$NOW"}, {`db.c.find({a: Date("2026-01-31")})`, 1, 15, "new Date"},
		{`db.c.find({a: new Date("2026-01-31T10:00")})`, 1, 15, "local"}, {`db.c.find({a: ISODate("2026-02-30")})`, 1, 15, "takes a date"}, {`db.c.find({a: new Date(2026, 1, 1)})`, 1, 15, "zone"}, {`db.c.find({a: NumberInt(3000000000)})`, 1, 15, "32 bits"},
		{`db.c.find({a: NumberDecimal("x")})`, 1, 15, "34 digits"}, {`db.c.find({a: UUID("x")})`, 1, 15, "32 hexadecimal"}, {`db.c.find({a: BinData(256, "")})`, 1, 15, "0 to 255"}, {`db.c.find({a: /x/q})`, 1, 15, "options of a regular expression"}, {`db.c.find({a: /x/ii})`, 1, 15, "each once"},
		{`db.c.find({a: Objectid("x")})`, 1, 15, "Objectid isn't known"}, {`db.c.find({a: {$oid: "x"}})`, 1, 15, "24 hexadecimal"}, {`db.c.find({a: {$date: "2026-01-31T10:00:00"}})`, 1, 15, "takes a text such as"}, {`db.c.find({a: {$numberLong: 5}})`, 1, 15, "as a text"},
		{`db.c.find({a: ?1})`, 1, 15, "without a number"}, {`db.c.find({a: : b})`, 1, 15, "without space"}, {`db.c.find({...x})`, 1, 12, "spread"}, {`db.c.find({a: [...x]})`, 1, 16, "spread"},
		{`db`, 1, 3, "db is followed by"}, {`db.c`, 1, 5, "a method is missing"}, {`db.c.`, 1, 6, "a name is missing"}, {`db.c.count()`, 1, 6, "countDocuments"}, {`db.c.bulkWrite([])`, 1, 6, "ExecuteMany"}, {`db.c.findone()`, 1, 6, "did you mean findOne?"},
		{`db.c.find().limit(1).limit(2)`, 1, 28, "limit is given twice"}, {`db.c.find({}, {}, {limits: 2})`, 1, 20, "did you mean limit?"}, {`db.c.find().explain()`, 1, 13, "isn't taken"}, {`db.c.findOne().sort({a: 1})`, 1, 16, "nothing can be chained"},
		{`db.c.find().limit("x")`, 1, 19, "whole number"}, {`db.c.find().limit(-1)`, 1, 19, "not a negative one"}, {`db.c.find().sort({a: 2})`, 1, 22, "1 or -1"}, {`db.c.find(1)`, 1, 11, "a filter is a document"}, {`db.c.deleteMany(null)`, 1, 17, "not null"},
		{`db.c.updateOne({}, {a: 1})`, 1, 20, "replaceOne"}, {`db.c.updateOne({}, {$set: {a: 1}, b: 1})`, 1, 35, "isn't one"}, {`db.c.replaceOne({}, {$set: {a: 1}})`, 1, 21, "updateOne"}, {`db.c.insertMany([])`, 1, 17, "at least one"}, {`db.c.insertOne(1)`, 1, 16, "a document is needed"},
		{`db.c.aggregate([{$match: {}, $limit: 1}])`, 1, 17, "a stage is a document with one key"}, {`db.c.find({}, {}, {collation: {strength: 1}})`, 1, 31, "needs a locale"}, {`db.c.find().sort({a: 1}).collation({locale: 1})`, 1, 36, "another type"}, {`db.c.insertOne({}, {writeConcern: {w: -1}})`, 1, 35, "it takes w and j"},
		{`{"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 1}}}, {"q": {}, "u": {"$set": {"a": 1}}}]}`, 1, 1, "one statement in updates"}, {`{"find": "c", "tailable": true}`, 1, 15, "never ends"}, {`{"find": 1}`, 1, 10, "name of a collection"}, {`{}`, 1, 1, "begins with the command"},
		{`{"find": "c", "filter": {"a": 1}, "batchsize": 5}`, 1, 35, "did you mean batchSize?"}, {`{"aggregate": "c"}`, 1, 15, "needs a pipeline"}, {`db.c.drop(1)`, 1, 11, "options are a document"}, {`db.c.find({a: 1}) x`, 1, 19, "the statement has ended"},
		{`db.c.find({}, {}, {readConcern: {level: "x"}})`, 1, 33, "a read concern is"}, {`db.c.findOneAndUpdate({}, {$set: {a: 1}}, {returnDocument: "x"})`, 1, 60, `"before" or "after"`},
	} {
		err := syntaxError(t, test.text)
		if err.Line != test.line || err.Column != test.col || !strings.Contains(err.Text, test.want) {
			t.Errorf("%s\n got %v\nwant line %d, column %d: %s", test.text, err, test.line, test.col, test.want)
		}
	}
}

func TestNestingEndsWhereBSONEndsIt(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("{a: ", n) + "1" + strings.Repeat("}", n) }
	parse(t, `db.c.insertOne(`+nested(99)+`)`)
	if err := syntaxError(t, `db.c.insertOne(`+nested(101)+`)`); !strings.Contains(err.Text, "100 levels") {
		t.Error(err)
	}
	for _, open := range []string{"{a: ", "[", "ObjectId(", "{a: [", "(", "-", "{$date: "} {
		syntaxError(t, `db.c.insertOne(`+strings.Repeat(open, 100_000))
	}
}

func TestWhatIsNearlyRightIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`db.c.find({a: UUID("00112233-4455-6677x8899-aabbccddeeff")})`: "32 hexadecimal", `db.c.find({a: ISODate("2026-01-31T12:00:00Zx")})`: "takes a date",
		`db.c.find({a: Timestamp("5", 1)})`: "whole numbers of 32 bits", `db.c.find({a: DBRef(5, 1)})`: "a text",
		`db.c.find({a: {$binary: {base64: "!", subType: "00"}}})`: "base64", `db.c.find({a: {$binary: {base64: ?, subType: "00"}}})`: "takes no placeholder",
		`db.c.find({a: "\u{}"})`: "hexadecimal", `db.c.find({a: "\ud83d\ue000"})`: "surrogate", `db.c.find({a: "\x4/"})`: "hexadecimal", "db.c.find({a: '\\x4`'})": "hexadecimal",
		`db.c.find({a: /\`: "doesn't end on its line", "db.c.find({a: /x\x00/})": "zero byte", `db.c.find({1.5: 1})`: "colon",
		`db.c.find({a0: 1, a1: 1, a2: 1, a3: 1, a4: 1, a5: 1, a6: 1, a7: 1, a8: 1, a9: 1, b0: 1, b1: 1, b2: 1, b3: 1, b4: 1, b5: 1, b6: 1, b0: 1})`: `the key "b0" twice`,
		`db.c.find({a: ?, b: :name})`: "mixed", `db.c.find({}, {}, 5)`: "the options are a document", `db.getCollection().find()`: "the name of a collection",
		`db.getCollection("a", "b").find()`: "the name of a collection", `db.c.aggregate([], {}, {})`: "a pipeline and options", `db.c.aggregate([{$out: {db: "d"}}])`: "$out takes",
		`db.c.aggregate([{$lookup: {from: 5, as: "x"}}])`: "the name of a collection", `db.c.find({$or: {a: 1}})`: "an array of filters",
		`{"createIndexes": "c", "indexes": [{"name": "x"}]}`: "keys of the index are missing", `db.c.find().collation({locale: "de", strength: 6})`: "strength",
		`db.c.insertOne({}, {writeConcern: {wtimeout: 5}})`: "the call's own deadline", `db.c.insertOne({}, {writeConcern: {w: 0}})`: "write w: 1",
		`db.c.insertOne({}, {writeConcern: {fsync: 1}})`: "fsync",
	} {
		if got := syntaxError(t, text); !strings.Contains(got.Text, want) {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
