package lang_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

func parse(t testing.TB, text string) *lang.Statement {
	t.Helper()
	s, err := lang.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// command parses, binds and fills in.
func command(t testing.TB, text string, args ...any) *lang.Command {
	t.Helper()
	s := parse(t, text)
	flat, err := s.Bind(args)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	c, err := s.Command(flat)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

// refused returns the message with which values are refused.
func refused(t testing.TB, text string, args ...any) string {
	t.Helper()
	s := parse(t, text)
	flat, err := s.Bind(args)
	if err == nil {
		_, err = s.Command(flat)
	}
	if !errors.Is(err, driver.Argument) {
		t.Fatalf("%s with %v: %v, want a fault of kind Argument", text, args, err)
	}
	return err.Error()
}

// show writes a command in one line: its verb, its collection and what it has, in canonical Extended JSON but for numbers.
func show(c *lang.Command) string {
	var out []string
	add := func(name string, v any, there bool) {
		if there {
			out = append(out, name+"="+extJSON(v))
		}
	}
	o := c.Options
	add("filter", c.Filter, c.Filter != nil)
	add("update", c.Update, c.Update != nil)
	add("replacement", c.Replacement, c.Replacement != nil)
	add("documents", c.Documents, c.Documents != nil)
	add("pipeline", c.Pipeline, c.Pipeline != nil)
	add("key", c.Key, c.Key != "")
	add("raw", c.Raw, c.Raw != nil)
	add("sort", o.Sort, o.Sort != nil)
	add("projection", o.Projection, o.Projection != nil)
	add("hint", o.Hint, o.Hint != nil)
	if o.Collation != nil {
		out = append(out, fmt.Sprintf("collation=%+v", *o.Collation))
	}
	add("let", o.Let, o.Let != nil)
	add("arrayFilters", o.ArrayFilters, o.ArrayFilters != nil)
	add("min", o.Min, o.Min != nil)
	add("max", o.Max, o.Max != nil)
	add("comment", o.Comment, o.Comment != nil)
	out = appendSet(out, "limit", o.Limit)
	out = appendSet(out, "skip", o.Skip)
	out = appendSet(out, "batchSize", o.BatchSize)
	out = appendSet(out, "maxTime", o.MaxTime)
	out = appendSet(out, "upsert", o.Upsert)
	out = appendSet(out, "ordered", o.Ordered)
	out = appendSet(out, "after", o.ReturnAfter)
	out = appendSet(out, "disk", o.AllowDiskUse)
	out = appendSet(out, "bypass", o.BypassValidation)
	out = appendSet(out, "returnKey", o.ReturnKey)
	out = appendSet(out, "recordID", o.ShowRecordID)
	out = appendSet(out, "noTimeout", o.NoCursorTimeout)
	out = appendSet(out, "partial", o.AllowPartialResults)
	add("readConcern", o.ReadConcern, o.ReadConcern != "")
	if w := o.WriteConcern; w != nil {
		text := appendSet([]string{fmt.Sprint(w.W)}, "j", w.Journal)
		out = append(out, "writeConcern="+strings.Join(text, ","))
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Verb, c.Collection, strings.Join(out, " ")))
}

func appendSet[T any](out []string, name string, v *T) []string {
	if v == nil {
		return out
	}
	return append(out, fmt.Sprintf("%s=%v", name, *v))
}

// extJSON writes a value; relaxed, but a double is told from an integer by its point.
func extJSON(v any) string {
	b, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: v}}, false, false)
	if err != nil {
		return "!" + err.Error()
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(b), `{"v":`), "}")
}

// syntaxError returns the error with which a text is refused.
func syntaxError(t testing.TB, text string) *lang.SyntaxError {
	t.Helper()
	_, err := lang.Parse(text)
	var syntax *lang.SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("%s: %v, want a *SyntaxError", text, err)
	}
	return syntax
}
