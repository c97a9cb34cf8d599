package config

import (
	"errors"
	"strings"
	"testing"
)

// says returns a Config's values as "key=value" lines without its settings' sources, the password revealed.
func says(c Config) string {
	var list []string
	for _, e := range c.entries() {
		list = append(list, strings.TrimPrefix(e.key, paramPrefix)+"="+strings.ReplaceAll(e.raw, "\x00", "|"))
	}
	return strings.Join(list, " ")
}

// problemsOf returns "key: problem; hint" of each error.
func problemsOf(t *testing.T, err error) []string {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v, want an errors.Join", err)
	}
	var list []string
	for _, err := range joined.Unwrap() {
		f, ok := errors.AsType[*FieldError](err)
		if !ok {
			if more, ok := err.(interface{ Unwrap() []error }); ok {
				list = append(list, problemsOf(t, errors.Join(more.Unwrap()...))...)
				continue
			}
			t.Fatalf("got a %T in the list, want *FieldError", err)
		}
		list = append(list, strings.TrimSuffix(f.Key+": "+f.Problem+"; "+f.Hint, "; "))
	}
	return list
}

func TestParseReadsEveryForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, says, writes string }{
		// https://www.postgresql.org/docs/current/libpq-connect.html
		{"postgresql://", "engine=postgres", "postgres://"},
		{"postgresql://localhost", "engine=postgres host=localhost", "postgres://localhost"},
		{"postgresql://localhost:5433", "engine=postgres host=localhost port=5433", "postgres://localhost:5433"},
		{"postgresql://localhost/mydb", "engine=postgres host=localhost database=mydb", "postgres://localhost/mydb"},
		{"postgresql://user@localhost", "engine=postgres host=localhost user=user", "postgres://user@localhost"},
		{"postgresql://user:secret@localhost", "engine=postgres host=localhost user=user password=secret", "postgres://user:secret@localhost"},
		{
			"postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp",
			"engine=postgres host=localhost database=otherdb user=other connect_timeout=10 application_name=myapp",
			"postgres://other@localhost/otherdb?connect_timeout=10&application_name=myapp",
		},
		{
			"postgresql://host1:123,host2:456/somedb?target_session_attrs=any",
			"engine=postgres host=host1 port=123 other_hosts=host2:456 database=somedb target_session_attrs=any",
			"postgres://host1:123,host2:456/somedb?target_session_attrs=any",
		},
		{"postgresql:///mydb?host=localhost&port=5433", "engine=postgres host=localhost port=5433 database=mydb", "postgres://localhost:5433/mydb"},
		{"postgresql://[2001:db8::1234]/database", "engine=postgres host=2001:db8::1234 database=database", "postgres://[2001:db8::1234]/database"},
		{"postgresql:///dbname?host=/var/lib/postgresql", "engine=postgres host=/var/lib/postgresql database=dbname", "postgres:///dbname?host=/var/lib/postgresql"},
		{"postgresql://%2Fvar%2Flib%2Fpostgresql/dbname", "engine=postgres host=/var/lib/postgresql database=dbname", "postgres:///dbname?host=/var/lib/postgresql"},
		{
			"postgresql://user@localhost:5433/mydb?options=-c%20synchronous_commit%3Doff",
			"engine=postgres host=localhost port=5433 database=mydb user=user options=-c synchronous_commit=off",
			"postgres://user@localhost:5433/mydb?options=-c%20synchronous_commit%3Doff",
		},
		// others for PostgreSQL
		{"postgres://:5433/db", "engine=postgres port=5433 database=db", "postgres://:5433/db"},
		{"postgres://?port=5433", "engine=postgres port=5433", "postgres://:5433"},
		{"postgres://h:5433?dbname=a%2Fb&user=u&password=p%40", "engine=postgres host=h port=5433 database=a/b user=u password=p@", "postgres://u:p%40@h:5433/a%2Fb"},
		{"postgres:///?host=/run/pg,h2,::1&port=1,,3", "engine=postgres host=/run/pg port=1 other_hosts=h2,[::1]:3", "postgres:///?host=/run/pg,h2,::1&port=1,,3"},
		{"postgres://%40abstract/db", "engine=postgres host=@abstract database=db", "postgres:///db?host=%40abstract"},
		{"postgres://[fe80::1%25eth0]:5432/db", "engine=postgres host=fe80::1%eth0 port=5432 database=db", "postgres://[fe80::1%25eth0]:5432/db"},
		{"POSTGRES://h/db", "engine=postgres host=h database=db", "postgres://h/db"},
		{"postgres://u%3A:%3A%2F%3F%23%5B%5D%40+%25@h/d%C3%BC", "engine=postgres host=h database=dü user=u: password=:/?#[]@+%", "postgres://u%3A:%3A%2F%3F%23%5B%5D%40%2B%25@h/d%C3%BC"},
		{"postgres://u:p@ss@h/db", "engine=postgres host=h database=db user=u password=p@ss", "postgres://u:p%40ss@h/db"},
		{"postgres://:p@h", "engine=postgres host=h password=p", "postgres://:p@h"},
		{"postgres://u:@h", "engine=postgres host=h user=u", "postgres://u@h"},
		{"postgres://h/db?&sslmode=verify-full&", "engine=postgres host=h database=db sslmode=verify-full", "postgres://h/db?sslmode=verify-full"},
		{"postgres://dü.example/db", "engine=postgres host=dü.example database=db", "postgres://d%C3%BC.example/db"},

		// MariaDB and MySQL
		{"mariadb://app:pw@db.example:3307/shop?charset=utf8mb4", "engine=mariadb host=db.example port=3307 database=shop user=app password=pw charset=utf8mb4", "mariadb://app:pw@db.example:3307/shop?charset=utf8mb4"},
		{"mysql://root@localhost/shop", "engine=mariadb host=localhost database=shop user=root", "mariadb://root@localhost/shop"},
		{"mariadb://h1:3306,h2,h3:3308/db", "engine=mariadb host=h1 port=3306 other_hosts=h2,h3:3308 database=db", "mariadb://h1:3306,h2,h3:3308/db"},
		{"mariadb://localhost:3306/DB?user=root&password=myPassword", "engine=mariadb host=localhost port=3306 database=DB user=root password=myPassword", "mariadb://root:myPassword@localhost:3306/DB"},
		{"mysql://u@localhost/db?unix_socket=/run/mysqld/mysqld.sock", "engine=mariadb host=/run/mysqld/mysqld.sock database=db user=u", "mariadb://u@/db?socket=/run/mysqld/mysqld.sock"},
		{"mysql://u@%2Frun%2Fmysqld.sock/db", "engine=mariadb host=/run/mysqld.sock database=db user=u", "mariadb://u@/db?socket=/run/mysqld.sock"},
		{"mariadb://?socket=/s", "engine=mariadb host=/s", "mariadb:///?socket=/s"},

		// https://www.mongodb.com/docs/manual/reference/connection-string/
		{
			"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@mongodb0.example.com:27017/?authSource=admin",
			"engine=mongodb host=mongodb0.example.com port=27017 user=myDatabaseUser password=D1fficultP@ssw0rd authSource=admin",
			"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@mongodb0.example.com:27017/?authSource=admin",
		},
		{
			"mongodb://db0.example.com:27017,db1.example.com:27017,db2.example.com:27017/?replicaSet=myRepl",
			"engine=mongodb host=db0.example.com port=27017 other_hosts=db1.example.com:27017,db2.example.com:27017 replicaSet=myRepl",
			"mongodb://db0.example.com:27017,db1.example.com:27017,db2.example.com:27017/?replicaSet=myRepl",
		},
		{
			"mongodb+srv://myDatabaseUser:D1fficultP%40ssw0rd@cluster0.example.mongodb.net/?retryWrites=true&w=majority",
			"engine=mongodb host=cluster0.example.mongodb.net srv=true user=myDatabaseUser password=D1fficultP@ssw0rd retryWrites=true w=majority",
			"mongodb+srv://myDatabaseUser:D1fficultP%40ssw0rd@cluster0.example.mongodb.net/?retryWrites=true&w=majority",
		},
		{"mongodb://%2Ftmp%2Fmongodb-27017.sock", "engine=mongodb host=/tmp/mongodb-27017.sock", "mongodb://%2Ftmp%2Fmongodb-27017.sock/"},
		{
			"mongodb://h?readPreferenceTags=dc:ny,rack:1&readPreferenceTags=dc:ny&readPreferenceTags=",
			"engine=mongodb host=h readPreferenceTags=dc:ny,rack:1|dc:ny|",
			"mongodb://h/?readPreferenceTags=dc:ny,rack:1&readPreferenceTags=dc:ny&readPreferenceTags=",
		},

		// the settings, which every engine takes
		{
			"postgres://h?max_open_conns=20&max_idle_conns=0&min_conns=0&conn_max_lifetime=90m&conn_max_idle_time=0&acquire_timeout=1500ms" +
				"&leak_threshold=off&timeout=1m30s&slow_threshold=1us&retry_attempts=1&retry_base_delay=5ms&retry_max_delay=1h&read_only=on",
			"engine=postgres host=h max_open_conns=20 max_idle_conns=off conn_max_lifetime=1h30m conn_max_idle_time=off acquire_timeout=1.5s " +
				"leak_threshold=off timeout=1m30s slow_threshold=1us retry_attempts=1 retry_base_delay=5ms retry_max_delay=1h read_only=true",
			"postgres://h?max_open_conns=20&max_idle_conns=off&conn_max_lifetime=1h30m&conn_max_idle_time=off&acquire_timeout=1.5s" +
				"&leak_threshold=off&timeout=1m30s&slow_threshold=1us&retry_attempts=1&retry_base_delay=5ms&retry_max_delay=1h&read_only=true",
		},
	} {
		checkForm(t, tt.url, tt.says, tt.writes)
	}
}

func checkForm(t *testing.T, url, want, writes string) {
	t.Helper()
	c, err := Parse(url)
	if err != nil {
		t.Errorf("%s: %v", url, err)
		return
	}
	if got := says(c); got != want {
		t.Errorf("%s\n got %s\nwant %s", url, got, want)
	}
	if got := c.URL().Reveal(); got != writes {
		t.Errorf("%s\n is written %s\n      want %s", url, got, writes)
	}
	again, err := Parse(c.URL().Reveal())
	if err != nil || !again.Equal(c) {
		t.Errorf("%s: not the same when written and read: %s, %v", url, says(again), err)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("%s: was read, but isn't valid: %v", url, err)
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	const encode = "in a user, password or parameter write %40 for @, %2F for / and %3F for ?"
	for _, tt := range []struct {
		url  string
		want []string
	}{
		{"", []string{"url: is empty"}},
		{"postgres://h/db\n", []string{"url: has a line break or another control character in it; remove it, or write it as %XX"}},
		{" sqlite:app.db", []string{"url: begins or ends with a space; remove it"}},
		{`"sqlite:app.db"`, []string{"url: begins with a quotation mark; remove the quotes"}},
		{"app", []string{"url: has no scheme; write sqlite:app.db, postgres://…, mariadb://… or mongodb://…"}},
		{"app.db?mode=ro", []string{"url: has no scheme; write sqlite:app.db, postgres://…, mariadb://… or mongodb://…"}},
		{"postgrse://h", []string{"url: has the unknown scheme postgrse; did you mean postgres?"}},
		{"postgresql+psycopg2://h", []string{"url: has the unknown scheme postgresql+psycopg2; did you mean postgresql?"}},
		{"oracle://h", []string{"url: has the unknown scheme oracle; write sqlite:app.db, postgres://…, mariadb://… or mongodb://…"}},
		{"root:pw@tcp(db:3306)/shop", []string{"url: is a DSN of go-sql-driver/mysql, and not a URL; write mariadb://user:password@host:3306/database"}},
		{"host=db dbname=shop", []string{"url: is a list of keywords, and not a URL; write postgres://user:password@host:5432/database"}},
		{"postgres:h/db", []string{"url: has no // behind the scheme; write postgres://user:password@host/database"}},
		{"postgres://u:p#x@h/db", []string{"url: has a # in it, which would begin a fragment; write %23"}},
		{"postgres://u:p/x@h/db", []string{"url: has an @ behind the host; " + encode}},
		{"postgres://u:12?x@h/db", []string{"url: has an @ behind the host; " + encode}},
		{"postgres://u:%zz@h/db", []string{"password: has a % without two hexadecimal digits after it; write %25 for a %"}},
		{"postgres://u:p%4@h/db", []string{"password: has a % without two hexadecimal digits after it; write %25 for a %"}},
		{"postgres://u%00@h/db", []string{"user: has a zero byte (%00) in it"}},
		{"postgres://u:secret/db", []string{"port: isn't a number from 1 to 65535; if a password is in the way, write its @ as %40, : as %3A, / as %2F and ? as %3F"}},
		{"postgres://h:0", []string{"port: isn't a number from 1 to 65535; if a password is in the way, write its @ as %40, : as %3A, / as %2F and ? as %3F"}},
		{"postgres://h:65536", []string{"port: isn't a number from 1 to 65535; if a password is in the way, write its @ as %40, : as %3A, / as %2F and ? as %3F"}},
		{"postgres://2001:db8::1/db", []string{"host: has more than one colon; write an IPv6 address in brackets: [::1]:5432; in a user or password write %3A for : and %40 for @"}},
		{"postgres://[::1/db", []string{"host: has brackets that don't end before the port; write [::1]:5432"}},
		{"postgres://[::1]x/db", []string{"host: has brackets that don't end before the port; write [::1]:5432"}},
		{"postgres://[localhost]/db", []string{"host: has brackets around what isn't an IPv6 address"}},
		{"postgres://%2Ftmp%2Fa%2Cb/db", []string{"host: isn't a name, an address or the path of a socket"}},
		{"postgres://[fe80::1%25a%2Fb]/db", []string{"host: isn't a name, an address or the path of a socket"}},
		{"postgres://[1.2.3.4]/db", []string{"host: has brackets around what isn't an IPv6 address"}},
		{"postgres://a b/db", []string{"host: isn't a name, an address or the path of a socket"}},
		{"postgres://a%3Ab/db", []string{"host: has a colon in it"}},
		{"postgres://a,/db", []string{"host: is empty in a list of several"}},
		{"postgres://h/a/b", []string{"database: has a / in it; write %2F if that belongs to its name"}},
		{"postgres://h/?host=x", []string{"host: is given twice; the host is in front of the parameters already"}},
		{"postgres://h:1/?port=2", []string{"port: is given twice; the port is in front of the parameters already"}},
		{"postgres://h/?port=1,2", []string{"port: lists another number of ports than there are hosts"}},
		{"postgres:///?host=", []string{"host: is empty"}},
		{"postgres://u:p@h/d?user=x&password=y&dbname=z", []string{
			"user: is given twice; it is in front of the host already", "password: is given twice; it is in front of the host already",
			"dbname: is given twice; the name of the database is in front of the parameters already",
		}},
		{"postgres://h?sslmode=full", []string{"sslmode: has a wrong value; one of disable, allow, prefer, require, verify-ca, verify-full"}},
		{"postgres://h?a=1&a=1", []string{"a: is given twice"}},
		{"postgres://h?secret", []string{"url: has a parameter that isn't name=value"}},
		{"postgres://h?a%20b=1", []string{"url: has a parameter whose name isn't made of letters, digits, _, - and dots, at most 64"}},
		{"postgres://h?a=%", []string{"a: has a % without two hexadecimal digits after it; write %25 for a %"}},
		{"mariadb://h/db?socket=/s", []string{"socket: is given as well as a host; leave the host out"}},
		{"mariadb:///db?socket=s", []string{"socket: isn't an absolute path"}},
		{"mongodb://", []string{"host: is missing"}},
		{"mongodb+srv://h:27017", []string{"host: isn't a single name without a port, which mongodb+srv needs"}},
		{"mongodb+srv://h,h2", []string{"host: isn't a single name without a port, which mongodb+srv needs"}},
		// everything at once
		{
			"postgres://h?max_open_conns=0&max_idle_conns=x&conn_max_lifetime=5&timeout=-1s&slow_threshold=0&leak_threshold=soon&retry_attempts=0&retry_base_delay=0s&read_only=maybe",
			[]string{
				"max_open_conns: is less than 1", "max_idle_conns: isn't a whole number",
				"conn_max_lifetime: has no unit; write 5s, 200ms or 1h30m", "timeout: isn't longer than nothing; off switches it off, and 1ns is the shortest",
				"slow_threshold: isn't longer than nothing; off switches it off, and 1ns is the shortest",
				"leak_threshold: isn't a duration; write it as 5s, 200ms or 1h30m", "retry_attempts: is less than 1",
				"retry_base_delay: isn't longer than nothing", "read_only: is neither true nor false; write true or false",
			},
		},
		{"postgres://h?max_open_conns=5&min_conns=6&max_idle_conns=7&retry_base_delay=2s&retry_max_delay=1s", []string{
			"min_conns: is more than max_open_conns, which is 5", "max_idle_conns: is more than max_open_conns, which is 5",
			"retry_base_delay: is more than retry_max_delay, which is 1s",
		}},
		{"postgres://h?max_idle_conns=off&min_conns=2", []string{"min_conns: asks for connections that max_idle_conns forbids"}},
		{"postgres://h?max_idle_conns=1&min_conns=2", []string{"min_conns: is more than max_idle_conns, which is 1"}},
	} {
		checkProblems(t, tt.url, tt.want)
	}
}

func checkProblems(t *testing.T, url string, want []string) {
	t.Helper()
	c, err := Parse(url)
	if err == nil {
		t.Errorf("%s was read as %s", url, says(c))
		return
	}
	if got := problemsOf(t, err); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\n got %q\nwant %q", url, got, want)
	}
	if !c.Equal(Config{}) {
		t.Errorf("%s: a Config came with the error: %s", url, says(c))
	}
}

func TestRedactedNamesTheTargetAndNothingElse(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://u:secret@h:5432,h2/db?sslmode=require&timeout=5s": "postgres://u:*****@h:5432,h2/db",
		"postgres://u:secret@/db?host=/run/pg&sslpassword=x":          "postgres://u:*****@/db?host=/run/pg",
		"mariadb://u:secret@/db?socket=/run/x":                        "mariadb://u:*****@/db?socket=/run/x",
		"mongodb+srv://u:secret@h/?w=1":                               "mongodb+srv://u:*****@h/",
		"sqlite:a%20b.db?journal_mode=wal":                            "sqlite:a%20b.db",
	} {
		c, err := Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		if c.Redacted() != want || c.String() != want || c.LogValue().String() != want {
			t.Errorf("%s: got %s", url, c.Redacted())
		}
	}
	if got := (Config{}).Redacted(); got != "no database" {
		t.Errorf("an empty Config: %s", got)
	}
}

func TestAMistypedSettingOfPostgresIsNamed(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"max_open_con": "max_open_conns", "application_nam": "application_name", "statement_timeot": "statement_timeout", "serch_path": "search_path",
		"slow_treshold": "slow_threshold", "TimeZon": "TimeZone", "timezone": "", "datestyle": "", "role": "", "temp_buffers": "", "transaction_timeout": "",
		"deadlock_timeout": "", "log_timezone": "", "default_transaction_deferrable": "", "work_mem": "", "app.tenant": "", "geqo": "", "sslcert": "", "hash_mem_multiplier": "",
		"connect_timeout": "", "keepalives": "", "pool_max_conns": "", "tcp_user_timeout": "", "idle_session_timeout": "", "maintenance_work_mem": "",
	} {
		_, err := Parse("postgres://h/db?" + key + "=1")
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasSuffix(err.Error(), "did you mean "+want+"?")) {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
	}
	if _, err := Parse("mongodb://h/db?application_nam=1"); err != nil {
		t.Error(err)
	}
}
