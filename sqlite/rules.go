package sqlite

import "github.com/plinthdb/plinth/driver"

// Rules returns the classification table: what SQLite's result codes mean, and what they say about running the same
// again. The codes are those of https://www.sqlite.org/rescode.html; an extended code that isn't listed there yet
// counts as its primary code, which is its lowest byte.
//
// Commit is the verdict for a COMMIT after which SQLite says that no transaction is open any more. As long as one is, nothing
// was committed, and Verdict holds (https://www.sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction").
func Rules() []driver.Rule {
	const (
		again     = driver.Again
		ifSafe    = driver.IfSafe
		ambiguous = driver.Ambiguous
	)
	busy := func(code, name string) driver.Rule {
		return driver.Rule{Code: code, Name: name, Kind: driver.Locked, Verdict: again, Commit: again,
			Hint: "another process held the file's lock for longer than BusyTimeout"}
	}
	locked := func(code, name string) driver.Rule {
		return driver.Rule{Code: code, Name: name, Kind: driver.Locked, Verdict: again, Commit: again}
	}
	never := func(code, name string, kind driver.Kind, hint string) driver.Rule {
		return driver.Rule{Code: code, Name: name, Kind: kind, Hint: hint}
	}
	readOnly := func(code, name, hint string) driver.Rule { return never(code, name, driver.ReadOnly, hint) }
	constraint := func(code, name string, kind driver.Kind) driver.Rule { return never(code, name, kind, "") }
	// A disk error while a page or a commit was written: SQLite rolls back, but may read what was written after a crash.
	ioErr := func(code, name string) driver.Rule {
		return driver.Rule{Code: code, Name: name, Kind: driver.Unavailable, Verdict: ifSafe, Commit: ambiguous,
			Hint: "the disk or file system failed: look at the system's log"}
	}
	cantOpen := func(code, name, hint string) driver.Rule { return never(code, name, driver.Unavailable, hint) }
	corrupt := func(code, name string) driver.Rule {
		return driver.Rule{Code: code, Name: name, Kind: driver.Corrupt, Commit: ambiguous,
			Hint: "run PRAGMA integrity_check, and restore a backup or use the sqlite3 shell's .recover"}
	}

	return []driver.Rule{
		// Faults of the statement. SQLITE_ERROR is told apart by its message.
		never("1", "SQLITE_ERROR", driver.Unknown, ""),
		never("257", "SQLITE_ERROR_MISSING_COLLSEQ", driver.Undefined, ""),
		never("513", "SQLITE_ERROR_RETRY", driver.Unknown, ""),
		never("769", "SQLITE_ERROR_SNAPSHOT", driver.Unknown, ""),
		never("18", "SQLITE_TOOBIG", driver.TooLarge, "see https://www.sqlite.org/limits.html"),
		never("20", "SQLITE_MISMATCH", driver.Invalid, "an INTEGER PRIMARY KEY takes only integers"),
		never("25", "SQLITE_RANGE", driver.Argument, ""),
		never("21", "SQLITE_MISUSE", driver.Unknown, ""),
		never("23", "SQLITE_AUTH", driver.Permission, ""),
		never("279", "SQLITE_AUTH_USER", driver.Permission, ""),
		never("3", "SQLITE_PERM", driver.Permission, ""),
		never("12", "SQLITE_NOTFOUND", driver.Unknown, ""),
		never("2", "SQLITE_INTERNAL", driver.Unknown, ""),
		never("16", "SQLITE_EMPTY", driver.Unknown, ""),
		never("24", "SQLITE_FORMAT", driver.Unknown, ""),
		never("27", "SQLITE_NOTICE", driver.Unknown, ""),
		never("28", "SQLITE_WARNING", driver.Unknown, ""),

		// Locks. Nothing was done.
		busy("5", "SQLITE_BUSY"),
		busy("261", "SQLITE_BUSY_RECOVERY"),
		busy("773", "SQLITE_BUSY_TIMEOUT"),
		{Code: "517", Name: "SQLITE_BUSY_SNAPSHOT", Kind: driver.Serialization, Verdict: again, Commit: again,
			Hint: "the transaction read and then wrote, and another wrote in between: begin it as one that writes"},
		locked("6", "SQLITE_LOCKED"),
		locked("262", "SQLITE_LOCKED_SHAREDCACHE"),
		locked("518", "SQLITE_LOCKED_VTAB"),
		locked("15", "SQLITE_PROTOCOL"),
		{Code: "17", Name: "SQLITE_SCHEMA", Kind: driver.Serialization, Verdict: again, Commit: again},

		// Ended from outside.
		never("9", "SQLITE_INTERRUPT", driver.Canceled, ""),
		never("4", "SQLITE_ABORT", driver.Canceled, ""),
		never("516", "SQLITE_ABORT_ROLLBACK", driver.TxDone, "a rollback ended the query"),

		// Constraints.
		constraint("19", "SQLITE_CONSTRAINT", driver.Check),
		constraint("275", "SQLITE_CONSTRAINT_CHECK", driver.Check),
		constraint("531", "SQLITE_CONSTRAINT_COMMITHOOK", driver.Check),
		constraint("787", "SQLITE_CONSTRAINT_FOREIGNKEY", driver.ForeignKey),
		constraint("1043", "SQLITE_CONSTRAINT_FUNCTION", driver.Check),
		constraint("1299", "SQLITE_CONSTRAINT_NOTNULL", driver.NotNull),
		constraint("1555", "SQLITE_CONSTRAINT_PRIMARYKEY", driver.Unique),
		constraint("1811", "SQLITE_CONSTRAINT_TRIGGER", driver.Check),
		constraint("2067", "SQLITE_CONSTRAINT_UNIQUE", driver.Unique),
		constraint("2323", "SQLITE_CONSTRAINT_VTAB", driver.Check),
		constraint("2579", "SQLITE_CONSTRAINT_ROWID", driver.Unique),
		constraint("2835", "SQLITE_CONSTRAINT_PINNED", driver.Check),
		constraint("3091", "SQLITE_CONSTRAINT_DATATYPE", driver.Invalid),

		// Read-only. The driver adds which of the reasons it was, where it knows.
		readOnly("8", "SQLITE_READONLY", ""),
		readOnly("264", "SQLITE_READONLY_RECOVERY", "the write-ahead log has to be recovered first, by a process that may write"),
		readOnly("520", "SQLITE_READONLY_CANTLOCK", "a read-only WAL database needs a -shm file that is there and may be written"),
		readOnly("776", "SQLITE_READONLY_ROLLBACK", "a transaction has to be rolled back first, by a process that may write"),
		{Code: "1032", Name: "SQLITE_READONLY_DBMOVED", Kind: driver.ReadOnly, Evict: true,
			Hint: "the file was deleted or replaced since it was opened"},
		readOnly("1288", "SQLITE_READONLY_CANTINIT", "the -shm file can't be written by this process"),
		readOnly("1544", "SQLITE_READONLY_DIRECTORY", "the directory can't be written by this process, and SQLite keeps its journal there"),

		// Room.
		{Code: "13", Name: "SQLITE_FULL", Kind: driver.Full, Commit: ambiguous,
			Hint: "the disk is full, or MaxPageCount is reached"},
		{Code: "7", Name: "SQLITE_NOMEM", Kind: driver.TooLarge, Commit: ambiguous, Hint: "SQLite ran out of memory"},

		// The file.
		corrupt("11", "SQLITE_CORRUPT"),
		corrupt("267", "SQLITE_CORRUPT_VTAB"),
		corrupt("523", "SQLITE_CORRUPT_SEQUENCE"),
		corrupt("779", "SQLITE_CORRUPT_INDEX"),
		{Code: "26", Name: "SQLITE_NOTADB", Kind: driver.Corrupt, Evict: true,
			Hint: "the file isn't an SQLite database, or it is encrypted; check the path"},
		cantOpen("14", "SQLITE_CANTOPEN", "check that the directory exists and that this process may write in it"),
		cantOpen("270", "SQLITE_CANTOPEN_NOTEMPDIR", "set SQLITE_TMPDIR to a directory that may be written"),
		cantOpen("526", "SQLITE_CANTOPEN_ISDIR", "the path is a directory"),
		cantOpen("782", "SQLITE_CANTOPEN_FULLPATH", ""),
		cantOpen("1038", "SQLITE_CANTOPEN_CONVPATH", ""),
		cantOpen("1294", "SQLITE_CANTOPEN_DIRTYWAL", ""),
		cantOpen("1550", "SQLITE_CANTOPEN_SYMLINK", "the path is a symbolic link"),
		never("22", "SQLITE_NOLFS", driver.Unsupported, "the file system doesn't take files this large"),

		// The disk.
		ioErr("10", "SQLITE_IOERR"),
		ioErr("266", "SQLITE_IOERR_READ"),
		ioErr("522", "SQLITE_IOERR_SHORT_READ"),
		ioErr("778", "SQLITE_IOERR_WRITE"),
		ioErr("1034", "SQLITE_IOERR_FSYNC"),
		ioErr("1290", "SQLITE_IOERR_DIR_FSYNC"),
		ioErr("1546", "SQLITE_IOERR_TRUNCATE"),
		ioErr("1802", "SQLITE_IOERR_FSTAT"),
		ioErr("2058", "SQLITE_IOERR_UNLOCK"),
		ioErr("2314", "SQLITE_IOERR_RDLOCK"),
		ioErr("2570", "SQLITE_IOERR_DELETE"),
		ioErr("2826", "SQLITE_IOERR_BLOCKED"),
		ioErr("3082", "SQLITE_IOERR_NOMEM"),
		ioErr("3338", "SQLITE_IOERR_ACCESS"),
		ioErr("3594", "SQLITE_IOERR_CHECKRESERVEDLOCK"),
		ioErr("3850", "SQLITE_IOERR_LOCK"),
		ioErr("4106", "SQLITE_IOERR_CLOSE"),
		ioErr("4362", "SQLITE_IOERR_DIR_CLOSE"),
		ioErr("4618", "SQLITE_IOERR_SHMOPEN"),
		ioErr("4874", "SQLITE_IOERR_SHMSIZE"),
		ioErr("5130", "SQLITE_IOERR_SHMLOCK"),
		ioErr("5386", "SQLITE_IOERR_SHMMAP"),
		ioErr("5642", "SQLITE_IOERR_SEEK"),
		ioErr("5898", "SQLITE_IOERR_DELETE_NOENT"),
		ioErr("6154", "SQLITE_IOERR_MMAP"),
		ioErr("6410", "SQLITE_IOERR_GETTEMPPATH"),
		ioErr("6666", "SQLITE_IOERR_CONVPATH"),
		ioErr("6922", "SQLITE_IOERR_VNODE"),
		ioErr("7178", "SQLITE_IOERR_AUTH"),
		ioErr("7434", "SQLITE_IOERR_BEGIN_ATOMIC"),
		ioErr("7690", "SQLITE_IOERR_COMMIT_ATOMIC"),
		ioErr("7946", "SQLITE_IOERR_ROLLBACK_ATOMIC"),
		ioErr("8202", "SQLITE_IOERR_DATA"),
		ioErr("8458", "SQLITE_IOERR_CORRUPTFS"),
		ioErr("8714", "SQLITE_IOERR_IN_PAGE"),
	}
}
