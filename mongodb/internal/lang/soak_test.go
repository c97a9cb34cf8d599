package lang_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

// maker generates documents as they may come from a user, and remembers whether one has a key that must not pass.
type maker struct {
	*rand.Rand
	evil bool
	deep int // within JSON or BSON, in which the other kinds would be binary data or texts
}

var (
	evilKeys = []string{"$ne", "$gt", "$where", "$expr", "$or", "$set", "$", "$$ROOT", "$function", "$oid", "a.b", ".", "a.", "", "a\x00", "\x00$ne", "$\x00"}
	goodKeys = []string{"a", "b", "name", "_id", "ne", "a$b", "ü", " $ne", "＄ne", "x y", "-", "0", "where", "a$"}
	texts    = []string{"$password", "$$ROOT", "$", "x", "", "{$ne: 1}", "a\x00b", "'; db.dropDatabase()"}
)

func (m *maker) key(taken map[string]bool, risk int) (string, bool) {
	key := goodKeys[m.IntN(len(goodKeys))]
	evil := m.IntN(risk) == 0
	if evil {
		key = evilKeys[m.IntN(len(evilKeys))]
	}
	if taken[key] {
		return "", false
	}
	taken[key] = true
	m.evil = m.evil || evil
	return key, true
}

func (m *maker) value(depth, risk int) any {
	n := 10
	if depth == 0 {
		n = 5
	}
	switch m.IntN(n) {
	case 0:
		return m.IntN(100)
	case 1, 2:
		return texts[m.IntN(len(texts))]
	case 3:
		return m.IntN(2) == 0
	case 4:
		return nil
	case 5:
		list := make([]any, m.IntN(3))
		for i := range list {
			list[i] = m.value(depth-1, risk)
		}
		return list
	}
	return m.document(depth-1, risk)
}

// document makes a document of one of the kinds of Go values that are one.
func (m *maker) document(depth, risk int) any {
	taken := map[string]bool{}
	d := bson.D{}
	kind := m.IntN(7)
	if m.deep > 0 {
		kind = m.IntN(2)
	}
	if kind == 2 || kind == 3 {
		m.deep++
		defer func() { m.deep-- }()
	}
	for range m.IntN(4) {
		if key, ok := m.key(taken, risk); ok {
			d = append(d, bson.E{Key: key, Value: m.value(depth, risk)})
		}
	}
	byKey := make(map[string]any, len(d))
	for _, e := range d {
		byKey[e.Key] = e.Value
	}
	switch kind {
	case 0:
		return d
	case 1:
		return bson.M(byKey)
	case 2:
		if b, err := json.Marshal(byKey); err == nil {
			return json.RawMessage(b)
		}
	case 3:
		if b, err := bson.Marshal(d); err == nil {
			return bson.Raw(b)
		}
	case 4:
		return struct {
			Inner any `bson:"inner"`
		}{byKey}
	case 5:
		return &byKey
	}
	return byKey
}

// operators counts the keys that begin with $ in what would be sent. What is under $literal is data.
func operators(v any, counts map[string]int) {
	switch v := v.(type) {
	case bson.D:
		for _, e := range v {
			if strings.HasPrefix(e.Key, "$") {
				counts[e.Key]++
			}
			operators(e.Value, counts)
		}
	case []bson.D:
		for _, d := range v {
			operators(d, counts)
		}
	case bson.A:
		for _, e := range v {
			operators(e, counts)
		}
	}
}

func allOperators(c *lang.Command) string {
	counts := map[string]int{}
	operators(c.Filter, counts)
	operators(c.Update, counts)
	operators(c.Replacement, counts)
	operators(c.Documents, counts)
	operators(c.Pipeline, counts)
	operators(c.Raw, counts)
	operators(c.Options.Let, counts)
	operators(c.Options.ArrayFilters, counts)
	operators(c.Options.Comment, counts)
	return fmt.Sprint(counts) // sorted by key
}

// evaluated finds a text that begins with $ and comes from a bound value, in a place where it would be an expression.
func evaluated(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.HasPrefix(v, "$")
	case bson.D:
		for _, e := range v {
			if e.Key != "$literal" && evaluated(e.Value) {
				return true
			}
		}
	case bson.A:
		for _, e := range v {
			if evaluated(e) {
				return true
			}
		}
	}
	return false
}

// With PLINTH_SOAK=1 there are 1,000,000 documents.
func TestNoOperatorPassesInAGeneratedDocument(t *testing.T) {
	t.Parallel()
	rounds := 20_000
	if os.Getenv("PLINTH_SOAK") != "" {
		rounds = 1_000_000
	}
	places := []struct {
		text       string
		expression bool
		harmless   any // a value with which the statement has only its own operators
	}{
		{`db.c.find({a: ?})`, false, 1}, {`db.c.find(?)`, false, bson.D{}}, {`db.c.find({a: {$gt: ?, $lt: 5}})`, false, 1}, {`db.c.find({a: {$in: [?]}})`, false, 1},
		{`db.c.find({$or: [?, {b: 1}]})`, false, bson.D{}}, {`db.c.find({a: {$not: {$elemMatch: ?}}})`, false, bson.D{}}, {`db.c.insertOne(?)`, false, bson.D{}},
		{`db.c.insertMany([{a: ?}])`, false, 1}, {`db.c.replaceOne({a: 1}, ?)`, false, bson.D{}}, {`db.c.updateOne({a: 1}, {$set: ?})`, false, bson.D{}},
		{`db.c.updateMany({}, {$set: {a: ?}, $push: {b: 1}})`, false, 1}, {`db.c.updateOne({}, {$push: {a: ?}})`, false, 1}, {`db.c.updateOne({}, {$pull: {a: ?}})`, false, 1},
		{`{"find": "c", "filter": {"a": ?}, "comment": "c"}`, false, 1}, {`{"configureSomething": 1, "value": ?}`, false, 1}, {`db.c.deleteMany({a: {$ne: ?}})`, false, 1},
		{`db.c.aggregate([{$match: {a: ?}}])`, false, 1}, {`db.c.aggregate([{$addFields: {a: ?}}])`, true, bson.D{}}, {`db.c.find({$expr: {$eq: [1, ?]}})`, true, bson.D{}},
		{`db.c.aggregate([{$group: {_id: {x: ?}, n: {$sum: 1}}}])`, true, bson.D{}}, {`db.c.updateOne({}, [{$replaceWith: ?}])`, true, bson.D{}}, {`db.c.aggregate([{$newStage: {a: [?]}}])`, true, 1},
	}
	statements := make([]*lang.Statement, len(places))
	own := make([]string, len(places))
	for i, p := range places {
		statements[i] = parse(t, p.text)
		own[i] = allOperators(command(t, p.text, p.harmless))
	}
	m := &maker{Rand: rand.New(rand.NewPCG(1, 2))}
	var passed, stopped int
	for round := range rounds {
		i := m.IntN(len(places))
		m.evil = false
		doc := m.document(3, []int{4, 40, 1 << 30}[m.IntN(3)])
		flat, err := statements[i].Bind([]any{doc})
		unknown := strings.Contains(places[i].text, "$newStage")
		if err != nil {
			stopped++
			if !errors.Is(err, driver.Argument) || !m.evil && !unknown {
				t.Fatalf("round %d, %s: %#v is refused: %v", round, places[i].text, doc, err)
			}
			continue
		}
		passed++
		c, err := statements[i].Command(flat)
		if err != nil {
			t.Fatalf("round %d, %s: %#v: %v", round, places[i].text, doc, err)
		}
		if got := allOperators(c); m.evil || got != own[i] {
			t.Fatalf("round %d, %s: %#v passed, with the operators %s instead of %s", round, places[i].text, doc, got, own[i])
		}
		if places[i].expression && (evaluated(c.Filter) || evaluated(c.Update) || evaluated(c.Pipeline)) {
			t.Fatalf("round %d, %s: %#v would be evaluated", round, places[i].text, doc)
		}
		if round%64 == 0 {
			if _, err := bson.Marshal(bson.D{{Key: "c", Value: c.Filter}, {Key: "d", Value: c.Documents}, {Key: "u", Value: c.Update}, {Key: "p", Value: c.Pipeline}}); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	}
	if passed < rounds/10 || stopped < rounds/10 {
		t.Errorf("%d documents passed and %d were refused: the generator shows nothing", passed, stopped)
	}
	t.Logf("%d documents passed, %d were refused", passed, stopped)
}
