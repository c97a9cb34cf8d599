// Package plinth is the database layer a Go service stands on: one Engine for PostgreSQL, MariaDB, SQLite and MongoDB.
//
// An engine is opened by the package of its database, or by package open from a URL:
//
//	db, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite:app.db"})
//	…
//	defer db.Close(ctx)
//
//	user, err := plinth.One[User](ctx, db, "select id, name from users where id = ?", 7)
//
// A statement goes one way through: query log, deadline, retry, hooks, pool, driver, and back. What was not applied is
// repeated within the retry policy; what may have been applied is not, and is reported as ErrOutcomeUnknown.
// Every error is an *Error whose kind is a target for errors.Is.
//
// An Engine may be used by many goroutines at once. A Tx, a Conn and Rows belong to one goroutine at a time.
package plinth
