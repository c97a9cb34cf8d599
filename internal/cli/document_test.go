package cli

import (
	"math"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

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
