// Package lang reads MongoDB statements in two forms, binds values to them and guards those values. It talks to
// nobody.
//
// # The forms
//
// A statement is mongosh's form, db.tracks.find({ms: {$gt: ?}}).sort({ms: -1}).limit(10), or a database command,
// {"find": "tracks", "filter": {"ms": {"$gt": ?}}, "limit": 10}. Both have one grammar of values: JSON, JavaScript's
// literals (unquoted keys, single and back quotes, regular expressions, comments, trailing commas), the shell's types
// (ObjectId("…"), ISODate("…"), …) and Extended JSON v2, canonical and relaxed. Nothing is evaluated: no variables,
// functions, ${…}, computed keys. An integer literal is an int32 if it fits and an int64 otherwise; with a point or an
// exponent it is a double, 1.0 too. A key that stands in a document twice is refused, since who reads which differs.
//
// Commands that MongoDB's driver has an operation for become that operation, whatever the form, because only
// operations get read preference, concerns and the driver's retries; all others are sent as they are. Those of
// transactions, sessions and cursors are refused: they are the engine's. An update or delete command has one statement
// in it.
//
// # A bound value is only ever a value
//
// In SQL a parameter can't become syntax. In MongoDB it can, because a document is both: {"name": ?} with the map
// {"$ne": nil}, as web frameworks make it of name[$ne]=, matches everybody. So each value is converted, looked through
// at every depth and then checked against the place where it stands, before a connection is taken. The error names the
// argument and the path of the key in it, never the value.
//
// In every bound document, a Go map, struct, bson.D, bson.Raw, json.RawMessage or whatever marshals itself, these keys
// are refused: those that begin with $, because they are operators (and DBRefs); those with a dot, because they are
// paths in filters and updates; empty ones; those with a zero byte, because BSON ends a key there. JSON is read as
// JSON: {"$oid": …} in it is a key with $. Operators{v} is the program's word that it wrote v itself: then keys may be
// operators and paths, and JSON is Extended JSON. Even so $where, $function and $accumulator, which run code, are
// refused: code stands in the text.
//
// The place decides what else a value could become:
//
//   - A filter. A value is compared. A whole filter (?), or one in $and, $or and $nor, is a document of plain fields.
//     Two kinds of values are patterns by nature and stay so: a text under $regex, and a bson.Regex, whose type says
//     it. Under $text a text has the operators of a search ("phrase", -word). A bound text elsewhere is never a
//     pattern.
//   - {$in: ?} takes a slice; a nil slice is empty. {$in: [?]} takes a value or a slice, which is spread, as IN (?)
//     does in SQL. $nin and $all are the same. A slice anywhere else is an array.
//   - An update. {$set: ?} takes a document of fields. A whole update as ? has to be in Operators, because without
//     operators it can only fail. Of {$push: {a: ?}} the value is one element. Under $pull a bound document matches
//     elements that have its fields. $rename takes no placeholder: its values are names.
//   - An aggregation expression ($expr, let, $group, $addFields, $set as a stage, …). There a text that begins with $
//     is a field's path, "$$ROOT" a variable, and documents and arrays are looked through for both. Such a value is
//     sent as {$literal: value}, which every expression takes. A value in Operators is sent as it is: an expression.
//   - A projection. 1, 0, true and false say which fields are shown, everything else is computed, so that one field
//     takes no placeholder; {field: {$literal: ?}} does. A whole projection (?) has only 1, 0, true and false in it.
//   - A sort: 1 or -1 for one direction; a whole sort is a document of them, and no map, which has no order.
//   - What lies under an operator or stage that isn't known here. A text that begins with $ is refused, at any depth.
//   - $jsonSchema, $bit and Atlas Search, whose operators have no $: a bound document is refused.
//   - Names: collections, databases, fields as in distinct, $count, $unwind, $lookup, $getField or a key of an index,
//     and of variables; whole pipelines and stages; code. They take no placeholder at all, nor does a key; Parse says
//     so.
//   - Another database command. A bound document is the argument of its field, without operators; filters, pipelines,
//     updates and names in it are as above.
//
// A statement's own text isn't guarded: who writes it says what runs. Only collections that begin with system. aren't
// written to, names with $ or zero bytes don't exist, and a database's name has no dot ($out, $merge, $lookup).
//
// # From Go to BSON
//
// The rules are those of driver.Simplify, but that documents and arrays stay what they are. The first that fits
// counts:
//
//   - nil, nil pointers, nil slices and nil maps are null.
//   - Types of the bson package are themselves. bson.Raw and what implements bson.Marshaler or bson.ValueMarshaler are
//     read again, to be guarded.
//   - time.Time is a date in milliseconds; what is finer is cut off towards the past, as by MongoDB's drivers.
//   - driver.Decimal, and a Valuer with Rat() *big.Rat such as plinth.Decimal, is a Decimal128 of the same digits, or
//     a fault.
//   - An array of 16 bytes whose MarshalText gives a UUID is a binary of subtype 4. Other bytes are binary of subtype
//     0.
//   - sql.Null[T] and Valuer are what they hold; encoding.TextMarshaler is its text; json.Number is a number; pointers
//     are what they point at.
//   - int8 to int32 and uint8 to uint16 are int32; int is int32 if it fits, as the driver does; int64 is int64; other
//     unsigned integers are int64, or a fault beyond it. time.Duration is an int64 of nanoseconds.
//   - Maps are documents with sorted keys. Structs are documents: names are from the tag db, else bson, else the
//     field's in snake case (the id is db:"_id"); bson's omitempty and inline hold. Slices and arrays are arrays.
//
// Texts have to be UTF-8. Nesting ends at 100 levels, as in BSON.
package lang
