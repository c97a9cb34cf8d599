package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// file writes a file of the test's.
func (s *shell) file(name, text string) string {
	s.Helper()
	path := filepath.Join(s.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// loads has each database answer the same about the same files.
func loads(s *shell) {
	mark := map[bool]string{true: "`", false: `"`}[strings.HasPrefix(s.url, "mariadb")]
	table := mark + "MediaType" + mark
	if code, _, errs := s.script("create table " + table + ` (media_type_id int primary key, name varchar(20) not null unique, price decimal(10,2), big decimal(38,10), ratio double precision,
	at timestamp null, note varchar(100), ok boolean);
create table track (id int primary key, title varchar(40));
`); code != 0 {
		s.Fatal(errs)
	}
	all := "select media_type_id, name, price * 100 = 99 as price, big = 12345678901234567890.12 as big, ratio * 2 as twice, " +
		"at is null as never, note, case when ok then 'yes' when not ok then 'no' end as ok from " + table + " order by 1"
	const media = `{
  "Track": [{"id": 1, "title": "größer \u2713\n"}, {"title": "", "id": 2}, {"id": 3}],
  "media_type": [
    {"MediaTypeId": 1, "Name": "MPEG", "Price": 0.99, "Big": 12345678901234567890.12, "Ratio": 0.5, "At": "2021-01-02T03:04:05", "Note": {"a": [1.50, null]}, "ok": true},
    {"MediaTypeId": -2, "Name": "", "Price": null, "Note": "", "ok": false}
  ]
}`
	path := s.file("media.json", media)
	code, out, errs := s.run("load", "-f", path)
	if code != 0 || out != "" || !strings.HasPrefix(errs, "5 rows into 2 tables in ") {
		s.Fatalf("exit code %d, %q, %q", code, out, errs)
	}
	s.equal(strings.NewReplacer("true", "1", "false", "0", "1.0,", "1,").Replace(s.must("query", "-o", "csv", all)),
		"media_type_id,name,price,big,twice,never,note,ok\n"+
			"-2,,,,,1,,no\n"+
			"1,MPEG,1,1,1,0,\"{\"\"a\"\":[1.50,null]}\",yes\n")
	s.equal(s.must("query", "-o", "jsonl", "select id, title from track order by id"),
		`{"id":1,"title":"größer ✓\n"}`+"\n"+`{"id":2,"title":""}`+"\n"+`{"id":3,"title":null}`+"\n")

	// What mongoexport writes is what it stands for.
	s.must("exec", "create table exported (_id varchar(24), at timestamp, price decimal(10,2))")
	s.in = `{"_id":{"$oid":"6b040b873f7bc7081c42aba3"},"at":{"$date":"2021-01-02T03:04:05Z"},"price":{"$numberDecimal":"1.10"}}`
	if code, _, errs := s.run("load", "-f", "-", "--into", "exported"); code != 0 {
		s.Fatal(errs)
	}
	s.equal(s.must("query", "-o", "csv", "select _id, substr(cast(at as char(19)), 1, 19) as at, case when price = 1.1 then 'yes' end as price from exported"),
		"_id,at,price\n6b040b873f7bc7081c42aba3,2021-01-02 03:04:05,yes\n")

	// A failure in the second table leaves the first, and nothing of the second.
	s.must("exec", "delete from track")
	code, _, errs = s.run("load", "-f", path)
	if code != 1 {
		s.Errorf("exit code %d", code)
	}
	s.has(errs, path+":4: ", "unique constraint", "nothing was loaded into MediaType", "loaded before it, and there: track (3 rows)")
	for _, c := range []struct{ file, text, says string }{
		{"track.csv", "id,title\n4,four\n5,five\nsix,six\n7,seven\n", "invalid value"},
		{"track.csv", "id,title\n4,four\n5,five\n,six\n7,seven\n", "--null ''"},
		{"track.csv", "id,title\n4,four\n5,five\n4,six\n7,seven\n", "unique constraint"},
		{"track.csv", "id,title\n4,four\n5,five\n6\n7,seven\n", "another number of fields"},
		{"track.jsonl", "{\"id\": 4}\n\n\n{\"id\": 5, \"title\": \"x\"}\n", "the row has title"},
	} {
		if strings.HasPrefix(s.url, "sqlite") && (c.says == "invalid value" || c.says == "--null ''") {
			continue // it would take the text, if this weren't its primary key
		}
		path := s.file(c.file, c.text)
		code, _, errs := s.run("load", "-f", path)
		if code != 1 {
			s.Errorf("exit code %d", code)
		}
		s.has(errs, path+":4: ", c.says, "nothing was loaded into track")
	}
	s.equal(s.must("query", "-o", "csv", "select count(*) as n from track"), "n\n3\n")

	// What a query prints as CSV can be loaded.
	csv := s.must("query", "-o", "csv", "select * from track order by id")
	s.must("exec", "delete from track")
	s.in = csv
	s.must("load", "-f", "-", "--into", "track", "--null", "")
	s.equal(s.must("query", "-o", "csv", "select * from track order by id"), csv)
}

// loadsChinook loads all of Chinook from its JSON into the tables of its script.
func loadsChinook(s *shell) {
	names := map[string]string{"postgres": "Chinook_PostgreSql.sql", "mariadb": "Chinook_MySql.sql", "sqlite": "Chinook_Sqlite.sql"}
	engine, _, _ := strings.Cut(s.url, ":")
	script, err := os.ReadFile(s.scriptOfChinook(names[engine]))
	if err != nil {
		s.Fatal(err)
	}
	var tables strings.Builder
	for _, table := range regexp.MustCompile(`(?s)CREATE TABLE.*?\n\);`).FindAllString(string(script), -1) {
		tables.WriteString(table + "\n")
	}
	if code, _, errs := s.script(tables.String()); code != 0 || !strings.HasPrefix(errs, "11 statements") {
		s.Fatal(errs)
	}
	code, _, errs := s.run("load", "-f", s.scriptOfChinook("ChinookData.json"))
	if code != 0 || !strings.HasPrefix(errs, "15607 rows into 11 tables in ") {
		s.Fatalf("exit code %d\n%s", code, errs)
	}
	invoice, track, employee := "Invoice", "Track", "Employee"
	total, price, date, manager := "Total", "UnitPrice", "InvoiceDate", "ReportsTo"
	if engine == "postgres" {
		invoice, track, employee, price, date, manager = "invoice", "track", "employee", "unit_price", "invoice_date", "reports_to"
	}
	s.equal(s.must("query", "-o", "csv", "select (select count(*) from "+track+") as tracks, (select cast(round(sum("+price+"), 2) as decimal(10,2)) from "+
		track+") as prices, (select cast(round(sum("+total+"), 2) as decimal(10,2)) from "+invoice+") as total, (select count(*) from "+employee+" where "+
		manager+" is null) as bosses"),
		"tracks,prices,total,bosses\n3503,3680.97,"+map[bool]string{true: "2328.6", false: "2328.60"}[engine == "sqlite"]+",1\n")
	s.has(s.must("query", "-o", "csv", "select max("+date+") as last from "+invoice), "2025-12-22T00:00:00")
}
