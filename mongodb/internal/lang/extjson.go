package lang

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// extended returns the value that a document of MongoDB Extended JSON v2 stands for, canonical or relaxed, or n itself
// if it is another one. Of version 1 it takes {"$binary": "…", "$type": "00"}; {"$regex": …, "$options": …} stays a
// document, because that is an operator. (Specification "MongoDB Extended JSON v2", "Conversion table" and "Special
// rules".)
func (p *parser) extended(n *node) *node {
	e := extJSON{p, n}
	v, ok := e.value()
	if !ok {
		return n
	}
	return &node{at: n.at, value: v}
}

type extJSON struct {
	p *parser
	n *node
}

func (e *extJSON) value() (v any, ok bool) {
	first := e.n.fields[0]
	switch first.key {
	case "$oid":
		id, err := bson.ObjectIDFromHex(e.text("24 hexadecimal digits"))
		e.check(err == nil, "24 hexadecimal digits")
		return id, true
	case "$date":
		return e.date(), true
	case "$numberInt":
		v, err := strconv.ParseInt(e.text("a whole number as a text"), 10, 32)
		e.check(err == nil, "a whole number of 32 bits as a text")
		return int32(v), true
	case "$numberLong":
		v, err := strconv.ParseInt(e.text("a whole number as a text"), 10, 64)
		e.check(err == nil, "a whole number of 64 bits as a text")
		return v, true
	case "$numberDouble":
		text := e.text("a number as a text")
		v, err := strconv.ParseFloat(text, 64)
		e.check(err == nil, "a number as a text, such as \"1.5\", \"-Infinity\" or \"NaN\"")
		return v, true
	case "$numberDecimal":
		text := e.text("a number as a text")
		d, err := exactDecimal(text)
		e.check(err == nil, "a number of at most 34 digits as a text")
		return d, true
	case "$binary":
		return e.binary(), true
	case "$uuid":
		id, ok := parseUUID(e.text("a UUID as a text"))
		e.check(ok, "a UUID as a text")
		return bson.Binary{Subtype: bson.TypeBinaryUUID, Data: id}, true
	case "$regularExpression":
		const takes = `{"pattern": "…", "options": "…"}`
		return e.p.makeRegex(e.n.at, e.partText("pattern", takes), e.partText("options", takes)), true
	case "$timestamp":
		return e.timestamp(), true
	case "$minKey", "$maxKey":
		one, _ := toInt64(e.single("1"))
		e.check(one == 1, "1")
		if first.key == "$minKey" {
			return bson.MinKey{}, true
		}
		return bson.MaxKey{}, true
	case "$symbol":
		return bson.Symbol(e.text("a text")), true
	case "$code":
		return e.code(), true
	case "$undefined":
		e.p.fail(e.n.at, "undefined isn't a value; write null, or leave the key out")
	case "$dbPointer":
		e.p.fail(e.n.at, "DBPointer is long gone from BSON; write DBRef(\"…\", id)")
	}
	return nil, false
}

// check fails with what the first key takes.
func (e *extJSON) check(ok bool, takes string) {
	if !ok {
		e.p.fail(e.n.at, "{%s: …} takes %s, and no other key beside it", e.n.fields[0].key, takes)
	}
}

// single returns the value of the only key, a literal.
func (e *extJSON) single(takes string) any {
	e.constant()
	e.check(len(e.n.fields) == 1 && e.n.fields[0].value.kind == literal, takes)
	return e.n.fields[0].value.value
}

// constant fails if there is a placeholder inside.
func (e *extJSON) constant() {
	e.n.freeze()
	if e.n.holes {
		e.p.fail(e.n.at, "{%s: …} takes no placeholder: bind a value of that type in its place", e.n.fields[0].key)
	}
}

func (e *extJSON) text(takes string) string {
	s, ok := e.single(takes).(string)
	e.check(ok, takes)
	return s
}

// part returns a value of the document under the only key, which has exactly two keys.
func (e *extJSON) part(key, takes string) any {
	e.constant()
	inner := e.n.fields[0].value
	e.check(len(e.n.fields) == 1 && inner.kind == document && len(inner.fields) == 2 && inner.get(key) != nil, takes)
	return inner.get(key).value
}

func (e *extJSON) partText(key, takes string) string {
	s, ok := e.part(key, takes).(string)
	e.check(ok, takes)
	return s
}

func (e *extJSON) date() bson.DateTime {
	const takes = `a text such as "2026-01-31T12:00:00Z", or milliseconds since 1970`
	switch v := e.single(takes).(type) {
	case string:
		t, zoned, ok := parseDate(v)
		e.check(ok && zoned, takes)
		return bson.NewDateTimeFromTime(t)
	case int32:
		return bson.DateTime(v)
	case int64:
		return bson.DateTime(v)
	}
	e.check(false, takes)
	return 0
}

func (e *extJSON) binary() bson.Binary {
	const takes = `{"base64": "…", "subType": "00"}`
	var text, subtype string
	if legacy := e.n.get("$type"); legacy != nil && len(e.n.fields) == 2 {
		e.constant()
		var ok1, ok2 bool
		text, ok1 = e.n.fields[0].value.value.(string)
		subtype, ok2 = legacy.value.(string)
		e.check(ok1 && ok2, takes)
	} else {
		text, subtype = e.partText("base64", takes), e.partText("subType", takes)
	}
	kind, err := hex.DecodeString(strings.Repeat("0", len(subtype)%2) + subtype)
	e.check(err == nil && len(kind) == 1, takes)
	data, err := base64.StdEncoding.DecodeString(text)
	e.check(err == nil, takes)
	return bson.Binary{Subtype: kind[0], Data: data}
}

func (e *extJSON) timestamp() bson.Timestamp {
	const takes = `{"t": seconds, "i": counter}`
	t, ok1 := toInt64(e.part("t", takes))
	i, ok2 := toInt64(e.part("i", takes))
	e.check(ok1 && ok2 && min(t, i) >= 0 && max(t, i) <= math.MaxUint32, takes)
	return bson.Timestamp{T: uint32(t), I: uint32(i)}
}

func (e *extJSON) code() any {
	const takes = "a text, with $scope beside it at most"
	e.constant()
	text, ok := e.n.fields[0].value.value.(string)
	e.check(ok, takes)
	if len(e.n.fields) == 1 {
		return bson.JavaScript(text)
	}
	scope := e.n.get("$scope")
	e.check(scope != nil && scope.kind == document && len(e.n.fields) == 2, takes)
	return bson.CodeWithScope{Code: bson.JavaScript(text), Scope: scope.value}
}
