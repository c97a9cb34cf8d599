package drivertest

import "github.com/plinthdb/plinth/driver"

// MongoDB returns statements in mongosh's form, to be changed where a server lacks something. An item's id is a key of its own
// with a unique index, beside the _id that each document has. A text isn't a UUID, and JSON isn't a document, so these have no
// Store. What MongoDB has no counterpart for is left "": settings of a session, columns of the same name, two statements in one text, errors for unknown collections and keys.
func MongoDB() Statements {
	const item = "{id: ?, name: ?, n: ?, note: ?}"
	const without = "{_id: 0}"
	st := Statements{
		Setup: []string{
			"db.items.createIndex({id: 1}, {unique: true})",
			"db.items.createIndex({name: 1}, {unique: true, name: 'items_name'})",
			"db.kept.createIndex({id: 1}, {unique: true})",
		},
		Insert:      "db.items.insertOne(" + item + ")",
		Add:         `{"update": "items", "updates": [{"u": {"$inc": {"n": ?}}, "q": {"id": ?}}]}`,
		Delete:      "db.items.deleteOne({id: ?})",
		Get:         "db.items.find({id: ?}, " + without + ")",
		Named:       "db.items.find({$and: [{id: :id}, {id: :id}]}, " + without + ")",
		In:          "db.items.find({id: {$in: ?}}, " + without + ").sort({id: 1})",
		NamedIn:     "db.items.find({id: {$in: :ids}, n: :n}, " + without + ").sort({id: 1})",
		List:        "db.items.find({}, " + without + ").sort({id: 1})",
		Count:       "db.items.countDocuments({})",
		Literal:     "db.items.countDocuments({name: {$ne: 'drivertest-secret'}})",
		Two:         "db.items.deleteMany({}); db.parts.deleteMany({})",
		Syntax:      "db.items.fnd({})",
		CreateOther: "db.createCollection('other')",
		InsertOther: "db.other.insertOne({id: ?})",
		ReadOther:   "db.other.find({}, " + without + ").sort({id: 1})",
		Violations: map[string]*Violation{
			"an id that exists": {Kind: driver.Unique, Statement: "db.items.insertOne(" + item + ")", Args: []any{1, "another", 0, nil},
				Told: Where{"id_1", "items", "id"}},
			"a unique name that exists": {Kind: driver.Unique, Statement: "db.items.insertOne(" + item + ")", Args: []any{3, "item 1", 0, nil},
				Told: Where{"items_name", "items", "name"}},
			"an update to a name that exists": {Kind: driver.Unique, Statement: "db.items.updateOne({id: ?}, {$set: {name: ?}})", Args: []any{2, "item 1"},
				Told: Where{"items_name", "items", "name"}},
		},
		Store: make(map[Family]Store),
	}
	for family, kind := range map[Family]driver.ValueKind{
		Int: driver.KindInt, Float: driver.KindFloat, Text: driver.KindText, Bytes: driver.KindBytes, Bool: driver.KindBool,
		Time: driver.KindTime, Date: driver.KindTime, Decimal: driver.KindDecimal,
	} {
		st.Store[family] = Store{Insert: "db.kept.insertOne({id: ?, v: ?})", Select: "db.kept.find({id: ?}, {_id: 0, v: 1})", Kind: kind}
	}
	return st
}
