package mongotest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// request is a command on its way.
type request struct {
	conn     *conn
	name     string
	cmd      command
	doc      bson.Raw
	database string
	coll     string // "database.collection", of a command whose first value is its name

	txnNumber            int64
	inTransaction, start bool
	session              *session     // nil without a txnNumber
	tx                   *transaction // nil outside of a transaction
}

// command is what the server does for one.
type command struct {
	do     func(*Server, *request) (bson.D, error)
	needs  need
	noName bool // its first value is no collection's name
}

// need is where a command is carried out.
type need uint8

const (
	anyMember   need = iota
	readsThere       // on the primary, unless it says otherwise
	writesThere      // on the primary
)

// commands are all but hello.
var commands = map[string]command{ //nolint:gochecknoglobals // a constant
	"insert":        {do: (*Server).insert, needs: writesThere},
	"update":        {do: (*Server).update, needs: writesThere},
	"delete":        {do: (*Server).delete, needs: writesThere},
	"findAndModify": {do: (*Server).findAndModify, needs: writesThere},
	"createIndexes": {do: (*Server).createIndexes, needs: writesThere},
	"create":        {do: (*Server).create, needs: writesThere},
	"drop":          {do: (*Server).drop, needs: writesThere},
	"find":          {do: (*Server).find, needs: readsThere},
	"aggregate":     {do: (*Server).aggregate, needs: readsThere},
	"count":         {do: (*Server).count, needs: readsThere},
	"distinct":      {do: (*Server).distinct, needs: readsThere},

	"dropDatabase":      {do: (*Server).dropDatabase, needs: writesThere, noName: true},
	"commitTransaction": {do: (*Server).commitTransaction, needs: writesThere, noName: true},
	"abortTransaction":  {do: (*Server).abortTransaction, needs: writesThere, noName: true},
	"listCollections":   {do: (*Server).listCollections, needs: readsThere, noName: true},
	"getMore":           {do: (*Server).getMore, noName: true},
	"killCursors":       {do: (*Server).killCursors, noName: true},
	"saslStart":         {do: (*Server).saslStart, noName: true},
	"saslContinue":      {do: (*Server).saslContinue, noName: true},
	"endSessions":       {do: (*Server).endSessions, noName: true},
	"killSessions":      {do: (*Server).endSessions, noName: true},
	"ping":              {do: func(*Server, *request) (bson.D, error) { return bson.D{}, nil }, noName: true},
	"buildInfo":         {do: (*Server).buildInfo, noName: true},
}

func (s *Server) buildInfo(*request) (bson.D, error) {
	return bson.D{{Key: "version", Value: "7.0.0"}}, nil
}

// answer carries a command out and replies. It returns whether the connection goes on.
func (s *Server) answer(c *conn, m message) bool {
	elements, err := m.doc.Elements()
	if err != nil || len(elements) == 0 {
		return false
	}
	name := elements[0].Key()
	if strings.EqualFold(name, "isMaster") || name == "hello" {
		return s.hello(c, m)
	}
	r := &request{conn: c, name: name, cmd: commands[name], doc: m.doc, database: m.doc.Lookup("$db").StringValue()}
	if first, ok := elements[0].Value().StringValueOK(); ok && first != "" {
		r.coll = r.database + "." + first
	}
	r.txnNumber, _ = m.doc.Lookup("txnNumber").AsInt64OK()
	autocommit, ok := m.doc.Lookup("autocommit").BooleanOK()
	r.inTransaction = ok && !autocommit
	r.start, _ = m.doc.Lookup("startTransaction").BooleanOK()

	s.mu.Lock()
	s.busy++
	n := len(s.commands)
	s.commands = append(s.commands, Command{Name: name, Member: c.member.index, Connection: c.id, Document: m.doc})
	f := s.befalls(c, name)
	s.stir()
	s.mu.Unlock()
	if f == nil {
		f = &Failure{}
	}
	if f.Before != nil {
		f.Before()
	}
	if !f.Applied {
		c.wait(f.Block)
	}
	var doc bson.D
	switch {
	case f.Applied || !f.Close && f.Code == 0:
		doc = s.carryOut(r)
	case !f.Close:
		doc = s.failed(r, f.error())
	}
	if f.Applied {
		c.wait(f.Block)
		if f.Code != 0 {
			doc = s.failed(r, f.error())
		}
	}
	if f.ConcernCode != 0 && doc != nil {
		doc = append(doc, bson.E{Key: "writeConcernError", Value: bson.D{{Key: "code", Value: f.ConcernCode},
			{Key: "codeName", Value: names[f.ConcernCode]}, {Key: "errmsg", Value: f.error().text}}})
		if f.Code == 0 && len(f.Labels) > 0 {
			doc = append(doc, bson.E{Key: "errorLabels", Value: f.Labels})
		}
	}
	sent := false
	if !f.Close && !m.silent {
		s.mu.Lock()
		s.ids++
		id := s.ids
		s.mu.Unlock()
		sent = c.reply(m, int32(id), s.gossip(doc), false) == nil
	}
	s.mu.Lock()
	s.busy--
	s.commands[n].Replied = sent
	for _, e := range doc {
		if code, ok := e.Value.(int32); ok && e.Key == "code" {
			s.commands[n].Code = code
		}
	}
	s.stir()
	s.mu.Unlock()
	return sent || m.silent && !f.Close
}

// carryOut does what the command asks for, once: a retryable write that comes again is answered from memory.
func (s *Server) carryOut(r *request) bson.D {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.try(r)
	if err != nil {
		if r.tx != nil && r.session.tx == r.tx { // any error ends the transaction
			r.session.abort(s)
		}
		return s.failedLocked(r, asServerError(err))
	}
	doc = append(doc, bson.E{Key: "ok", Value: 1.0})
	if r.session != nil && !r.inTransaction && r.session.txnNumber == r.txnNumber {
		r.session.stored = doc
	}
	return doc
}

func (s *Server) try(r *request) (bson.D, error) {
	switch {
	case r.cmd.do == nil:
		return nil, failure(codeCommandNotFound, "no such command: '"+r.name+"' (mongotest)")
	case r.coll == "" && !r.cmd.noName:
		return nil, failure(codeBadValue, r.name+" needs the name of a collection")
	}
	if err := s.mayAsk(r); err != nil {
		return nil, err
	}
	if err := s.mayServe(r); err != nil {
		return nil, err
	}
	if err := s.take(r); err != nil {
		return nil, err
	}
	if r.session != nil && r.session.stored != nil {
		return append(bson.D{{Key: "retriedStmtIds", Value: bson.A{int32(0)}}}, withoutOK(r.session.stored)...), nil
	}
	return r.cmd.do(s, r)
}

func withoutOK(doc bson.D) bson.D {
	var rest bson.D
	for _, e := range doc {
		if e.Key != "ok" {
			rest = append(rest, e)
		}
	}
	return rest
}

// mayServe refuses writes, and reads that say nothing else, on all but the primary.
// https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-discovery-and-monitoring.md
func (s *Server) mayServe(r *request) error {
	if s.standalone || s.primary == r.conn.member.index {
		return nil
	}
	if r.cmd.needs == writesThere || r.inTransaction {
		return failure(codeNotWritablePrimary, "not primary")
	}
	if mode, ok := r.doc.Lookup("$readPreference", "mode").StringValueOK(); r.cmd.needs == readsThere && (!ok || mode == "primary") {
		return failure(codeNotPrimaryNoRead, "not primary and secondaryOk=false")
	}
	return nil
}

func (s *Server) failed(r *request, e *serverError) bson.D {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failedLocked(r, e)
}

// failedLocked is the answer with an error, by whose topologyVersion the driver knows whether the error is news.
func (s *Server) failedLocked(r *request, e *serverError) bson.D {
	return append(e.answer(e.labelled(r)), bson.E{Key: "topologyVersion", Value: s.topologyVersion()})
}

// gossip adds the cluster time that every reply carries:
// https://github.com/mongodb/specifications/blob/master/source/sessions/driver-sessions.md, "Gossipping the cluster time".
func (s *Server) gossip(doc bson.D) bson.D {
	if s.standalone {
		return doc
	}
	s.mu.Lock()
	at := bson.Timestamp{T: 1_700_000_000, I: uint32(s.store.now + 1)}
	s.mu.Unlock()
	return append(doc, bson.E{Key: "operationTime", Value: at}, bson.E{Key: "$clusterTime", Value: bson.D{
		{Key: "clusterTime", Value: at},
		{Key: "signature", Value: bson.D{{Key: "hash", Value: bson.Binary{Data: make([]byte, 20)}}, {Key: "keyId", Value: int64(0)}}},
	}})
}

// each does one document's part of a write. One that has to wait for a transaction gives the lock away meanwhile, for as
// long as maxTimeMS allows.
func (s *Server) each(r *request, do func() error) error {
	var late <-chan time.Time
	if ms, ok := r.doc.Lookup("maxTimeMS").AsInt64OK(); ok && ms > 0 {
		timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
		defer timer.Stop()
		late = timer.C
	}
	for {
		err := do()
		wait, ok := errors.AsType[blocked](err)
		if !ok {
			return err
		}
		s.mu.Unlock()
		select {
		case <-wait.by.ended:
			err = nil
		case <-late:
			err = failure(codeMaxTimeExpired, "operation exceeded time limit")
		case <-r.conn.gone:
			err = failure(codeHostUnreachable, "the client has gone")
		case <-s.done:
			err = failure(codeInterruptedShutdown, "interrupted at shutdown")
		}
		s.mu.Lock()
		if err == nil {
			err = s.mayServe(r) // it may have been deposed meanwhile
		}
		if err != nil {
			return err
		}
	}
}

// list is a field of the command that is an array.
func (r *request) list(field string) ([]bson.RawValue, error) {
	array, ok := r.doc.Lookup(field).ArrayOK()
	if !ok {
		return nil, failure(codeBadValue, fmt.Sprintf("%s.%s must be an array", r.name, field))
	}
	return array.Values()
}

// document is a field of the command that is a document; nil if it isn't there.
func (r *request) document(field string) bson.D {
	doc, ok := r.doc.Lookup(field).DocumentOK()
	if !ok {
		return nil
	}
	return decode(doc)
}

// number is a field of the command that is a number; 0 if it isn't there.
func (r *request) number(field string) int {
	n, _ := r.doc.Lookup(field).AsInt64OK()
	return int(n)
}

// flag is a field of the command that is true.
func (r *request) flag(field string) bool {
	b, _ := r.doc.Lookup(field).BooleanOK()
	return b
}
