package lang

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// construct reads what follows the name of a type: ObjectId("…"), and makes the value.
func (p *parser) construct(n *node, name string, isNew bool) {
	if p.take('.') { // Binary.createFromBase64, Long.fromString
		name += "." + p.word()
	}
	if p.peek() != '(' {
		switch name {
		case "MinKey":
			n.value = bson.MinKey{}
		case "MaxKey":
			n.value = bson.MaxKey{}
		default:
			p.fail(n.at, "%s isn't a value; a string is written in quotes, a bound value as ? or :name", clip(name))
		}
		return
	}
	p.enter(n.at)
	defer p.leave()
	args := p.arguments()
	for _, a := range args {
		a.freeze()
		if a.holes && name != "DBRef" {
			p.fail(a.at, "%s(…) takes no placeholder: bind a value of that type in its place", clip(name))
		}
	}
	c := constructor{p, n, name, args}
	if name == "DBRef" {
		c.dbRef()
		return
	}
	n.value = c.value(isNew)
}

// arguments reads (…).
func (p *parser) arguments() []*node {
	p.expect('(', "here")
	var args []*node
	for !p.take(')') {
		args = append(args, p.value())
		if !p.take(',') && p.peek() != ')' {
			p.fail(p.pos, "a comma or ) is missing, before %s", p.seen())
		}
	}
	return args
}

// constructor is one NAME(args).
type constructor struct {
	p    *parser
	n    *node
	name string
	args []*node
}

func (c *constructor) value(isNew bool) any {
	switch c.name {
	case "ObjectId", "ObjectID":
		return c.objectID()
	case "ISODate", "Date":
		if c.name == "Date" && !isNew {
			c.fail("Date(…) without new is a text in JavaScript; write new Date(…) or ISODate(…)")
		}
		return c.date()
	case "NumberInt", "Int32":
		v := c.integer()
		if v < math.MinInt32 || v > math.MaxInt32 {
			c.fail("the number doesn't fit 32 bits")
		}
		return int32(v)
	case "NumberLong", "Long", "Long.fromString", "Long.fromNumber", "BigInt":
		return c.integer()
	case "Double":
		f, err := strconv.ParseFloat(c.number(), 64)
		if err != nil {
			c.fail("Double takes a number")
		}
		return f
	case "NumberDecimal", "Decimal128", "Decimal128.fromString":
		d, err := exactDecimal(c.number())
		if err != nil {
			c.fail("NumberDecimal takes a number of at most 34 digits: %v", err)
		}
		return d
	case "UUID":
		id, ok := parseUUID(c.text())
		if !ok {
			c.fail("UUID takes 32 hexadecimal digits, with or without the four hyphens")
		}
		return bson.Binary{Subtype: bson.TypeBinaryUUID, Data: id}
	case "BinData", "HexData", "Binary.createFromBase64":
		return c.binary()
	case "Timestamp":
		return c.timestamp()
	case "MinKey", "MaxKey":
		c.count(0, 0, "nothing")
		if c.name == "MinKey" {
			return bson.MinKey{}
		}
		return bson.MaxKey{}
	case "RegExp", "BSONRegExp":
		c.count(1, 2, `a pattern and options: RegExp("^a", "i")`)
		flags := ""
		if len(c.args) == 2 {
			flags = c.textOf(1)
		}
		return c.p.makeRegex(c.n.at, c.textOf(0), flags)
	case "Code":
		return bson.JavaScript(c.text())
	}
	c.fail("%s isn't known; there are ObjectId, ISODate, new Date, NumberInt, NumberLong, NumberDecimal, Double, UUID, "+
		"BinData, HexData, Timestamp, RegExp, MinKey, MaxKey, DBRef and Code", clip(c.name))
	return nil
}

func (c *constructor) fail(format string, args ...any) { c.p.fail(c.n.at, format, args...) }

// count fails unless there are so many arguments.
func (c *constructor) count(least, most int, takes string) {
	if len(c.args) < least || len(c.args) > most {
		c.fail("%s takes %s", c.name, takes)
	}
}

func (c *constructor) text() string {
	c.count(1, 1, "one text")
	return c.textOf(0)
}

func (c *constructor) textOf(i int) string {
	s, ok := c.args[i].value.(string)
	if !ok {
		c.p.fail(c.args[i].at, "%s takes a text here", c.name)
	}
	return s
}

// number returns the digits of a number or a text. A literal's are taken as they are written, so that none is lost.
func (c *constructor) number() string {
	c.count(1, 1, "one number or text")
	a := c.args[0]
	switch v := a.value.(type) {
	case string:
		return v
	case int32:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strings.TrimLeft(strings.ReplaceAll(c.p.text[a.at:a.end], "_", ""), "+")
	}
	c.fail("%s takes a number or a text", c.name)
	return ""
}

func (c *constructor) integer() int64 {
	v, err := strconv.ParseInt(c.number(), 10, 64)
	if err != nil {
		c.fail("%s takes a whole number of at most 64 bits, as a text where it has more than 15 digits", c.name)
	}
	return v
}

func (c *constructor) objectID() any {
	if len(c.args) == 0 {
		c.fail("ObjectId() would be the same each time the statement runs; bind a new bson.ObjectID instead")
	}
	id, err := bson.ObjectIDFromHex(c.text())
	if err != nil {
		c.fail("ObjectId takes 24 hexadecimal digits")
	}
	return id
}

func (c *constructor) date() any {
	if len(c.args) == 0 {
		c.fail("%s() would be the same time each time the statement runs; "+
			"bind a time.Time, or use \"$$NOW\" in a pipeline", c.name)
	}
	c.count(1, 1, "one text or the milliseconds since 1970; parts of a date depend on a zone")
	switch v := c.args[0].value.(type) {
	case string:
		t, zoned, ok := parseDate(v)
		if !ok {
			c.fail("%s takes a date such as \"2026-01-31\" or \"2026-01-31T12:00:00Z\"", c.name)
		}
		if !zoned && c.name == "Date" {
			c.fail("without a zone new Date takes the local one, which differs from machine to machine; end the text in Z or +02:00")
		}
		return bson.NewDateTimeFromTime(t)
	case int32:
		return bson.DateTime(v)
	case int64:
		return bson.DateTime(v)
	}
	c.fail("%s takes a text or whole milliseconds since 1970", c.name)
	return nil
}

// parseUUID reads 32 hexadecimal digits, hyphens where they belong.
func parseUUID(s string) ([]byte, bool) {
	if len(s) == 36 {
		if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return nil, false
		}
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	id, err := hex.DecodeString(s)
	return id, err == nil && len(id) == 16
}

func (c *constructor) binary() any {
	c.count(2, 2, `a subtype and a text: BinData(0, "aGk=")`)
	subtype, data := 0, 1
	if c.name == "Binary.createFromBase64" {
		subtype, data = 1, 0
	}
	kind, ok := c.args[subtype].value.(int32)
	if !ok || kind < 0 || kind > 255 {
		c.fail("the subtype is a number from 0 to 255")
	}
	var b []byte
	var err error
	if c.name == "HexData" {
		b, err = hex.DecodeString(c.textOf(data))
	} else {
		b, err = base64.StdEncoding.DecodeString(c.textOf(data))
	}
	if err != nil {
		c.fail("%s takes the bytes in base 64, HexData as hexadecimal digits", c.name)
	}
	return bson.Binary{Subtype: byte(kind), Data: b}
}

func (c *constructor) timestamp() any {
	c.count(1, 2, "seconds and a counter: Timestamp(1700000000, 1)")
	parts := c.args
	if len(c.args) == 1 {
		d := c.args[0]
		if d.kind != document || len(d.fields) != 2 || d.get("t") == nil || d.get("i") == nil {
			c.fail("Timestamp takes seconds and a counter, or {t: …, i: …}")
		}
		parts = []*node{d.get("t"), d.get("i")}
	}
	var v [2]uint32
	for i, part := range parts {
		n, ok := toInt64(part.value)
		if !ok || n < 0 || n > math.MaxUint32 {
			c.fail("the parts of a Timestamp are whole numbers of 32 bits, not negative")
		}
		v[i] = uint32(n)
	}
	return bson.Timestamp{T: v[0], I: v[1]}
}

// dbRef makes the document that DBRef stands for; its id may be bound.
func (c *constructor) dbRef() {
	c.count(2, 3, `a collection and an id: DBRef("tracks", 1)`)
	c.n.kind = document
	for i, key := range []string{"$ref", "$id", "$db"}[:len(c.args)] {
		if i != 1 {
			c.textOf(i)
		}
		c.n.fields = append(c.n.fields, field{key, c.args[i].at, c.args[i]})
	}
}

// toInt64 returns a whole number as BSON or Go has them.
func toInt64(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		if n := int64(v); float64(n) == v && v < math.MaxInt64 {
			return n, true
		}
	}
	return 0, false
}
