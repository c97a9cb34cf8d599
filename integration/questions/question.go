// Package questions puts the same questions about the Chinook database to every engine. Each question has one statement for
// all SQL databases, unless their dialects differ in what it needs, and one Go type for the answer: what one engine
// answers, the others have to answer as well.
package questions

import (
	"context"

	"github.com/plinthdb/plinth"
)

// A Question is put to every engine. Its tables and columns have the names of Chinook's script for PostgreSQL.
type Question struct {
	Name  string            // short and unique
	Asks  string            // in English
	Join  bool              // it reads more than one table, or one more than once
	SQL   string            // for all SQL databases but those in SQLOn
	SQLOn map[string]string // by Engine.Name
	Args  []any

	// Mongo is the question in mongosh's words, where FerretDB can answer it. The collections and keys have the names of
	// Chinook's JSON.
	Mongo     string
	MongoArgs []any // instead of Args, if it isn't nil: prices are floats and dates are text there

	answers answers
}

// Statement returns the question in the words of the engine that has this name.
func (q Question) Statement(engine string) string {
	if engine == "mongodb" {
		return q.Mongo
	}
	if text, ok := q.SQLOn[engine]; ok {
		return text
	}
	return q.SQL
}

// Answer asks one engine. It returns a slice of the question's type.
func (q Question) Answer(ctx context.Context, e *plinth.Engine) (any, error) {
	args := q.Args
	if e.Name() == "mongodb" && q.MongoArgs != nil {
		args = q.MongoArgs
	}
	return q.answers.ask(ctx, e, q.Statement(e.Name()), args)
}

// Known reads an answer that was kept as JSON.
func (q Question) Known(text []byte) (any, error) { return q.answers.parse(text) }

// answers is what depends on the type of an answer's rows.
type answers struct {
	ask   func(ctx context.Context, e *plinth.Engine, statement string, args []any) (any, error)
	parse func(text []byte) (any, error)
}
