package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseReadsEveryFormOfSQLite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, says, writes, uri string }{
		{"sqlite:app.db", "database=app.db", "sqlite:app.db", "file:app.db"},
		{"sqlite3:db/dev.sqlite3", "database=db/dev.sqlite3", "sqlite:db/dev.sqlite3", "file:db/dev.sqlite3"},
		{"SQLite:app.db", "database=app.db", "sqlite:app.db", "file:app.db"},
		{"sqlite://app.db", "database=app.db", "sqlite:app.db", "file:app.db"},
		{"sqlite://data/app.db", "database=data/app.db", "sqlite:data/app.db", "file:data/app.db"},
		{"sqlite:../app.db", "database=../app.db", "sqlite:../app.db", "file:../app.db"},
		{"sqlite:/var/app.db", "database=/var/app.db", "sqlite:///var/app.db", "file:///var/app.db"},
		{"sqlite:///var/app.db", "database=/var/app.db", "sqlite:///var/app.db", "file:///var/app.db"},
		{"sqlite:////var/app.db", "database=/var/app.db", "sqlite:///var/app.db", "file:///var/app.db"},
		{"sqlite://localhost/var/app.db", "database=/var/app.db", "sqlite:///var/app.db", "file:///var/app.db"},
		{"sqlite:///%2Fserver/app.db", "database=//server/app.db", "sqlite:///%2Fserver/app.db", "file:////server/app.db"},
		{"sqlite:%2Fvar%2Fapp.db", "database=/var/app.db", "sqlite:///var/app.db", "file:///var/app.db"},
		{"sqlite:C:/data/app.db", "database=C:/data/app.db", "sqlite:C:/data/app.db", "file:C:/data/app.db"},
		{"sqlite::memory:", "database=:memory:", "sqlite::memory:", "file::memory:"},
		{"sqlite://:memory:", "database=:memory:", "sqlite::memory:", "file::memory:"},
		{"sqlite:///:memory:", "database=:memory:", "sqlite::memory:", "file::memory:"},
		{"file::memory:?cache=shared", "database=:memory: cache=shared", "sqlite::memory:?cache=shared", "file::memory:?cache=shared"},
		{"file:///:memory:", "database=/:memory:", "sqlite:///%3Amemory%3A", "file:///%3Amemory%3A"},
		{"file:tmp?mode=memory&cache=shared", "database=tmp mode=memory cache=shared", "sqlite:tmp?mode=memory&cache=shared", "file:tmp?mode=memory&cache=shared"},
		{":memory:", "database=:memory:", "sqlite::memory:", "file::memory:"},
		// bare paths are what they are
		{"app.db", "database=app.db", "sqlite:app.db", "file:app.db"},
		{"/var/My App.SQLite3", "database=/var/My App.SQLite3", "sqlite:///var/My%20App.SQLite3", "file:///var/My%20App.SQLite3"},
		{`C:\data\app.db`, `database=C:\data\app.db`, "sqlite:C:%5Cdata%5Capp.db", "file:C:%5Cdata%5Capp.db"},
		{"100%?#.db", "database=100%?#.db", "sqlite:100%25%3F%23.db", "file:100%25%3F%23.db"},
		// characters that mean something, or come in several bytes
		{"sqlite:a b.db", "database=a b.db", "sqlite:a%20b.db", "file:a%20b.db"},
		{"sqlite:///a%20b/c%3Fd%23e%25f+g&h=i.db", "database=/a b/c?d#e%f+g&h=i.db", "sqlite:///a%20b/c%3Fd%23e%25f%2Bg%26h%3Di.db", "file:///a%20b/c%3Fd%23e%25f%2Bg%26h%3Di.db"},
		{"sqlite:grüße-日本.db", "database=grüße-日本.db", "sqlite:gr%C3%BC%C3%9Fe-%E6%97%A5%E6%9C%AC.db", "file:gr%C3%BC%C3%9Fe-%E6%97%A5%E6%9C%AC.db"},
		{"sqlite:me@corp/app.db", "database=me@corp/app.db", "sqlite:me%40corp/app.db", "file:me%40corp/app.db"},
		{"sqlite:a%3Ab%40c.db", "database=a:b@c.db", "sqlite:a:b%40c.db", "file:a:b%40c.db"},
		{"sqlite:%ff.db", "database=\xff.db", "sqlite:%FF.db", "file:%FF.db"},
		// https://www.sqlite.org/uri.html
		{"file:data.db", "database=data.db", "sqlite:data.db", "file:data.db"},
		{"file:/home/fred/data.db", "database=/home/fred/data.db", "sqlite:///home/fred/data.db", "file:///home/fred/data.db"},
		{"file:///home/fred/data.db", "database=/home/fred/data.db", "sqlite:///home/fred/data.db", "file:///home/fred/data.db"},
		{"file://localhost/home/fred/data.db", "database=/home/fred/data.db", "sqlite:///home/fred/data.db", "file:///home/fred/data.db"},
		{"file:///C:/Documents%20and%20Settings/data.db", "database=/C:/Documents and Settings/data.db", "sqlite:///C%3A/Documents%20and%20Settings/data.db", "file:///C%3A/Documents%20and%20Settings/data.db"},
		{"file:data.db?mode=ro&cache=private", "database=data.db cache=private read_only=true", "sqlite:data.db?cache=private&read_only=true", "file:data.db?mode=ro&cache=private"},
		{"file:/home/fred/data.db?vfs=unix-dotfile", "database=/home/fred/data.db vfs=unix-dotfile", "sqlite:///home/fred/data.db?vfs=unix-dotfile", "file:///home/fred/data.db?vfs=unix-dotfile"},
		{"file:a.db?immutable=true&nolock=1&psow=0", "database=a.db immutable=1 nolock=1 psow=0", "sqlite:a.db?immutable=1&nolock=1&psow=0", "file:a.db?immutable=1&nolock=1&psow=0"},
		{"sqlite:a.db?read_only=true&mode=memory", "database=a.db mode=memory read_only=true", "sqlite:a.db?mode=memory&read_only=true", "file:a.db?mode=memory"},
	} {
		checkForm(t, tt.url, "engine=sqlite "+tt.says, tt.writes)
		if c, _ := Parse(tt.url); c.SQLiteURI() != tt.uri {
			t.Errorf("%s: SQLite is given %s, want %s", tt.url, c.SQLiteURI(), tt.uri)
		}
	}
	if got := (Config{Engine: MariaDB, Database: "app"}).SQLiteURI(); got != "" {
		t.Errorf("another engine's URI: %s", got)
	}
}

func TestParseReadsEveryNameOfAPragma(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ params, want string }{
		{"busy_timeout=5s", "busy_timeout=5000"},
		{"busy_timeout=2500", "busy_timeout=2500"},
		{"_busy_timeout=0", "busy_timeout=0"},
		{"_timeout=10", "busy_timeout=10"},
		{"_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)", "busy_timeout=5000 journal_mode=wal foreign_keys=on"},
		{"_pragma=synchronous=1", "synchronous=normal"},
		{"_fk=0&_journal=delete&_sync=FULL&_vacuum=1&_locking=EXCLUSIVE&_rt=on&_cslike=yes&_defer_fk=no", "auto_vacuum=full locking_mode=exclusive journal_mode=delete synchronous=full foreign_keys=off defer_foreign_keys=off recursive_triggers=on case_sensitive_like=on"},
		{"_foreign_keys=true&_journal_mode=Truncate&_synchronous=3&_secure_delete=fast&_query_only=1&_cache_size=-2000", "journal_mode=truncate synchronous=extra foreign_keys=on cache_size=-2000 secure_delete=fast query_only=on"},
		{"cache_size=64MB", "cache_size=-65536"},
		{"cache_size=2GiB", "cache_size=-2097152"},
		{"cache_size=+2000", "cache_size=2000"},
		{"temp_store=2&mmap_size=268435456&wal_autocheckpoint=0&journal_size_limit=-1&max_page_count=100&page_size=8192", "page_size=8192 mmap_size=268435456 temp_store=memory wal_autocheckpoint=0 journal_size_limit=-1 max_page_count=100"},
		// page_size and busy_timeout have to come before journal_mode, wherever they stand
		{"journal_mode=wal&page_size=512&busy_timeout=1s", "busy_timeout=1000 page_size=512 journal_mode=wal"},
		{"mode=rw&cache=shared&timeout=5s", ""},
	} {
		c, err := Parse("sqlite:app.db?" + tt.params)
		if err != nil {
			t.Errorf("%s: %v", tt.params, err)
			continue
		}
		var got []string
		for name, value := range c.Pragmas() {
			got = append(got, name+"="+value)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.params, strings.Join(got, " "), tt.want)
		}
		if again, err := Parse(c.URL().Reveal()); err != nil || !again.Equal(c) {
			t.Errorf("%s: not the same when written and read: %v", tt.params, err)
		}
	}
}

func TestPragmasYieldsOnlyWhatWasChecked(t *testing.T) {
	t.Parallel()
	c := Config{Engine: SQLite, Database: "app.db", Params: Params{}.
		Set("journal_mode", "wal; drop table t").Set("nonsense", "1").Set("synchronous", "FULL").Set("mode", "rw")}
	for name, value := range c.Pragmas() {
		if name != "synchronous" || value != "full" {
			t.Errorf("yields %s=%s", name, value)
		}
	}
	for range (Config{Engine: MariaDB, Params: c.Params}).Pragmas() {
		t.Error("yields a pragma for MariaDB")
	}
}

func TestParseNamesWhatIsWrongForSQLite(t *testing.T) {
	t.Parallel()
	const (
		unknown  = "isn't a parameter of an SQLite URL"
		noFile   = "database: has no file; write sqlite:app.db, or sqlite::memory: for a database in memory"
		noLogin  = "url: has what looks like a user and password, which SQLite has not; in the name of a file write %40 for @"
		onOrOff  = "has a wrong value; write on or off"
		mismatch = "has a wrong value; "
	)
	for _, tt := range []struct {
		url  string
		want []string
	}{
		{"sqlite:", []string{noFile}},
		{"sqlite://", []string{noFile}},
		{"file:?mode=memory", []string{noFile}},
		{"sqlite:data/", []string{"database: is a directory; add the name of the file"}},
		{"sqlite:data%2F", []string{"database: is a directory; add the name of the file"}},
		{"sqlite:a%00b.db", []string{"database: has a zero byte (%00) in it"}},
		{"sqlite:50%.db", []string{"database: has a % without two hexadecimal digits after it; write %25 for a %"}},
		{"sqlite:a#b.db", []string{"url: has a # in it, which would begin a fragment; write %23"}},
		{"file://darkstar/home/fred/data.db", []string{"host: is given for a file; write file:///path or file:path"}},
		{"sqlite://user:secret@host/app.db", []string{noLogin}},
		{"sqlite:///user:secret@host/app.db", []string{noLogin}},
		{"file:data.db?mode=readonly", []string{"mode: " + mismatch + "one of ro, rw, rwc, memory"}},
		{"sqlite:a.db?mode=rwc&read_only=true", []string{"mode: contradicts read_only"}},
		{"sqlite:a.db?mode=ro&read_only=true", []string{"read_only: is given twice"}},
		{"sqlite:a.db?busy_timeout=5s&_pragma=busy_timeout(1)", []string{"busy_timeout: is given twice"}},
		{"sqlite:a.db?jurnal_mode=wal", []string{"jurnal_mode: " + unknown + "; did you mean journal_mode?"}},
		{"sqlite:a.db?_busy_timout=5", []string{"_busy_timout: " + unknown + "; did you mean busy_timeout?"}},
		{"sqlite:a.db?max_open_con=5", []string{"max_open_con: " + unknown + "; did you mean max_open_conns?"}},
		{"sqlite:a.db?xyzzy=5", []string{"xyzzy: " + unknown}},
		{"sqlite:a.db?_read_only=1", []string{"_read_only: " + unknown + "; did you mean read_only?"}},
		{"sqlite:a.db?_pragma=optimize", []string{"_pragma: " + unknown + "; write _pragma=name(value) with one of the pragmas that a connection may set"}},
		{"sqlite:a.db?_pragma=cache(shared)", []string{"_pragma: " + unknown + "; write _pragma=name(value) with one of the pragmas that a connection may set"}},
		{"sqlite:a.db?_txlock=immediate", []string{"_txlock: " + unknown + "; leave it out: a writing transaction begins with BEGIN IMMEDIATE"}},
		{"sqlite:a.db?_auth_pass=secret", []string{"_auth_pass: " + unknown + "; SQLite has no users, passwords or keys"}},
		{"sqlite:a.db?busy_timeout=soon&foreign_keys=perhaps&journal_mode=fast&synchronous=4&cache_size=big&page_size=1&vfs=a%20b", []string{
			"busy_timeout: " + mismatch + "write 5s, or a number of milliseconds", "foreign_keys: " + onOrOff,
			"journal_mode: " + mismatch + "one of delete, truncate, persist, memory, wal, off",
			"synchronous: " + mismatch + "one of off, normal, full, extra",
			"cache_size: " + mismatch + "write 64MB, a number of pages, or a negative number of KiB",
			"page_size: " + mismatch + "a whole number from 512 to 65536", "vfs: " + mismatch + "a name of letters, digits, _, - and dots",
		}},
		{"sqlite:a.db?busy_timeout=-1", []string{"busy_timeout: " + mismatch + "write 5s, or a number of milliseconds"}},
		{"sqlite:a.db?busy_timeout=1us", []string{"busy_timeout: " + mismatch + "write 5s, or a number of milliseconds"}},
		{"sqlite:a.db?cache_size=-64MB", []string{"cache_size: " + mismatch + "write 64MB, a number of pages, or a negative number of KiB"}},
		{"sqlite:a.db?cache_size=3000000GB", []string{"cache_size: " + mismatch + "write 64MB, a number of pages, or a negative number of KiB"}},
	} {
		checkProblems(t, tt.url, tt.want)
	}
}

func TestEveryPragmaTakesWhatItsHintSays(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, q := range sqliteParams() {
		if q.name == "" || seen[q.name] {
			t.Fatalf("an empty or repeated entry: %q", q.name)
		}
		seen[q.name] = true
		values, ok := strings.CutPrefix(q.hint(), "one of ")
		if !ok {
			continue
		}
		for value := range strings.SplitSeq(values, ", ") {
			url := "sqlite:a.db?" + q.name + "=" + strings.ToUpper(value)
			c, err := Parse(url)
			if got, _ := c.Params.Get(q.name); err != nil || got != value && (value != "ro" || !c.ReadOnly) {
				t.Errorf("%s is read as %s, %v", url, says(c), err)
			}
		}
		if got, ok := q.check(fmt.Sprint("x", values)); ok {
			t.Errorf("%s takes nonsense as %s", q.name, got)
		}
	}
}
