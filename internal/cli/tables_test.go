package cli

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const tableSchema = `
create table artist (id integer primary key, name text not null unique);
create table album (id integer primary key, title text default 'x', artist_id int references artist (id), n int as (id * 2));
create index by_artist on album (artist_id, title);
create index by_expression on album (lower(title));
create table pair (a int, b integer, primary key (b, a));
create view titles as select title from album;
create virtual table words using fts5(word);
`

func TestTablesAndTheirColumnsAreListed(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "pragma user_version = 1") // makes the file
	s.equal(s.must("tables"), " table | kind | columns | primary_key\n-------+------+---------+-------------\n(0 rows)\n")
	s.must("exec", "-f", s.file("schema.sql", tableSchema))
	s.equal(s.must("tables", "-o", "csv"), `table,kind,columns,primary_key
album,table,4,id
artist,table,2,id
pair,table,2,"a, b"
titles,view,1,
words,virtual table,1,
`)
	s.equal(s.must("tables", "-o", "jsonl", "Album"), `{"table":"album","column":"id","type":"INTEGER","null":false,"default":null,"key":"primary key"}
{"table":"album","column":"title","type":"TEXT","null":true,"default":"'x'","key":"index (artist_id, title)"}
{"table":"album","column":"artist_id","type":"INT","null":true,"default":null,"key":"index (artist_id, title), references artist (id)"}
{"table":"album","column":"n","type":"INT","null":true,"default":"generated","key":null}
`)
	s.equal(s.must("tables", "-o", "csv", "[ap]*r*"), `table,column,type,null,default,key
artist,id,INTEGER,false,,primary key
artist,name,TEXT,false,,unique
pair,a,INT,true,,"primary key (b, a)"
pair,b,INTEGER,true,,"primary key (b, a)"
`)
	s.refused(exitRefused, []string{"tables", "nosuch"}, "there is no table nosuch", "plinth tables lists")
	s.refused(exitRefused, []string{"tables", "x*"}, "there is no table x*", "plinth tables lists")
	s.refused(exitUsage, []string{"tables", "[x"}, "[x is no pattern", "[ and ]")
}

func TestTheFieldsOfDocumentsAreCountedAndTyped(t *testing.T) {
	t.Parallel()
	fields := map[string]*field{}
	for _, doc := range []bson.D{
		{{Key: "_id", Value: int64(1)}, {Key: "a", Value: bson.D{{Key: "b", Value: "x"}, {Key: "c", Value: nil}}}, {Key: "r", Value: bson.Regex{}}},
		{{Key: "_id", Value: bson.ObjectID{}}, {Key: "a", Value: bson.A{}}},
	} {
		addFields(fields, "", doc)
	}
	for name, want := range map[string]struct {
		types []string
		set   int
	}{
		"_id": {[]string{"int", "objectId"}, 2}, "a": {[]string{"array", "object"}, 2}, "a.b": {[]string{"string"}, 1}, "a.c": {nil, 0}, "r": {[]string{"regex"}, 1},
	} {
		f := fields[name]
		if f == nil || f.set != want.set || len(f.types) != len(want.types) {
			t.Errorf("%s: %+v, want %+v", name, f, want)
			continue
		}
		for _, typ := range want.types {
			if !f.types[typ] {
				t.Errorf("%s has no %s", name, typ)
			}
		}
	}
	if len(fields) != 5 {
		t.Errorf("%d fields", len(fields))
	}

	keys := map[string][]string{}
	addIndex(keys, bson.D{{Key: "_id", Value: 1}}, false)
	addIndex(keys, bson.D{{Key: "b", Value: 1}, {Key: "a", Value: -1}}, true)
	addIndex(keys, bson.D{{Key: "a", Value: 1}}, false)
	if got := strings.Join(keys["a"], "; ") + "; " + strings.Join(keys["_id"], "; "); got != "unique (b, a); index; primary key" {
		t.Error(got)
	}
}
