package mongotest

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// helloTime bounds an awaited hello that doesn't say for how long.
const helloTime = 10 * time.Second

// hello answers as https://www.mongodb.com/docs/manual/reference/command/hello/ says. One with a topologyVersion waits for a
// change, and where the client allows it answers go on by themselves:
// https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-monitoring.md, "Streaming protocol".
func (s *Server) hello(c *conn, m message) bool {
	known, awaited := m.doc.Lookup("topologyVersion", "counter").AsInt64OK()
	most := helloTime
	if ms, ok := m.doc.Lookup("maxAwaitTimeMS").AsInt64OK(); ok {
		most = time.Duration(ms) * time.Millisecond
	} else {
		awaited = false
	}
	for {
		s.mu.Lock()
		changed, topology := s.changed, s.topology
		s.mu.Unlock()
		if awaited && known == topology {
			timer := time.NewTimer(most)
			select {
			case <-changed:
			case <-timer.C:
			case <-c.gone:
			case <-s.done:
			}
			timer.Stop()
		}
		s.mu.Lock()
		s.ids++
		id := int32(s.ids)
		doc := s.described(c.member, c.id)
		if _, err := m.doc.LookupErr("saslSupportedMechs"); err == nil { // https://www.mongodb.com/docs/manual/reference/command/hello/
			doc = append(doc, bson.E{Key: "saslSupportedMechs", Value: bson.A{scramMechanism}})
		}
		known = s.topology
		s.mu.Unlock()
		more := awaited && m.exhaust
		if c.reply(m, id, s.gossip(doc), more) != nil {
			return false
		}
		if !more {
			return true
		}
		m.id = id // the next reply is to this one
	}
}

func (s *Server) topologyVersion() bson.D {
	return bson.D{{Key: "processId", Value: s.process}, {Key: "counter", Value: s.topology}}
}

// described is what a member says of itself. The lock is held.
func (s *Server) described(m *Member, connection int64) bson.D {
	primary := s.standalone || s.primary == m.index
	doc := bson.D{
		{Key: "helloOk", Value: true}, {Key: "isWritablePrimary", Value: primary}, {Key: "ismaster", Value: primary},
		{Key: "topologyVersion", Value: s.topologyVersion()},
		{Key: "maxBsonObjectSize", Value: int32(16 << 20)}, {Key: "maxMessageSizeBytes", Value: int32(maxMessage)},
		{Key: "maxWriteBatchSize", Value: int32(100_000)}, {Key: "localTime", Value: bson.NewDateTimeFromTime(time.Now())},
		{Key: "logicalSessionTimeoutMinutes", Value: int32(30)}, {Key: "connectionId", Value: int32(connection)},
		{Key: "minWireVersion", Value: int32(0)}, {Key: "maxWireVersion", Value: int32(21)}, // 7.0
		{Key: "readOnly", Value: false},
	}
	if !s.standalone {
		hosts := bson.A{}
		for i := range s.members {
			hosts = append(hosts, s.host(i))
		}
		doc = append(doc,
			bson.E{Key: "setName", Value: SetName}, bson.E{Key: "setVersion", Value: int32(1)}, bson.E{Key: "hosts", Value: hosts},
			bson.E{Key: "me", Value: s.host(m.index)}, bson.E{Key: "secondary", Value: !primary},
			bson.E{Key: "lastWrite", Value: bson.D{
				{Key: "opTime", Value: bson.D{{Key: "ts", Value: bson.Timestamp{T: 1, I: uint32(s.store.now)}}, {Key: "t", Value: int64(s.term)}}},
				{Key: "lastWriteDate", Value: bson.NewDateTimeFromTime(time.Now())},
			}})
		if s.primary >= 0 {
			doc = append(doc, bson.E{Key: "primary", Value: s.host(s.primary)})
		}
		if primary { // electionId grows with the term
			id := bson.ObjectID{0: 0x7f, 1: 0xff, 2: 0xff, 3: 0xff, 10: byte(s.term >> 8), 11: byte(s.term)}
			doc = append(doc, bson.E{Key: "electionId", Value: id})
		}
	}
	return append(doc, bson.E{Key: "ok", Value: 1.0})
}
