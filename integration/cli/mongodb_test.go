package cli_test

import "strings"

// documents has the command run mongosh's statements, and database commands, and print what comes of them.
func documents(s *shell) {
	const script = `// a script of statements as mongosh has them, and of database commands
db.track.insertMany([
  {_id: 1, name: 'größer', ms: 343719, price: 0.99, at: ISODate('2021-01-02T03:04:05Z'), tags: ['a', {n: 1.5}]},
  {_id: 2, name: ''}
]);
db.track.updateOne({_id: 2}, {$set: {album: ObjectId('6b040b873f7bc7081c42aba3'), raw: UUID('00112233-4455-6677-8899-aabbccddeeff')}})
{"insert": "track", "documents": [{"_id": {"$numberLong": "3"}, "ms": 7}]}
db.gone.insertOne({a: 1}); db.gone.drop();
`
	path := s.file("script.js", script)
	code, out, errs := s.run("exec", "-f", path)
	if code != 0 || out != "" || !strings.HasPrefix(errs, "5 statements in ") {
		s.Fatalf("exit code %d, %q, %q", code, out, errs)
	}
	const first = `{"_id":1,"name":"größer","ms":343719,"price":0.99,"at":{"$date":"2021-01-02T03:04:05Z"},"tags":["a",{"n":1.5}]}`
	const second = `{"_id":2,"name":"","album":{"$oid":"6b040b873f7bc7081c42aba3"},` +
		`"raw":{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}}}`
	const third = `{"_id":3,"ms":7}`
	s.equal(s.must("query", "-o", "json", "db.track.find().sort({_id: 1})"), "[\n"+first+",\n"+second+",\n"+third+"\n]\n")
	s.equal(s.must("query", "-o", "jsonl", `{"find": "track", "filter": {"_id": {"$gte": ?}}, "sort": {"_id": 1}}`, "2"), second+"\n"+third+"\n")
	s.equal(s.must("query", "-o", "json", "db.track.find({_id: ?})", "9"), "[]\n")
	s.equal(s.must("query", "-o", "csv", "db.track.find({}, {name: 1, ms: 1}).sort({_id: -1})"), "_id,ms,name\n3,7,\n2,,\n1,343719,größer\n")
	s.equal(s.must("query", "-o", "jsonl", "db.track.countDocuments({ms: {$gt: 5}})"), `{"n":2}`+"\n")
	s.equal(s.must("exec", "db.track.deleteMany({_id: {$gte: ?}})", "2"), "rows affected: 2\n")
	s.has(s.must("query", "-o", "jsonl", `{"listCollections": 1, "nameOnly": true}`), `"name":"track"`)

	code, _, errs = s.run("exec", "-f", s.file("wrong.js", "db.track.insertOne({_id: 4});\n\ndb.track.insertOne({_id: 4});\n"))
	if code != 1 {
		s.Errorf("exit code %d", code)
	}
	s.has(errs, ":3: ", "unique constraint", "1 statement before it applied")
	code, _, errs = s.run("exec", "-f", s.file("syntax.js", "db.track.insertOne({_id: 5});\ndb.track.find({a: });\n"))
	if code == 0 {
		s.Error("no error of syntax")
	}
	s.has(errs, ":2:")
}

// exported has a file as mongoexport writes it come back as it went in, and found by its id.
func exported(s *shell) {
	const rows = `{"_id":{"$oid":"6b040b873f7bc7081c42aba3"},"at":{"$date":"2021-01-02T03:04:05Z"},"price":{"$numberDecimal":"1.10"},` +
		`"of":{"ids":[{"$oid":"6b040b873f7bc7081c42aba4"}]},"raw":{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}}}` + "\n"
	s.in = rows
	if strings.Contains(s.must("ping"), "FerretDB") { // which knows no decimals
		s.in = strings.Replace(rows, `{"$numberDecimal":"1.10"}`, `1.1`, 1)
	}
	want := s.in
	if code, _, errs := s.run("load", "-f", "-", "--into", "exported"); code != 0 {
		s.Fatal(errs)
	}
	s.equal(s.must("query", "-o", "jsonl", "db.exported.find({_id: ?})", `{"$oid": "6b040b873f7bc7081c42aba3"}`), want)
	s.equal(s.must("query", "-o", "jsonl", "db.exported.countDocuments({at: {$lt: :t}})", `t={"$date": "2021-01-02T03:04:06Z"}`), `{"n":1}`+"\n")

	s.in = `{"_id": 2}` + "\n" + `{"_id": {"$oid": "6b"}}`
	code, _, errs := s.run("load", "-f", "-", "--into", "exported")
	if code != 1 {
		s.Errorf("exit code %d", code)
	}
	s.has(errs, "standard input:2: _id: ", "is no value of Extended JSON")
}

// loadsChinookIntoMongoDB loads all of Chinook from its JSON, and asks for what tells that all of it is there.
func loadsChinookIntoMongoDB(s *shell) {
	code, _, errs := s.run("load", "-f", s.scriptOfChinook("ChinookData.json"))
	if code != 0 || !strings.HasPrefix(errs, "15607 rows into 11 tables in ") {
		s.Fatalf("exit code %d\n%s", code, errs)
	}
	s.equal(s.must("query", "-o", "jsonl", "db.Track.aggregate([{$group: {_id: '$UnitPrice', n: {$sum: 1}}}, {$sort: {_id: 1}}])"),
		`{"_id":0.99,"n":3290}`+"\n"+`{"_id":1.99,"n":213}`+"\n")
	s.equal(s.must("query", "-o", "jsonl", "db.Invoice.find({}, {_id: 0, Total: 1, InvoiceDate: 1}).sort({InvoiceId: -1}).limit(1)"),
		`{"InvoiceDate":"2025-12-22T00:00:00","Total":1.99}`+"\n")
	s.equal(s.must("query", "-o", "jsonl", "db.Employee.find({ReportsTo: null}, {_id: 0, LastName: 1})"), `{"LastName":"Adams"}`+"\n")
	s.equal(s.must("query", "-o", "jsonl", "db.PlaylistTrack.countDocuments({})"), `{"n":8715}`+"\n")
}

// argumentsForMongoDB binds values by name, arrays and documents, and shows what was found to people.
func argumentsForMongoDB(s *shell) {
	code, _, errs := s.run("load", "-f", s.file("track.csv", "title,ms,album\nOne,5,a\nTwo,100,b\nThree,100,c\n"), "--into", "text")
	if code != 0 {
		s.Fatal(errs)
	}
	s.equal(s.must("query", "-o", "csv", "db.text.find({title: 'One'}, {_id: 0})"), "title,ms,album\nOne,5,a\n")
	id := strings.TrimPrefix(strings.TrimSpace(s.must("query", "-o", "csv", "db.text.find({title: 'One'}, {_id: 1})")), "_id\n")
	if len(id) != 24 || strings.Trim(id, "0123456789abcdef") != "" {
		s.Errorf("the id is printed as %s", id)
	}

	s.must("exec", "db.track.insertOne(?)", `{"_id": 1, "ms": 5, "of": {"z": 1, "a": 2}}`)
	s.must("exec", "db.track.insertOne({_id: :id, ms: :ms, tags: :tags})", "id=2", "ms=100", `tags=["x", 1.5]`)
	s.equal(s.must("query", "-o", "jsonl", "db.track.find({_id: 2})"), `{"_id":2,"ms":100,"tags":["x",1.5]}`+"\n")
	s.equal(s.must("query", "-o", "jsonl", "db.track.countDocuments({of: ?})", `{"z": 1, "a": 2}`), `{"n":1}`+"\n")
	s.equal(s.must("query", "-o", "csv", "db.track.find({ms: {$gt: :min}}, {ms: 1})", "min=5"), "_id,ms\n2,100\n")
	for _, list := range []string{"?", "[?]", ":list", "[:list]"} {
		arg := strings.TrimPrefix("list=[100,5]", map[bool]string{true: "list="}[strings.Contains(list, "?")])
		s.equal(s.must("query", "-o", "csv", "db.track.find({ms: {$in: "+list+"}}, {ms: 1}).sort({_id: 1})", arg), "_id,ms\n1,5\n2,100\n")
	}
	for arg, says := range map[string]string{"min=1": "a slice or an array", `{"$gt": 1}`: "begins with $"} {
		code, _, errs := s.run("query", "db.track.find({ms: {$in: ?}})", arg)
		if code != 2 {
			s.Errorf("exit code %d", code)
		}
		s.has(errs, says, "hint: ")
	}

	s.has(s.must("ping"), "(FerretDB (MongoDB 7.")
	nobody := *s
	nobody.url = "mongodb://127.0.0.1:1/a"
	code, _, errs = nobody.run("--timeout", "10s", "ping")
	if code != 3 {
		s.Errorf("exit code %d", code)
	}
	s.has(errs, "is the server running")
}
