package cli_test

import "strings"

// tables has each SQL database describe the same tables in the same words, but for its names of types.
func tables(s *shell) {
	if code, _, errs := s.script(`
		create table artist (id integer primary key, name varchar(20) not null unique);
		create table album (id integer primary key, title varchar(20), artist_id int not null references artist (id));
		create index by_artist on album (artist_id, title);
		create table pair (a int not null, b int not null, primary key (b, a));
		create view titles as select title from album;`); code != 0 {
		s.Fatal(errs)
	}
	s.equal(s.must("tables", "-o", "csv"), `table,kind,columns,primary_key
album,table,3,id
artist,table,2,id
pair,table,2,"a, b"
titles,view,1,
`)
	s.has(s.must("tables", "Titles"), " titles | title  | ", " | true | NULL    | NULL\n(1 row)\n")
	types := strings.NewReplacer(
		"int(11)", "INT", "varchar(20)", "TEXT", // MariaDB
		"integer", "INT", "character varying(20)", "TEXT", // PostgreSQL
		"INTEGER", "INT", "VARCHAR(20)", "TEXT") // SQLite
	s.equal(types.Replace(s.must("tables", "-o", "jsonl", "[ap]*")), `{"table":"album","column":"id","type":"INT","null":false,"default":null,"key":"primary key"}
{"table":"album","column":"title","type":"TEXT","null":true,"default":null,"key":"index (artist_id, title)"}
{"table":"album","column":"artist_id","type":"INT","null":false,"default":null,"key":"index (artist_id, title), references artist (id)"}
{"table":"artist","column":"id","type":"INT","null":false,"default":null,"key":"primary key"}
{"table":"artist","column":"name","type":"TEXT","null":false,"default":null,"key":"unique"}
{"table":"pair","column":"a","type":"INT","null":false,"default":null,"key":"primary key (b, a)"}
{"table":"pair","column":"b","type":"INT","null":false,"default":null,"key":"primary key (b, a)"}
`)
	code, _, errs := s.run("tables", "nosuch")
	if code != 1 {
		s.Errorf("exit code %d", code)
	}
	s.has(errs, "there is no table nosuch", "hint: plinth tables")

	_, _, errs = s.run("query", "select * from nosuch")
	for _, native := range []string{"42P01", "1146"} {
		if strings.Count(errs, native) > 1 {
			s.Errorf("the error has its code twice: %s", errs)
		}
	}
}

func tablesOfPostgres(s *shell) {
	if code, _, errs := s.script(`
		create schema "Other";
		create table thing (id bigint generated always as identity primary key, n int default 5, twice int generated always as (n * 2) stored, at timestamptz default now());
		create unique index on thing (lower(n::text), at) where n > 0;
		create table "Other".thing (x int[] unique, y bigint references thing);
		create table empty ();
		create materialized view kept as select 1 as one;
		create temporary table gone (x int);
		create table parted (k int) partition by range (k);`); code != 0 {
		s.Fatal(errs)
	}
	s.equal(s.must("tables", "-o", "csv"), `table,kind,columns,primary_key
empty,table,0,
kept,materialized view,1,
parted,table,1,
thing,table,4,id
Other.thing,table,2,
`)
	s.equal(s.must("tables", "-o", "csv", "*thing"), `table,column,type,null,default,key
thing,id,bigint,false,generated always as identity,primary key
thing,n,integer,true,5,
thing,twice,integer,true,generated always as ((n * 2)),
thing,at,timestamp with time zone,true,now(),"unique (lower(n::text), at) where (n > 0)"
Other.thing,x,integer[],true,,unique
Other.thing,y,bigint,true,,references thing (id)
`)
	s.equal(s.must("tables", "-o", "csv", "empty"), "table,column,type,null,default,key\n")
	s.has(s.must("tables", "other.THING"), "Other.thing", "(2 rows)")
}

func tablesOfMariaDB(s *shell) {
	if code, _, errs := s.script("create table `odd name` (id bigint auto_increment primary key, at timestamp not null default current_timestamp on update current_timestamp, " +
		"n int default 5, twice int as (n * 2), kind enum('a','b'), word varchar(9) not null default 'x');"); code != 0 {
		s.Fatal(errs)
	}
	s.equal(s.must("tables", "-o", "csv", "odd name"), "table,column,type,null,default,key\n"+
		"odd name,id,bigint(20),false,auto_increment,primary key\n"+
		"odd name,at,timestamp,false,current_timestamp() on update current_timestamp(),\n"+
		"odd name,n,int(11),true,5,\n"+
		"odd name,twice,int(11),true,generated always as (`n` * 2),\n"+
		"odd name,kind,\"enum('a','b')\",true,,\n"+
		"odd name,word,varchar(9),false,'x',\n")
	none := s.at("")
	s.has(none.must("tables", "-o", "csv"), ".odd name,table,6,id\n")
}

func tablesOfMongoDB(s *shell) {
	if code, _, errs := s.script(`db.person.insertMany([{_id: 1, name: 'a', n: 5, address: {city: 'x', at: ISODate('2021-01-02T03:04:05Z')}}, {_id: 2, name: null, n: 2.5}])
{"createIndexes": "person", "indexes": [{"key": {"name": 1, "n": -1}, "name": "by_name", "unique": true}]}
db.getCollection('odd name').insertOne({_id: ObjectId('6b040b873f7bc7081c42aba3')})
`); code != 0 {
		s.Fatal(errs)
	}
	s.equal(s.must("tables", "-o", "csv"), "table,kind,columns,primary_key\nodd name,collection,1,_id\nperson,collection,6,_id\n")
	s.equal(s.must("tables", "-o", "csv", "*"), `table,column,type,null,default,key
odd name,_id,objectId,false,,primary key
person,_id,int,false,,primary key
person,address,object,true,,
person,address.at,date,true,,
person,address.city,string,true,,
person,n,"double, int",false,,"unique (name, n)"
person,name,string,true,,"unique (name, n)"
`)
}
