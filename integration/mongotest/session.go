package mongotest

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A session remembers what its last txnNumber was for: a transaction, or a retryable write whose answer it keeps.
// https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md
// https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
type session struct {
	txnNumber int64
	tx        *transaction // that is under way
	state     txState
	stored    bson.D // the answer to the retryable write
}

type txState uint8

const (
	noTx txState = iota
	txOpen
	txCommitted
	txAborted
)

func (n *session) abort(s *Server) {
	s.store.end(n.tx, false)
	n.tx, n.state = nil, txAborted
}

// take finds the session of a request and, if it's a statement of a transaction, the transaction. The lock is held.
func (s *Server) take(r *request) error {
	lsid, ok := r.doc.Lookup("lsid").DocumentOK()
	if !ok {
		if r.txnNumber > 0 {
			return failure(codeInvalidOptions, "txnNumber needs lsid")
		}
		return nil
	}
	id := string(lsid)
	n := s.sessions[id]
	if n == nil {
		n = &session{}
		s.sessions[id] = n
	}
	if r.txnNumber == 0 {
		return nil
	}
	if s.standalone { // what MongoDB says
		return failure(codeIllegalOperation, "Transaction numbers are only allowed on a replica set member or mongos")
	}
	r.session = n
	if r.txnNumber < n.txnNumber {
		return failure(codeTransactionTooOld, fmt.Sprintf("txnNumber %d is less than %d, which was used already", r.txnNumber, n.txnNumber))
	}
	if r.txnNumber > n.txnNumber { // a new number ends what the last one began
		if n.tx != nil {
			n.abort(s)
		}
		*n = session{txnNumber: r.txnNumber}
		if r.inTransaction && !r.start {
			n.state = txAborted
		}
	} else if r.start {
		return failure(codeIllegalOperation, "a transaction of this number was started already")
	}
	if !r.inTransaction {
		return nil
	}
	if r.start {
		n.tx, n.state = &transaction{snapshot: s.store.now, ended: make(chan struct{})}, txOpen
	}
	r.tx = n.tx
	ends := r.name == "commitTransaction" || r.name == "abortTransaction"
	switch {
	case n.state == txCommitted && !ends:
		return failure(codeTxCommitted, "the transaction was committed")
	case n.state == txAborted && r.name != "abortTransaction":
		return failure(codeNoSuchTransaction, fmt.Sprintf("transaction %d was aborted, or never began", r.txnNumber))
	}
	return nil
}

// commitTransaction may be sent again: it's the same answer.
func (s *Server) commitTransaction(r *request) (bson.D, error) {
	if r.session == nil {
		return nil, failure(codeNoSuchTransaction, "commitTransaction without a transaction")
	}
	if r.session.state == txOpen {
		s.store.end(r.session.tx, true)
		r.session.tx, r.session.state = nil, txCommitted
	}
	return bson.D{}, nil
}

func (s *Server) abortTransaction(r *request) (bson.D, error) {
	switch {
	case r.session == nil || r.session.state == noTx || r.session.state == txAborted:
		return nil, failure(codeNoSuchTransaction, "no transaction of this number is under way")
	case r.session.state == txCommitted:
		return nil, failure(codeTxCommitted, "the transaction was committed")
	}
	r.session.abort(s)
	return bson.D{}, nil
}

// endSessions forgets sessions, as does killSessions. https://www.mongodb.com/docs/manual/reference/command/endSessions/
func (s *Server) endSessions(r *request) (bson.D, error) {
	ids, err := r.list(r.name)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		doc, _ := id.DocumentOK()
		if n := s.sessions[string(doc)]; n != nil && n.tx != nil {
			n.abort(s)
		}
		delete(s.sessions, string(doc))
	}
	return bson.D{}, nil
}
