package mongodb

import (
	"reflect"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestDocumentsAreReadAsTheDocsSay(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 29, 1, 2, 3, 4e6, time.UTC)
	id := bson.NewObjectID()
	dec, err := bson.ParseDecimal128("-12345678901234567890.50")
	if err != nil {
		t.Fatal(err)
	}
	doc := bson.D{
		{Key: "null", Value: nil}, {Key: "bool", Value: true}, {Key: "int", Value: int32(-5)}, {Key: "long", Value: int64(1) << 60},
		{Key: "double", Value: 1.5}, {Key: "text", Value: "ß\x00"}, {Key: "at", Value: at}, {Key: "id", Value: id}, {Key: "dec", Value: dec},
		{Key: "bytes", Value: []byte{0, 1}}, {Key: "uuid", Value: bson.Binary{Subtype: 4, Data: []byte("0123456789abcdef")}},
		{Key: "vector", Value: bson.Binary{Subtype: 9, Data: []byte{1}}}, {Key: "re", Value: bson.Regex{Pattern: "a", Options: "i"}},
		{Key: "ts", Value: bson.Timestamp{T: 1, I: 2}}, {Key: "min", Value: bson.MinKey{}},
		{Key: "nested", Value: bson.D{{Key: "a", Value: bson.A{int32(1), bson.D{{Key: "d", Value: dec}}}}, {Key: "empty", Value: bson.A{}}}},
	}
	want := []any{
		nil, true, int64(-5), int64(1) << 60, 1.5, "ß\x00", at, id, "-12345678901234567890.50", []byte{0, 1}, "30313233-3435-3637-3839-616263646566",
		bson.Binary{Subtype: 9, Data: []byte{1}}, bson.Regex{Pattern: "a", Options: "i"}, bson.Timestamp{T: 1, I: 2}, bson.MinKey{},
		map[string]any{"a": []any{int64(1), map[string]any{"d": driver.Decimal("-12345678901234567890.50")}}, "empty": []any{}},
	}
	var r rows
	if err := r.decode(marshal(doc)); err != nil {
		t.Fatal(err)
	}
	for i, e := range doc {
		if got := r.vals[i].Any(); r.cols[i].Name != e.Key || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%s: %s is %#v, want %#v", e.Key, r.cols[i].Name, got, want[i])
		}
	}
	cols := r.cols
	if err := r.decode(marshal(doc)); err != nil || &cols[0] != &r.cols[0] {
		t.Errorf("the same keys have other columns (%v)", err)
	}
	if err := r.decode(marshal(doc[1:3])); err != nil || len(r.cols) != 2 || r.cols[0].Name != "bool" || len(cols) != len(doc) || cols[0].Name != "null" {
		t.Errorf("other keys: %v, and before %v (%v)", r.cols, cols[0], err)
	}
}

func TestDecimalsAreWrittenOut(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"1.5": "1.5", "1.5E+3": "1500", "-15E-3": "-0.015", "1E+6000": "1E+6000", "NaN": "NaN", "0E+2": "000", "12.5E-1": "1.25"} {
		if got := plainDigits(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func FuzzBrokenDocumentsAreErrors(f *testing.F) {
	f.Add([]byte(marshal(bson.D{{Key: "a", Value: "b"}, {Key: "c", Value: bson.A{1, bson.Regex{Pattern: "x"}}}})))
	f.Fuzz(func(_ *testing.T, doc []byte) {
		var r rows
		if r.decode(doc) == nil {
			for i := range r.vals {
				_ = r.vals[i].Any()
			}
		}
	})
}
