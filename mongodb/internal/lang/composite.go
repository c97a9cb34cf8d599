package lang

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// key guards a key.
func (c *converter) key(key string) error {
	switch {
	case strings.IndexByte(key, 0) >= 0:
		return c.fail("a key has a zero byte in it")
	case !utf8.ValidString(key):
		return c.fail("a key isn't UTF-8")
	case runsCode(key):
		return c.fail("%s runs code in the server, and is never taken from a bound value", key)
	case c.opted:
		return nil
	case isOperator(key):
		return c.fail("the key begins with $ and would act as an operator; " +
			"if the program wrote it, and not its users, wrap the value in mongodb.Operators")
	case key == "":
		return c.fail("a key is empty")
	case strings.IndexByte(key, '.') >= 0:
		return c.fail("a key has a dot in it, which would be taken for a path; " +
			"nest documents, or wrap the value in mongodb.Operators if the program wrote it")
	}
	return nil
}

func (c *converter) leave() { c.path = c.path[:len(c.path)-1] }

func (c *converter) deeper() error {
	if c.depth++; c.depth > maxDepth {
		return c.fail("documents and arrays may be nested %d levels deep", maxDepth)
	}
	return nil
}

// member converts what stands under a key, which it guards.
func (c *converter) member(key string, v any) (any, error) {
	c.path = append(c.path, key)
	if err := c.key(key); err != nil {
		return nil, err
	}
	out, err := c.convert(v)
	c.leave()
	return out, err
}

func (c *converter) d(d bson.D) (any, error) {
	if d == nil {
		return nil, nil
	}
	if err := c.deeper(); err != nil {
		return nil, err
	}
	if repeats(d) {
		return nil, c.fail("the document has a key twice")
	}
	out := make(bson.D, len(d))
	for i, e := range d {
		v, err := c.member(e.Key, e.Value)
		if err != nil {
			return nil, err
		}
		out[i] = bson.E{Key: e.Key, Value: v}
	}
	c.depth--
	return out, nil
}

// list converts a slice or an array.
func (c *converter) list(rv reflect.Value) (any, error) {
	t := rv.Type()
	switch {
	case t.Elem().Kind() == reflect.Uint8:
		return bson.Binary{Data: slices.Clone(rv.Bytes())}, nil
	case t.ConvertibleTo(reflect.TypeFor[bson.D]()):
		return c.d(rv.Convert(reflect.TypeFor[bson.D]()).Interface().(bson.D))
	}
	if err := c.deeper(); err != nil {
		return nil, err
	}
	out := make(bson.A, rv.Len())
	for i := range out {
		c.path = append(c.path, strconv.Itoa(i))
		v, err := c.convert(rv.Index(i).Interface())
		if err != nil {
			return nil, err
		}
		out[i] = v
		c.leave()
	}
	c.depth--
	return out, nil
}

// mapping converts a map; its keys are sorted, so that the same map is the same document each time.
func (c *converter) mapping(rv reflect.Value) (any, error) {
	if err := c.deeper(); err != nil {
		return nil, err
	}
	out := make(bson.D, 0, rv.Len())
	for it := rv.MapRange(); it.Next(); {
		key, err := c.mapKey(it.Key())
		if err != nil {
			return nil, err
		}
		out = append(out, bson.E{Key: key, Value: it.Value().Interface()})
	}
	slices.SortFunc(out, func(a, b bson.E) int { return strings.Compare(a.Key, b.Key) })
	for i := range out {
		if i > 0 && out[i].Key == out[i-1].Key {
			return nil, c.fail("two keys of the map are the same text")
		}
		v, err := c.member(out[i].Key, out[i].Value)
		if err != nil {
			return nil, err
		}
		out[i].Value = v
	}
	c.depth--
	return out, nil
}

func (c *converter) mapKey(k reflect.Value) (string, error) {
	if k.Kind() == reflect.String {
		return k.String(), nil
	}
	if m, ok := k.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return "", c.fail("MarshalText of a key of type %s: %w", k.Type(), err)
		}
		return string(text), nil
	}
	switch {
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10), nil
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10), nil
	}
	return "", c.fail("a map with keys of type %s is no document", k.Type())
}

// repeats reports whether a document has a key twice: which one counts is decided differently from place to place.
func repeats(d bson.D) bool {
	if len(d) > 16 {
		seen := make(map[string]struct{}, len(d))
		for i := range d {
			seen[d[i].Key] = struct{}{}
		}
		return len(seen) < len(d)
	}
	for i := range d {
		for j := range i {
			if d[i].Key == d[j].Key {
				return true
			}
		}
	}
	return false
}
