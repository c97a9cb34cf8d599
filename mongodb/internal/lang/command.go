package lang

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Verb is what a statement does: one of the driver's typed operations, or a database command as it is.
type Verb uint8

// The verbs.
const (
	RunCommand        Verb = iota // any other database command: Command.Raw
	Find                          // Filter
	FindOne                       // Filter
	Aggregate                     // Pipeline; of the database where Collection is ""
	CountDocuments                // Filter
	EstimatedCount                // the collection's own count
	Distinct                      // Key, Filter
	InsertOne                     // Documents, one of them
	InsertMany                    // Documents
	UpdateOne                     // Filter, Update
	UpdateMany                    // Filter, Update
	ReplaceOne                    // Filter, Replacement
	DeleteOne                     // Filter
	DeleteMany                    // Filter
	FindOneAndUpdate              // Filter, Update
	FindOneAndReplace             // Filter, Replacement
	FindOneAndDelete              // Filter
	CreateIndexes                 // Indexes; Raw is the whole command
	DropIndexes                   // Raw
	Drop                          // Raw
	CreateCollection              // Raw
	DropDatabase                  // Raw
	verbs
)

// String returns the verb as mongosh's method is called.
func (v Verb) String() string {
	text := [verbs]string{
		"runCommand", "find", "findOne", "aggregate", "countDocuments", "estimatedDocumentCount", "distinct", "insertOne",
		"insertMany", "updateOne", "updateMany", "replaceOne", "deleteOne", "deleteMany", "findOneAndUpdate",
		"findOneAndReplace", "findOneAndDelete", "createIndexes", "dropIndexes", "drop", "createCollection", "dropDatabase",
	}
	if v < verbs {
		return text[v]
	}
	return "unlisted verb"
}

// Command is a statement with its values filled in. What doesn't belong to its verb is zero. Its documents may share
// memory with the statement: they must not be changed.
type Command struct {
	Verb       Verb
	Collection string // "" for a command of the database

	Filter      bson.D // never nil where the verb has one
	Update      any    // bson.D of operators, or bson.A: a pipeline
	Replacement bson.D
	Documents   []bson.D
	Pipeline    bson.A
	Key         string   // Distinct's field
	Indexes     []bson.D // as the createIndexes command takes them: key, name and options

	Raw     bson.D // RunCommand and the verbs of the schema: the command, its name first
	Options Options
}

// Options are a command's options. Pointers, nil documents and empty strings are options that weren't given.
type Options struct {
	Sort         bson.D
	Projection   bson.D
	Hint         any // string or bson.D
	Collation    *Collation
	Let          bson.D
	ArrayFilters bson.A // of bson.D
	Min, Max     bson.D
	Comment      any

	Limit     *int64 // never negative; 0 is no limit
	Skip      *int64
	BatchSize *int32
	MaxTime   *time.Duration

	Upsert              *bool
	Ordered             *bool
	ReturnAfter         *bool
	AllowDiskUse        *bool
	BypassValidation    *bool
	ReturnKey           *bool
	ShowRecordID        *bool
	NoCursorTimeout     *bool
	AllowPartialResults *bool

	ReadConcern  string
	WriteConcern *WriteConcern
}

// WriteConcern is a statement's own write concern.
type WriteConcern struct {
	W       any // nil, an int, or a string such as "majority"
	Journal *bool
}

// Collation has the fields of the driver's options.Collation, to which it converts.
type Collation struct {
	Locale          string
	CaseLevel       bool
	CaseFirst       string
	Strength        int
	NumericOrdering bool
	Alternate       string
	MaxVariable     string
	Normalization   bool
	Backwards       bool
}
