package lang

import (
	"errors"
	"reflect"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/sqltext"
)

// Statement is one parsed statement. It is immutable and safe for use by many goroutines.
type Statement struct {
	Verb       Verb
	Collection string        // "" for a command of the database
	Name       string        // as messages and logs call it: find, insertOne, or another database command's own name
	Access     driver.Access // Read only where it is known that nothing is written
	Schema     bool          // it makes or drops collections or indexes

	parts []part
	args  *arguments
	slots [][]*node // the placeholders of each slot
	plans sync.Map  // see converter

	once  sync.Once
	print string
}

// arguments are a statement's placeholders.
type arguments struct {
	*sqltext.Arguments
	n     int
	names []string
}

func newArguments(p *parser) *arguments {
	return &arguments{sqltext.NewArguments(p.n, p.names), p.n, p.names}
}

// Parse reads one statement, in mongosh's form or as a database command. A semicolon may follow it, and comments may be
// anywhere. Errors are *SyntaxError.
func Parse(text string) (s *Statement, err error) {
	defer catch(&err)
	b := &builder{s: new(Statement)}
	b.p.text = text
	b.w.reader = &b.p.reader
	b.statement()
	b.decide()
	b.finish()
	return b.s, nil
}

// Params returns how many values the statement takes and, if they go by name, the names in the order in which they
// first appear; nil for ? placeholders.
func (s *Statement) Params() (n int, names []string) { return s.args.n, s.args.names }

// Bind matches args with the placeholders, as statements in SQL do (one map, one struct or sql.Named values where they
// go by name), turns each into a BSON value and guards it. It returns one element a placeholder, or a name, for
// Command; it is args itself where nothing had to be done. Errors are faults of kind Argument that name the argument
// and the path in it, never a value.
func (s *Statement) Bind(args []any) (flat []any, err error) {
	flat, err = s.args.Values(args)
	if err != nil {
		return nil, err
	}
	copied := false
	for i, arg := range flat {
		v, err := s.bind(i, arg)
		if err != nil {
			return nil, s.fault(i, err)
		}
		if asIs(arg) && v == arg {
			continue
		}
		if !copied {
			flat, copied = append([]any(nil), flat...), true
		}
		flat[i] = v
	}
	return flat, nil
}

// asIs reports whether a value is one that Bind may leave as it is, and can be compared.
func asIs(v any) bool {
	switch v.(type) {
	case nil, bool, string, int, int32, int64, float64, bson.ObjectID, bson.DateTime:
		return true
	}
	return false
}

// bind converts one value and checks it for each place where it stands.
func (s *Statement) bind(slot int, arg any) (any, error) {
	c := converter{plans: &s.plans}
	v, err := c.convert(arg)
	if err != nil {
		return nil, err
	}
	b := bound{value: v, nested: c.nested}
	inner := unwrap(v)
	_, null := inner.(bson.Null)
	b.nilled = inner == nil || null
	for _, n := range s.slots[slot] {
		if b.nilled && (n.place == listPlace || n.place == spreadPlace) && isNilSlice(arg) {
			b.value = bson.A{}
		}
		if (n.place == sortPlace || n.place == hintPlace) && unordered(arg) {
			return nil, errors.New("a map has no order, and here the order of the fields counts; bind a bson.D")
		}
		if problem := n.place.check(b); problem != "" {
			return nil, errors.New(problem)
		}
	}
	return b.value, nil
}

// unordered reports whether v is a map with more than one key.
func unordered(v any) bool {
	rv := reflect.ValueOf(unwrap(v))
	return rv.Kind() == reflect.Map && rv.Len() > 1
}

// isNilSlice reports whether v is a nil slice: a list of nothing where a list stands, and null elsewhere.
func isNilSlice(v any) bool {
	rv := reflect.ValueOf(unwrap(v))
	return rv.Kind() == reflect.Slice && rv.IsNil()
}

// fault is the fault of an argument.
func (s *Statement) fault(slot int, err error) error {
	if s.args.names != nil {
		return driver.Faultf(driver.Argument, "argument :%s: %w", s.args.names[slot], err)
	}
	return driver.Faultf(driver.Argument, "argument %d: %w", slot+1, err)
}

// Command fills in the values that Bind returned. Errors are faults of kind Argument.
func (s *Statement) Command(flat []any) (*Command, error) {
	if len(flat) != s.args.n {
		return nil, driver.Faultf(driver.Argument, "the statement takes %d values, %d were given", s.args.n, len(flat))
	}
	c := &Command{Verb: s.Verb, Collection: s.Collection}
	for _, pt := range s.parts {
		if problem := s.apply(c, pt.role, pt.n.fill(flat)); problem != "" {
			return nil, driver.Faultf(driver.Argument, "%s", problem)
		}
	}
	return c, nil
}

// collect notes the placeholders below n.
func (s *Statement) collect(n *node) {
	switch n.kind {
	case hole:
		s.slots[n.slot] = append(s.slots[n.slot], n)
	case document:
		for i := range n.fields {
			s.collect(n.fields[i].value)
		}
	case array:
		for _, e := range n.elems {
			s.collect(e)
		}
	}
}

func (s *Statement) has(r role) bool {
	for _, pt := range s.parts {
		if pt.role == r {
			return true
		}
	}
	return false
}
