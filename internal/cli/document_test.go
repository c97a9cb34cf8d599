package cli

import (
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

func TestADocumentIsPrintedAsExtendedJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2021, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for _, c := range []struct {
		value driver.Value
		want  string
	}{
		{driver.NullValue(), `null`},
		{driver.BoolValue(true), `true`},
		{driver.IntValue(1 << 60), `1152921504606846976`},
		{driver.FloatValue(1), `1.0`},
		{driver.FloatValue(math.Inf(-1)), `{"$numberDouble":"-Infinity"}`},
		{driver.TextValue("<größer>\n"), `"<größer>\n"`},
		{driver.DecimalValue("12.340"), `{"$numberDecimal":"12.340"}`},
		{driver.BytesValue([]byte("abc")), `{"$binary":{"base64":"YWJj","subType":"00"}}`},
		{driver.UUIDValue("00112233-4455-6677-8899-aabbccddeeff"), `{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}}`},
		{driver.UUIDValue("none"), `"none"`},
		{driver.TimeValue(at), `{"$date":"2021-01-02T03:04:05.678Z"}`},
		{driver.NestedValue(bson.ObjectID{1}), `{"$oid":"010000000000000000000000"}`},
		{driver.NestedValue(bson.Regex{Pattern: "^a", Options: "i"}), `{"$regularExpression":{"pattern":"^a","options":"i"}}`},
		{
			driver.NestedValue(map[string]any{"b": []any{int64(1), driver.Decimal("0.5")}, "a": map[string]any{"at": at}}),
			`{"a":{"at":{"$date":"2021-01-02T03:04:05.678Z"}},"b":[1,{"$numberDecimal":"0.5"}]}`,
		},
	} {
		got, err := extended([]string{"v"}, []driver.Value{c.value})
		if want := `{"v":` + c.want + `}`; err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}

func TestValuesForMongoDBAreJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]any{
		"5": int64(5), "1.5": 1.5, "null": nil, "true": true, "x": "x", `"5"`: `"5"`, "": "",
		"[]": []any{}, `[100, -5, "5", null, [1.5]]`: []any{int64(100), int64(-5), "5", nil, []any{1.5}},
		"{}": bson.D{}, `{"b": 1, "a": {"c": [99999999999999999999]}}`: bson.D{{Key: "b", Value: int64(1)}, {Key: "a", Value: bson.D{{Key: "c", Value: []any{"99999999999999999999"}}}}},
		`{"$oid": "6b040b873f7bc7081c42aba3"}`: mustID("6b040b873f7bc7081c42aba3"), `{"$oid": "6b"}`: json.RawMessage(`{"$oid": "6b"}`),
		"[1": "[1", "[1] x": "[1] x", "{a: 1}": "{a: 1}", "[x]": "[x]",
	} {
		if got := documentArgument(in); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, want %#v", in, got, want)
		}
	}
}

func TestArgumentsOfAStatementForMongoDB(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		list []string
		want []any
	}{
		{"db.t.find({ms: {$gt: :min}})", []string{"min=1"}, []any{sql.Named("min", int64(1))}},
		{"db.t.find({ms: {$gt: :min, $in: :of}})", []string{"of=[1]", "min=null"}, []any{sql.Named("of", []any{int64(1)}), sql.Named("min", nil)}},
		{"db.t.find({a: ?})", []string{"b=1"}, []any{"b=1"}},
		{"db.t.find({a: {$in: ?}})", []string{"[100,5]"}, []any{[]any{int64(100), int64(5)}}},
		{"db.t.insertOne(?)", []string{`{"z": 1, "a": "x"}`}, []any{bson.D{{Key: "z", Value: int64(1)}, {Key: "a", Value: "x"}}}},
		{"db.t.find({", []string{"1"}, []any{int64(1)}}, // the engine says what is wrong
	} {
		if got, err := prepareDocuments(c.text, c.list, false); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s with %q: %#v, %v; want %#v", c.text, c.list, got, err, c.want)
		}
	}
	if got, err := prepareDocuments("db.t.find({a: :a})", []string{"a=[1]"}, true); err != nil || !reflect.DeepEqual(got, []any{sql.Named("a", "[1]")}) {
		t.Errorf("as text: %#v, %v", got, err)
	}
	for _, c := range []struct{ text, arg, hint string }{
		{"db.t.find({a: :a})", "1", "name=value"},
		{"db.t.find({a: {$in: ?}})", "1", "a JSON array"},
		{"db.t.find({a: ?})", `{"$gt": 1}`, "write operators into the statement"},
		{"db.t.find({a: ?})", `{"$regularExpression": {"pattern": "", "options": ""}}`, "write operators into the statement"},
		{"db.t.find({a: ?})", `{"$code": "1"}`, "write operators into the statement"},
		{"db.t.find({a: ?})", `{"$oid": "6b"}`, "write operators into the statement"},
		{"db.t.find(:f)", `f={"a": {"$ne": null}}`, "write operators into the statement"},
	} {
		_, err := prepareDocuments(c.text, []string{c.arg}, false)
		if h, ok := errors.AsType[*hinted](err); !ok || !h.usage || !strings.Contains(h.hint, c.hint) {
			t.Errorf("%s with %s: %#v", c.text, c.arg, err)
		}
	}
}

func mustID(hex string) bson.ObjectID {
	id, err := bson.ObjectIDFromHex(hex)
	if err != nil {
		panic(err)
	}
	return id
}

// TestExtendedJSONIsTheValueThatItStandsFor reads it for a document, and for the column of a table.
func TestExtendedJSONIsTheValueThatItStandsFor(t *testing.T) {
	t.Parallel()
	at := time.Date(2021, 1, 2, 3, 4, 5, 0, time.UTC)
	exact, err := plinth.ParseDecimal("1.10")
	if err != nil {
		t.Fatal(err)
	}
	id := []byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	for _, c := range []struct {
		json              string
		document, inTable any
	}{
		{`{"$oid": "6b040b873f7bc7081c42aba3"}`, mustID("6b040b873f7bc7081c42aba3"), "6b040b873f7bc7081c42aba3"},
		{`{ "$date": "2021-01-02T03:04:05Z"}`, bson.NewDateTimeFromTime(at), at},
		{`{"$date":{"$numberLong":"1609556645000"}}`, bson.NewDateTimeFromTime(at), at},
		{`{"$numberInt": "-5"}`, int32(-5), int64(-5)},
		{`{"$numberLong": "5"}`, int64(5), int64(5)},
		{`{"$numberDouble": "1.5"}`, 1.5, 1.5},
		{`{"$numberDecimal": "1.10"}`, bson.NewDecimal128(0x303c000000000000, 110), exact},
		{`{"$numberDecimal": "NaN"}`, bson.NewDecimal128(0x7c00000000000000, 0), `{"$numberDecimal":"NaN"}`},
		{`{"$binary": {"base64": "YWJj", "subType": "00"}}`, bson.Binary{Data: []byte("abc")}, []byte("abc")},
		{`{"$binary": {"base64": "ABEiM0RVZneImaq7zN3u/w==", "subType": "04"}}`, bson.Binary{Subtype: 4, Data: id}, "00112233-4455-6677-8899-aabbccddeeff"},
		{`{"$uuid": "00112233-4455-6677-8899-aabbccddeeff"}`, bson.Binary{Subtype: 4, Data: id}, "00112233-4455-6677-8899-aabbccddeeff"},
		{`{"$timestamp": {"t": 1, "i": 2}}`, bson.Timestamp{T: 1, I: 2}, `{"$timestamp":{"t":1,"i":2}}`},
		{`{"$ref": "a", "$id": 5}`, bson.D{{Key: "$ref", Value: "a"}, {Key: "$id", Value: int64(5)}}, `{"$ref":"a","$id":5}`},
		{`{"a": {"$oid": "6b040b873f7bc7081c42aba3"}}`, bson.D{{Key: "a", Value: mustID("6b040b873f7bc7081c42aba3")}}, `{"a":{"$oid":"6b040b873f7bc7081c42aba3"}}`},
	} {
		if got, err := ordered([]byte(c.json), number); err != nil || !reflect.DeepEqual(got, c.document) {
			t.Errorf("%s is %#v, %v; want %#v", c.json, got, err, c.document)
		}
		if got, err := inColumn(json.RawMessage(c.json)); err != nil || !reflect.DeepEqual(got, c.inTable) {
			t.Errorf("%s in a table is %#v, %v; want %#v", c.json, got, err, c.inTable)
		}
	}
	for _, wrong := range []string{`{"$oid": "6b"}`, `{"$date": true}`, `{"$numberLong": "x"}`, `{"$oid": "6b040b873f7bc7081c42aba3", "a": 1}`} {
		if got, err := ordered([]byte(wrong), number); err == nil {
			t.Errorf("%s is %#v", wrong, got)
		}
		if got, err := inColumn(json.RawMessage(wrong)); err == nil {
			t.Errorf("%s in a table is %#v", wrong, got)
		}
	}
}

func TestAnObjectIDIsPrintedAsItsDigits(t *testing.T) {
	t.Parallel()
	if got, err := text(bson.ObjectID{1, 0xab}); err != nil || got != "01ab00000000000000000000" {
		t.Errorf("%s, %v", got, err)
	}
}
