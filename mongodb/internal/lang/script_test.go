package lang_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

func TestAScriptIsTakenApart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		script string
		want   []string
	}{
		{"", nil}, {" \n// nothing\n/* at\nall */ ;;\n", nil},
		{"\ufeffdb.a.find();db.b.find()", []string{"1:db.a.find()", "1:db.b.find()"}},
		{"db.a.find()\ndb.b.find()\n", []string{"1:db.a.find()", "2:db.b.find()"}},
		{"db.a\n  .find({\n  a: 1\n})\n\n// and\n  .limit(3)\n\ndb.b.drop()", []string{"1:db.a\n  .find({\n  a: 1\n})\n\n// and\n  .limit(3)", "9:db.b.drop()"}},
		{"db.a.\nfind()\n{ping: 1}\n{\"find\": \"c\"}", []string{"1:db.a.\nfind()", "3:{ping: 1}", "4:{\"find\": \"c\"}"}},
		{"db\n[\"a\"].find()", []string{"1:db\n[\"a\"].find()"}},
		{"db.a.insertOne({s: \"a;b\\\"\", t: 'x\\';', u: `y\n;`, r: /[/;]\\/;/}); {ping: 1} // ;\n", []string{
			"1:db.a.insertOne({s: \"a;b\\\"\", t: 'x\\';', u: `y\n;`, r: /[/;]\\/;/})", "2:{ping: 1}"}},
		{"db.a.find({ // (;\n /* {;\n */ a: 1})\n// the end\n", []string{"1:db.a.find({ // (;\n /* {;\n */ a: 1})"}},
		{"db.a.find({a: 1;\ndb.b.find()", []string{"1:db.a.find({a: 1", "2:db.b.find()"}},
		{"db.a.find())\ndb.b.find()", []string{"1:db.a.find())", "2:db.b.find()"}},
		{"use shop\nshow dbs", []string{"1:use shop", "2:show dbs"}},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(test.script), "by bytes": iotest.OneByteReader(strings.NewReader(test.script))} {
			var got []string
			for st, err := range lang.Statements(r) {
				if err != nil {
					t.Fatalf("%q: %v", test.script, err)
				}
				got = append(got, fmt.Sprintf("%d:%s", st.Line, st.Text))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s %q\n got %q\nwant %q", name, test.script, got, test.want)
			}
		}
	}
}

func TestAScriptEndsAtWhatNeverEnds(t *testing.T) {
	t.Parallel()
	failure := errors.New("the disk is gone")
	for _, test := range []struct {
		script string
		line   int
		col    int
		want   string
	}{
		{"db.a.find()\n  db.b.find({a: \"x\n})", 2, 17, "the string that begins here never ends"}, {"db.a.find(/* x", 1, 11, "the comment"}, {"db.a.find({é: /x\n})", 1, 15, "the regular expression"},
		{"`x", 1, 1, "the string"}, {`"\`, 1, 1, "the string"},
	} {
		var last error
		for _, err := range lang.Statements(strings.NewReader(test.script)) {
			last = err
		}
		var syntax *lang.SyntaxError
		if !errors.As(last, &syntax) || syntax.Line != test.line || syntax.Column != test.col || !strings.Contains(syntax.Text, test.want) {
			t.Errorf("%q: %v, want line %d, column %d: %s", test.script, last, test.line, test.col, test.want)
		}
	}
	for _, script := range []string{"db.a.find(", "// x", "/* x", "'x", ""} {
		var last error
		for _, err := range lang.Statements(io.MultiReader(strings.NewReader(script), iotest.ErrReader(failure))) {
			last = err
		}
		if !errors.Is(last, failure) {
			t.Errorf("%q and a failure: %v", script, last)
		}
	}
}

func TestAScriptCanBeLeftEarly(t *testing.T) {
	t.Parallel()
	n := 0
	for range lang.Statements(strings.NewReader("db.a.drop()\ndb.b.drop()\n")) {
		n++
		break
	}
	if n != 1 {
		t.Error(n)
	}
}
