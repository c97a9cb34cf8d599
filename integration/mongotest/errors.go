package mongotest

import (
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Codes of https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml.
const (
	codeBadValue             = 2
	codeHostUnreachable      = 6
	codeFailedToParse        = 9
	codeUnauthorized         = 13
	codeAuthenticationFailed = 18
	codeIllegalOperation     = 20
	codeNamespaceNotFound    = 26
	codeCursorNotFound       = 43
	codeMaxTimeExpired       = 50
	codeCommandNotFound      = 59
	codeInvalidOptions       = 72
	codeWriteConflict        = 112
	codeNotSupported         = 115
	codeTransactionTooOld    = 225
	codeNoSuchTransaction    = 251
	codeTxCommitted          = 256
	codeMechanismUnavailable = 334
	codeNotWritablePrimary   = 10107
	codeDuplicateKey         = 11000
	codeInterruptedShutdown  = 11600
	codeNotPrimaryNoRead     = 13435
)

var names = map[int32]string{ //nolint:gochecknoglobals // a constant
	codeBadValue: "BadValue", codeHostUnreachable: "HostUnreachable", codeFailedToParse: "FailedToParse",
	codeUnauthorized: "Unauthorized", codeAuthenticationFailed: "AuthenticationFailed", codeMechanismUnavailable: "MechanismUnavailable",
	codeIllegalOperation: "IllegalOperation", codeNamespaceNotFound: "NamespaceNotFound", codeCursorNotFound: "CursorNotFound",
	codeMaxTimeExpired: "MaxTimeMSExpired", codeCommandNotFound: "CommandNotFound", codeInvalidOptions: "InvalidOptions",
	codeWriteConflict: "WriteConflict", codeNotSupported: "CommandNotSupported", codeTransactionTooOld: "TransactionTooOld",
	codeNoSuchTransaction: "NoSuchTransaction", codeTxCommitted: "TransactionCommitted",
	codeNotWritablePrimary: "NotWritablePrimary", codeDuplicateKey: "DuplicateKey",
	codeInterruptedShutdown: "InterruptedAtShutdown", codeNotPrimaryNoRead: "NotPrimaryNoSecondaryOk",
	7: "HostNotFound", 64: "WriteConcernTimeout", 89: "NetworkTimeout", 91: "ShutdownInProgress", 189: "PrimarySteppedDown",
	246: "SnapshotUnavailable", 262: "ExceededTimeLimit", 462: "IngressRequestRateLimitExceeded", 9001: "SocketException",
	11602: "InterruptedDueToReplStateChange", 13436: "NotPrimaryOrSecondary",
}

// The labels that servers put on errors.
const (
	labelRetryable = "RetryableWriteError"
	labelTransient = "TransientTransactionError"
)

// retryable are the codes that servers label RetryableWriteError where the write has a txnNumber and isn't in a transaction:
// https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md, "Determining Retryable Errors".
var retryable = []int32{6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436} //nolint:gochecknoglobals // a constant

// transient are the codes that servers label TransientTransactionError in a transaction's statements:
// https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md, "TransientTransactionError".
var transient = []int32{112, 246, 251, 24, 267, 10107, 13435, 13436, 189, 91, 11600, 11602} //nolint:gochecknoglobals // a constant

// serverError is an error that is a command's answer.
type serverError struct {
	code   int32
	text   string
	labels []string // nil: those that a server would put there
	more   bson.D
}

func (e *serverError) Error() string { return e.text }

func failure(code int32, text string) *serverError { return &serverError{code: code, text: text} }

// answer is the error as a reply: https://www.mongodb.com/docs/manual/reference/method/db.runCommand/, "Response".
func (e *serverError) answer(labels []string) bson.D {
	doc := bson.D{
		{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: e.text}, {Key: "code", Value: e.code}, {Key: "codeName", Value: names[e.code]},
	}
	doc = append(doc, e.more...)
	if len(labels) > 0 {
		doc = append(doc, bson.E{Key: "errorLabels", Value: labels})
	}
	return doc
}

// labelled are the labels that belong to an error of a command.
func (e *serverError) labelled(r *request) []string {
	switch {
	case e.labels != nil:
		return e.labels
	case r.inTransaction && (r.name != "commitTransaction" && r.name != "abortTransaction" || e.code == codeNoSuchTransaction):
		if slices.Contains(transient, e.code) {
			return []string{labelTransient}
		}
	case r.txnNumber > 0 && slices.Contains(retryable, e.code):
		return []string{labelRetryable}
	}
	return nil
}

// asServerError makes any error a command's answer.
func asServerError(err error) *serverError {
	if e, ok := errors.AsType[*serverError](err); ok {
		return e
	}
	return failure(codeFailedToParse, err.Error())
}
