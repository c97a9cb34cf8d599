package mongodb

import (
	"slices"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// Rules returns the classification of MongoDB's error codes, whose names and numbers are those of
// https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml. The labels that a server or the library puts on an
// error go before its code: see serverFault.
func Rules() []driver.Rule {
	return slices.Concat(writeRules(), statementRules(), transactionRules(), serverRules())
}

// each returns rules as r for codes written as "11000 DuplicateKey".
func each(r driver.Rule, codes ...string) []driver.Rule {
	rules := make([]driver.Rule, len(codes))
	for i, c := range codes {
		r.Code, r.Name, _ = strings.Cut(c, " ")
		rules[i] = r
	}
	return rules
}

func never(kind driver.Kind, codes ...string) []driver.Rule {
	return each(driver.Rule{Kind: kind}, codes...)
}

func hinted(kind driver.Kind, hint string, codes ...string) []driver.Rule {
	return each(driver.Rule{Kind: kind, Hint: hint}, codes...)
}

// writeRules are of data that isn't taken.
func writeRules() []driver.Rule {
	return slices.Concat(
		never(driver.Unique, "11000 DuplicateKey"),
		never(driver.Check, "121 DocumentValidationFailure"),
		never(driver.Invalid, "2 BadValue", "14 TypeMismatch", "15 Overflow", "16 InvalidLength", "22 InvalidBSON", "28 PathNotViable",
			"52 DollarPrefixedFieldName", "53 InvalidIdField", "54 NotSingleValueField", "55 InvalidDBRef", "56 EmptyFieldName",
			"57 DottedFieldName", "66 ImmutableField", "241 ConversionFailure", "40 ConflictingUpdateOperators", "357 InvalidBSONType",
			"378 NonConformantBSON", "171 CannotIndexParallelArrays"),
		never(driver.TooLarge, "10334 BSONObjectTooLarge", "116 DocTooLargeForCapped", "146 ExceededMemoryLimit",
			"292 QueryExceededMemoryLimitNoDiskUseAllowed", "257 TransactionTooLarge", "388 TransactionTooLargeForCache"),
		hinted(driver.Full, "the server's disk is used up", "14031 OutOfDiskSpace"),
	)
}

// statementRules are of what is wrong with a statement, or with what it names.
func statementRules() []driver.Rule {
	return slices.Concat(
		never(driver.Syntax, "9 FailedToParse", "4 NoSuchKey", "29 NonExistentPath", "30 InvalidPath", "72 InvalidOptions",
			"168 InvalidPipelineOperator", "197 InvalidIndexSpecificationOption", "40324 Location40324 (unknown stage of a pipeline)",
			"40413 IDLDuplicateField", "40414 IDLFailedToParse", "40415 IDLUnknownField"),
		never(driver.Undefined, "26 NamespaceNotFound", "27 IndexNotFound", "59 CommandNotFound"),
		hinted(driver.Undefined, "the server has closed it: after ten minutes without use, or because it was restarted; run the query again",
			"43 CursorNotFound"),
		never(driver.Undefined, "237 CursorKilled", "175 QueryPlanKilled"),
		never(driver.Exists, "48 NamespaceExists", "68 IndexAlreadyExists", "85 IndexOptionsConflict", "86 IndexKeySpecsConflict"),
		never(driver.Argument, "73 InvalidNamespace", "67 CannotCreateIndex", "20 IllegalOperation", "166 CommandNotSupportedOnView",
			"167 OptionNotSupportedOnView", "143 CursorInUse"),
		never(driver.Unsupported, "115 CommandNotSupported", "238 NotImplemented", "235 InternalErrorNotSupported", "322 APIVersionError",
			"323 APIStrictError", "324 APIDeprecationError", "263 OperationNotSupportedInTransaction"),
		never(driver.Permission, "13 Unauthorized", "371 UserWritesBlocked"),
	)
}

// transactionRules are of transactions, locks and time. What may run again as a whole the server says by a label.
func transactionRules() []driver.Rule {
	conflict := driver.Rule{Verdict: driver.IfSafe, Commit: driver.Ambiguous, TxDead: true}
	with := func(kind driver.Kind, hint string) driver.Rule {
		r := conflict
		r.Kind, r.Hint = kind, hint
		return r
	}
	return slices.Concat(
		each(with(driver.Serialization, ""), "112 WriteConflict", "246 SnapshotUnavailable", "239 SnapshotTooOld", "250 StaleChunkHistory",
			"272 MigrationConflict"),
		each(with(driver.Locked, "another operation held the lock for too long"), "24 LockTimeout", "46 LockBusy",
			"117 ConflictingOperationInProgress", "267 PreparedTransactionInProgress"),
		each(driver.Rule{Kind: driver.TxDone, TxDead: true}, "251 NoSuchTransaction", "225 TransactionTooOld", "256 TransactionCommitted",
			"206 NoSuchSession", "217 IncompleteTransactionHistory"),
		hinted(driver.TxDone, "the transaction was open for longer than the server's transactionLifetimeLimitSeconds",
			"290 TransactionExceededLifetimeLimitSeconds"),
		hinted(driver.Timeout, "it ran for longer than its deadline, or maxTimeMS, allowed", "50 MaxTimeMSExpired", "262 ExceededTimeLimit"),
		never(driver.Canceled, "11601 Interrupted", "279 ClientDisconnect"),
	)
}

// serverRules are of connections, logins and what the server is.
func serverRules() []driver.Rule {
	lost := driver.Rule{Kind: driver.Unavailable, Verdict: driver.IfSafe, Commit: driver.Ambiguous, TxDead: true}
	role := lost
	role.Hint = "the set elects another primary: a later call finds it"
	busy := lost
	busy.Hint = "the server has too much to do: have smaller pools, or fewer callers"
	concern := driver.Rule{Kind: driver.OutcomeUnknown, Verdict: driver.IfSafe, Commit: driver.Ambiguous,
		Hint: "the primary has it, but not as many servers as asked for have confirmed it: an election may yet undo it"}
	return slices.Concat(
		each(driver.Rule{Kind: driver.Auth, Evict: true, Hint: "check the user, the password and authSource"}, "18 AuthenticationFailed",
			"11 UserNotFound", "8000 AtlasError"),
		each(driver.Rule{Kind: driver.Auth, Evict: true}, "391 ReauthenticationRequired", "334 MechanismUnavailable"),
		each(lost, "6 HostUnreachable", "7 HostNotFound", "89 NetworkTimeout", "9001 SocketException", "133 FailedToSatisfyReadPreference",
			"134 ReadConcernMajorityNotAvailableYet", "202 NetworkInterfaceExceededTimeLimit", "216 ElectionInProgress"),
		each(role, "10107 NotWritablePrimary", "13435 NotPrimaryNoSecondaryOk", "13436 NotPrimaryOrSecondary", "10058 LegacyNotPrimary",
			"189 PrimarySteppedDown", "11602 InterruptedDueToReplStateChange", "11600 InterruptedAtShutdown", "91 ShutdownInProgress"),
		each(busy, "433 AdmissionQueueOverflow", "449 RateLimitExceeded", "450 PooledConnectionAcquisitionRejected",
			"462 IngressRequestRateLimitExceeded", "402 ResourceExhausted", "365 TemporarilyUnavailable"),
		each(concern, "64 WriteConcernTimeout", "100 UnsatisfiableWriteConcern", "79 UnknownReplWriteConcern", "75 WriteConcernLegacyOK"),
		never(driver.Unknown, "1 InternalError", "8 UnknownError"),
		never(driver.Corrupt, "301 DataCorruptionDetected"),
	)
}
