package mongotest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The messages are those of https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/: OP_MSG, and OP_QUERY for
// the first hello of a connection alone, as
// https://github.com/mongodb/specifications/blob/master/source/mongodb-handshake/handshake.md says.
const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013

	flagMoreToCome     = 1 << 1
	flagExhaustAllowed = 1 << 16

	maxMessage = 48_000_000 // hello's maxMessageSizeBytes
)

// message is a request.
type message struct {
	id      int32
	op      int32
	exhaust bool // replies may go on without further requests
	silent  bool // the client wants none
	doc     bson.Raw
}

// conn is a client's connection to a member.
type conn struct {
	net.Conn
	member *Member
	id     int64
	in     chan message
	gone   chan struct{} // closed when nothing can be read any more
	write  sync.Mutex
	login  login // guarded by the server's lock
}

// read hands on what the client sends. It reads ahead of serve, so that the client's end is seen during a wait.
func (c *conn) read() {
	defer close(c.gone)
	for {
		m, err := readMessage(c)
		if err != nil {
			_ = c.Close()
			return
		}
		select {
		case c.in <- m:
		case <-c.member.server.done:
			return
		}
	}
}

func (c *conn) serve() {
	s := c.member.server
	defer func() {
		_ = c.Close()
		s.mu.Lock()
		delete(c.member.conns, c)
		s.mu.Unlock()
		for { // read may hold a message yet
			select {
			case <-c.in:
			case <-c.gone:
				return
			}
		}
	}()
	for {
		select {
		case m := <-c.in:
			if !s.answer(c, m) {
				return
			}
		case <-c.gone:
			return
		}
	}
}

func readMessage(r io.Reader) (message, error) {
	var header [16]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return message{}, err
	}
	length := int(binary.LittleEndian.Uint32(header[:]))
	if length < len(header) || length > maxMessage {
		return message{}, errors.New("length of a message")
	}
	body := make([]byte, length-len(header))
	if _, err := io.ReadFull(r, body); err != nil {
		return message{}, err
	}
	m := message{id: int32(binary.LittleEndian.Uint32(header[4:])), op: int32(binary.LittleEndian.Uint32(header[12:]))}
	var err error
	switch m.op {
	case opQuery:
		m.doc, err = readQuery(body)
	case opMsg:
		err = m.readMsg(body)
	default:
		err = errors.New("opcode")
	}
	if err == nil {
		err = m.doc.Validate()
	}
	return m, err
}

// readQuery reads flags, the name of the collection, two numbers, and the command.
func readQuery(body []byte) (bson.Raw, error) {
	for i := 4; i < len(body); i++ {
		if body[i] == 0 && len(body) > i+9 {
			doc, _, err := document(body[i+9:])
			return doc, err
		}
	}
	return nil, errors.New("OP_QUERY without a query")
}

// readMsg reads sections: kind 0 is the command, kind 1 a list of documents that belongs into it.
func (m *message) readMsg(body []byte) error {
	if len(body) < 4 {
		return errors.New("OP_MSG without flags")
	}
	flags := binary.LittleEndian.Uint32(body)
	m.exhaust, m.silent = flags&flagExhaustAllowed != 0, flags&flagMoreToCome != 0
	if flags&1 != 0 {
		return errors.New("OP_MSG with a checksum, which hello doesn't offer")
	}
	var lists bson.D
	for body = body[4:]; len(body) > 0; {
		kind := body[0]
		body = body[1:]
		var err error
		switch kind {
		case 0:
			if m.doc, body, err = document(body); err != nil {
				return err
			}
		case 1:
			var list bson.E
			if list, body, err = sequence(body); err != nil {
				return err
			}
			lists = append(lists, list)
		default:
			return errors.New("kind of a section")
		}
	}
	if len(lists) == 0 {
		return nil
	}
	whole := bson.D{}
	if err := bson.Unmarshal(m.doc, &whole); err != nil {
		return err
	}
	var err error
	m.doc, err = bson.Marshal(append(whole, lists...))
	return err
}

// sequence reads a section of kind 1: its length, a name, documents.
func sequence(body []byte) (list bson.E, rest []byte, err error) {
	if len(body) < 4 {
		return list, nil, errors.New("a section without length")
	}
	n := int(binary.LittleEndian.Uint32(body))
	if n < 5 || n > len(body) {
		return list, nil, errors.New("length of a section")
	}
	section, rest := body[4:n], body[n:]
	for i, b := range section {
		if b == 0 {
			list.Key, section = string(section[:i]), section[i+1:]
			break
		}
	}
	docs := bson.A{}
	for len(section) > 0 {
		var doc bson.Raw
		if doc, section, err = document(section); err != nil {
			return list, nil, err
		}
		docs = append(docs, doc)
	}
	list.Value = docs
	return list, rest, nil
}

func document(b []byte) (doc bson.Raw, rest []byte, err error) {
	if len(b) < 5 {
		return nil, nil, errors.New("a document is missing")
	}
	n := int(binary.LittleEndian.Uint32(b))
	if n < 5 || n > len(b) {
		return nil, nil, errors.New("length of a document")
	}
	return b[:n], b[n:], nil
}

// reply answers a message; with more the next follows without being asked for.
func (c *conn) reply(m message, id int32, doc bson.D, more bool) error {
	body, err := bson.Marshal(doc)
	if err != nil {
		panic(err) // this package has made it
	}
	out := make([]byte, 16, 64+len(body))
	if m.op == opQuery {
		out = append(out, make([]byte, 20)...) // flags, cursor, starting from, and the number
		out[32] = 1
		binary.LittleEndian.PutUint32(out[12:], opReply)
	} else {
		flags := [5]byte{}
		if more {
			flags[0] = flagMoreToCome
		}
		out = append(out, flags[:]...) // with the kind of the section
		binary.LittleEndian.PutUint32(out[12:], opMsg)
	}
	out = append(out, body...)
	binary.LittleEndian.PutUint32(out, uint32(len(out)))
	binary.LittleEndian.PutUint32(out[4:], uint32(id))
	binary.LittleEndian.PutUint32(out[8:], uint32(m.id))
	c.write.Lock()
	defer c.write.Unlock()
	_, err = c.Write(out)
	return err
}
