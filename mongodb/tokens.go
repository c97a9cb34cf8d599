package mongodb

import "github.com/plinthdb/plinth/driver"

// Tokens implements driver.Tokens. A token is the _id of its document, which is unique without an index of our own. It takes
// transactions, and so a replica set. The upsert finds no document that has a date already, tries to insert another with the
// same _id, and fails (11000): that way the date is the server's, and a token that is there isn't touched.
//
// A transaction that has the token open isn't waited for: MongoDB ends the second one at once (WriteConflict).
func (b *backend) Tokens() driver.TokenStatements {
	return driver.TokenStatements{
		Conflicts: true,
		Create: []string{
			`db.createCollection("plinth_tokens")`,
			`db.plinth_tokens.createIndex({created_at: 1})`,
		},
		Insert: `db.plinth_tokens.updateOne({_id: ?, created_at: {$exists: false}}, {$currentDate: {created_at: true}}, {upsert: true})`,
		Store:  `{"update": "plinth_tokens", "updates": [{"u": {"$set": {"result": ?}}, "q": {"_id": ?}}]}`,
		Find:   `db.plinth_tokens.aggregate([{$match: {_id: ?}}, {$project: {_id: 0, result: {$ifNull: ["$result", null]}}}])`,
		// All at once, because nobody waits for it, whatever the second argument says.
		Prune: `db.plinth_tokens.deleteMany({$expr: {$and: [
	{$lt: ["$created_at", {$subtract: ["$$NOW", {$multiply: [?, 1000]}]}]}, {$gt: [?, 0]}]}})`,
	}
}
