package lang_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

func seeds(f *testing.F) {
	for _, s := range []string{
		`db.tracks.find({ms: {$gt: ?}}).sort({ms: -1}).limit(10);`, `{"find": "tracks", "filter": {"ms": {"$gt": :low}}, "limit": 10}`,
		`db["x.y"].updateOne({_id: ObjectId("507c35dd8fada716c89d0013")}, {$set: {a: ISODate("2026-01-31")}}, {upsert: true})`,
		`db.c.aggregate([{$match: {a: {$in: [?]}}}, {$group: {_id: "$a", n: {$sum: 1}}}, {$project: {a: {$concat: ["$b", ?]}}}, {$out: "d"}])`,
		`db.c.insertMany([{a: 1.5, b: 'x\u{41}', c: /a[/]/i, d: NumberDecimal("1.5"), e: {$date: "2026-01-31T00:00:00Z"}}, {a: -0x1F}])`,
		`{"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": {"$numberLong": "5"}}}, "multi": true}]}`, `{"explain": {"find": "c"}}`,
		`db.c.createIndex({a: 1}, {unique: true}) // x`, `db.getCollection("c").findOneAndDelete({a: ?}, {sort: {a: 1}, writeConcern: {w: "majority"}})`,
		`db.c.find({a: BinData(0, "aGk="), b: Timestamp(1, 2), c: DBRef("c", ?), d: {$binary: {base64: "", subType: "00"}}})`, `db.c.deleteOne({a: /* ; */ 1})`,
	} {
		f.Add(s)
	}
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := lang.Parse(text)
		if err != nil {
			var syntax *lang.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 1 || syntax.Text == "" || syntax.Offset < 0 || syntax.Offset > len(text) || !utf8.ValidString(syntax.Text) {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		print := s.Fingerprint()
		if len(print) > 1000 || !utf8.ValidString(print) {
			t.Fatalf("%q: the fingerprint %q", text, print)
		}
		n, names := s.Params()
		args := make([]any, n)
		for i := range args {
			args[i] = 1
		}
		c, err := s.Command(args)
		if err != nil {
			if !errors.Is(err, driver.Argument) || n == 0 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		for _, d := range append([]bson.D{c.Filter, c.Raw, c.Replacement, c.Options.Sort, c.Options.Projection, c.Options.Let}, c.Documents...) {
			if d == nil {
				continue
			}
			if _, err := bson.Marshal(d); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
		if n == 0 && len(print) < 900 { // a fingerprint is a statement again, but for the types of its values
			if again, err := lang.Parse(print); err == nil && again.Verb != s.Verb && names == nil {
				t.Fatalf("%q: %s is %s, was %s", text, print, again.Verb, s.Verb)
			}
		}
	})
}

func FuzzStatements(f *testing.F) {
	seeds(f)
	f.Add("db.a.find()\n  .limit(1)\n// x\ndb.b.find(); {ping: 1}\n`a\n;`")
	f.Fuzz(func(t *testing.T, script string) {
		var text strings.Builder
		line := 0
		for st, err := range lang.Statements(strings.NewReader(script)) {
			if err != nil {
				var syntax *lang.SyntaxError
				if !errors.As(err, &syntax) || syntax.Line < line {
					t.Fatalf("%q: %v", script, err)
				}
				return
			}
			if st.Line < line || st.Text == "" || !strings.Contains(script, st.Text) {
				t.Fatalf("%q: %q in line %d, after %d", script, st.Text, st.Line, line)
			}
			line = st.Line
			text.WriteString(st.Text + ";\n")
		}
		n := 0
		for _, err := range lang.Statements(strings.NewReader(text.String())) {
			if err != nil {
				t.Fatalf("%q became %q: %v", script, text.String(), err)
			}
			n++
		}
		if n == 0 && line > 0 {
			t.Fatalf("%q: no statement is left in %q", script, text.String())
		}
	})
}

func FuzzBind(f *testing.F) {
	f.Add(`{"$ne": 1}`, uint8(0))
	f.Add(`{"a": [1, {"b.c": null}], "d": "$x"}`, uint8(3))
	f.Add(`["$$ROOT", 1e400, -0, 99999999999999999999]`, uint8(6))
	texts := []string{
		`db.c.find({a: ?})`, `db.c.find(?)`, `db.c.insertOne(?)`, `db.c.updateOne({}, {$set: ?})`, `db.c.find({a: {$in: [?]}})`, `db.c.find({$or: ?})`,
		`db.c.aggregate([{$addFields: {a: ?}}])`, `db.c.find({$expr: {$eq: ["$a", ?]}})`, `db.c.find().sort(?)`, `db.c.find({}, ?)`, `{"x": 1, "y": ?}`, `db.c.find().hint(?)`,
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		s := parse(t, texts[int(which)%len(texts)])
		values := []any{json.RawMessage(text), bson.Raw(text)}
		var plain any
		if json.Unmarshal([]byte(text), &plain) == nil {
			values = append(values, plain)
		}
		want := map[string]int{}
		for i, v := range values {
			flat, err := s.Bind([]any{v})
			if err != nil {
				if !errors.Is(err, driver.Argument) {
					t.Fatalf("%q: %v", text, err)
				}
				continue
			}
			if i == 2 && hasOperator(plain) {
				t.Fatalf("%s: %q passed", s.Fingerprint(), text)
			}
			c, err := s.Command(flat)
			if err != nil && !errors.Is(err, driver.Argument) {
				t.Fatalf("%q: %v", text, err)
			}
			if c != nil {
				operators(c.Filter, want)
			}
		}
		for key := range want {
			if !strings.Contains(" $in $or $expr $eq $literal ", " "+key+" ") {
				t.Fatalf("%s: %q has %s", s.Fingerprint(), text, key)
			}
		}
	})
}

// hasOperator looks for a key that begins with $, without any code of the package.
func hasOperator(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if strings.HasPrefix(key, "$") || hasOperator(inner) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if hasOperator(inner) {
				return true
			}
		}
	}
	return false
}
