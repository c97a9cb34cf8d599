package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/lru"
	"github.com/plinthdb/plinth/postgres/internal/pgvalue"
)

// prepared is a statement that the server has parsed in this session; or, without a name, one that it parses each time,
// of which only the description is kept.
type prepared struct {
	text string
	name string
	once bool // it isn't kept

	cached bool // it was prepared before the call that uses it

	oids          []uint32        // of the parameters
	params        []*pgvalue.Type // the same
	columns       []driver.Column // nil if it returns no rows
	types         []*pgvalue.Type // of the columns
	resultFormats []int16         // the same
	formats       []byte          // the end of a Bind message, which asks for these formats
}

// cache keeps the statements that were used last, by their text.
type cache struct {
	kept   lru.Cache[*prepared]
	limit  int      // 0: none is kept
	named  int      // how many names were given
	closed []string // names that the server can forget; it's told with the next statement
	told   int      // how many of them were appended to what is about to be sent
}

func (c *cache) init(limit int) {
	c.kept.Init(limit)
	c.limit = limit
}

// get returns the statement of a text, or nil.
func (c *cache) get(text string) *prepared {
	st := c.kept.Get(text)
	if st != nil {
		st.cached = true
	}
	return st
}

// put adds a statement, and drops the one used longest ago if there are too many.
func (c *cache) put(st *prepared) {
	if oldest := c.kept.Put(st.text, st); oldest != nil {
		c.close(oldest.name)
	}
}

// drop forgets a statement, unless that was done before.
func (c *cache) drop(st *prepared) {
	if !c.kept.Remove(st.text, st) && !st.once {
		return
	}
	c.close(st.name)
	st.once = false
}

// close has the server forget a name.
func (c *cache) close(name string) {
	if name != "" {
		c.closed = append(c.closed, name)
	}
}

// forget drops all statements, of which the server knows none any more.
func (c *cache) forget() {
	c.kept.Clear()
	c.closed = nil
}

// appendClosed tells the server which statements it can forget.
func (c *cache) appendClosed(dst []byte) []byte {
	for _, name := range c.closed {
		dst = appendClose(dst, name)
	}
	c.told, c.closed = len(c.closed), c.closed[:0]
	return dst
}

// reclose takes back what appendClosed did, because it wasn't sent.
func (c *cache) reclose() { c.closed = c.closed[:c.told] }

// maxKeptText is how long a statement's text may be to be kept: longer ones are generated, and each would be another.
const maxKeptText = 16 << 10

// prepared returns the statement of a request, prepared now if it wasn't before.
func (s *session) prepared(ctx context.Context, req *driver.Request) (*prepared, *driver.Fault) {
	if st := s.cache.get(req.Native); st != nil {
		return st, nil
	}
	return s.prepare(ctx, req)
}

// prepare has the server parse and describe a statement. Nothing of it is run, but a BEGIN that is due is.
func (s *session) prepare(ctx context.Context, req *driver.Request) (*prepared, *driver.Fault) {
	st := &prepared{text: req.Native, once: len(req.Native) > maxKeptText || s.cache.limit == 0 && !s.back.to.PgBouncer}
	if !s.back.to.PgBouncer {
		s.cache.named++
		st.name = "plinth" + strconv.Itoa(s.cache.named)
	}
	s.out = s.out[:0]
	s.running = running{stmt: req.Stmt, text: req.Native, phase: driver.Prepare, begin: s.appendBegin()}
	s.out = s.cache.appendClosed(s.out)
	s.out = appendSync(appendDescribe(appendParse(s.out, st.name, st.text, nil), 'S', st.name))
	if f := s.flush(ctx, 1); f != nil {
		return nil, f
	}
	var d description
	f := s.describe(ctx, &d)
	if f == nil {
		f = s.resolve(ctx, st, &d)
	}
	if f != nil {
		if s.Broken == nil { // whether or not it came to be: closing what isn't there is no error
			s.cache.close(st.name)
		}
		return nil, f
	}
	if !st.once {
		s.cache.put(st)
	}
	return st, nil
}

// description is what the server says of a statement.
type description struct {
	parsed bool
	params []uint32
	fields []field
}

type field struct {
	name string
	oid  uint32
}

// describe reads the answer to Parse and Describe.
func (s *session) describe(ctx context.Context, d *description) *driver.Fault {
	s.describing = d
	defer func() { s.describing = nil }()
	_, f := s.answer(ctx)
	return f
}

// take reads a message if it is part of the description.
func (d *description) take(msg pgproto3.BackendMessage) {
	switch m := msg.(type) {
	case *pgproto3.ParseComplete:
		d.parsed = true
	case *pgproto3.ParameterDescription:
		d.params = slices.Clone(m.ParameterOIDs)
	case *pgproto3.RowDescription:
		d.fields = make([]field, len(m.Fields))
		for i := range m.Fields {
			d.fields[i] = field{string(m.Fields[i].Name), m.Fields[i].DataTypeOID}
		}
	}
}

// resolve finds out the types of what was described.
func (s *session) resolve(ctx context.Context, st *prepared, d *description) *driver.Fault {
	oids := slices.Clone(d.params)
	for _, f := range d.fields {
		oids = append(oids, f.oid)
	}
	types, f := s.typesOf(ctx, oids)
	if f != nil {
		return f
	}
	st.oids, st.params, st.types = d.params, types[:len(d.params)], types[len(d.params):]
	st.columns = make([]driver.Column, len(d.fields))
	st.resultFormats = make([]int16, len(d.fields))
	st.formats = binary.BigEndian.AppendUint16(nil, uint16(len(d.fields)))
	for i, t := range st.types {
		st.columns[i] = driver.Column{Name: d.fields[i].name, Type: t.Name}
		st.resultFormats[i] = t.ResultFormat()
		st.formats = binary.BigEndian.AppendUint16(st.formats, uint16(st.resultFormats[i]))
	}
	return nil
}

// outdated is asked about the failure of a statement that was sent. If it failed because what the server had prepared doesn't
// fit its tables any more, or is gone, then nothing was applied, and it is forgotten. Outside a transaction it can be
// sent again at once, which is what true means; inside one the transaction has to run again. What was prepared in this very
// call would fail again.
func (s *session) outdated(st *prepared, f *driver.Fault) bool {
	if st == nil || s.owed > 0 || s.Broken != nil || s.running.bound {
		return false
	}
	if f.Phase == driver.Prepare { // it wasn't sent: an argument doesn't fit a parameter that may be of another type by now
		if !st.cached || f.Kind != driver.Argument {
			return false
		}
		s.cache.drop(st)
		return s.status == 'I' || s.status == 'T'
	}
	if s.running.begin {
		return false
	}
	again := true
	switch {
	case f.Code == unknownStatement: // somebody has run DEALLOCATE or DISCARD
	case f.Code == notSupported: // cached plan must not change result type
	case f.Code == protocolViolation: // the number of columns has changed
	case len(f.Code) == 5 && f.Code[:2] == "42": // the parameters' types are other ones by now, or the table is gone
	case len(f.Code) == 5 && f.Code[:2] == "22": // the same, but more likely it's the argument's fault
		again = false
	default:
		return false
	}
	s.cache.drop(st)
	if f.Code == notSupported && raisedBy(f, "RevalidateCachedQuery") {
		f.Kind, f.Verdict = driver.Serialization, driver.Again
		f.Hint = "the tables have changed since the statement was prepared; it's prepared anew when the transaction runs again"
	}
	if s.tx.open || s.status != 'I' {
		if again && st.cached {
			f.Verdict = driver.Again
		}
		return false
	}
	return st.cached
}

// raisedBy reports whether an error comes from a function of the server's, which has the same name in every language.
func raisedBy(f *driver.Fault, routine string) bool {
	native, ok := errors.AsType[*pgconn.PgError](f.Err)
	return ok && native.Routine == routine
}
