package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

const shopFile = `x-pool: &pool
  max_open_conns: 20
  timeout: 5s
development:
  primary: {url: "sqlite:dev.db?timeout=1s", read_only: false}
production:
  primary:
    <<: *pool
    engine: postgres
    host: db.internal
    port: 5433
    other_hosts: [db2, "[::1]:1"]
    database: shop
    user: app
    password_file: secret
    params: {sslmode: verify-full, connect_timeout: 10}
    timeout: 7s
    slow_threshold: "off"
    max_idle_conns: 0
  primary_replica:
    url: postgres://app@replica/shop
    password: hunter2
    params:
      application_name: cart
    replica: true
  cache: {engine: sqlite, database: ":memory:", params: {_fk: 1, mode: ro}}
  docs: {engine: mongodb, host: h, srv: true, params: {readPreferenceTags: ["a:1", "b:2"]}}
  bare:
    <<: *pool
staging:
`

func TestTheFileNamesDatabasesForEachEnvironment(t *testing.T) {
	t.Parallel()
	disk := fstest.MapFS{
		"plinth.yaml": shared(shopFile), "etc/app/db.yaml": shared(shopFile), "etc/app/secret": private("s3cret\n"), "secret": private("other\n"),
		"broken.yaml": shared("development: {primary: {url: 'sqlite:x.db', timeot: 5s}}"),
	}
	production := []string{"PLINTH_ENV", "production"}
	runNative(t, []nativeCase{
		{"the default", nil, nil, disk, map[string]string{
			"database": "dev.db (file plinth.yaml:5)", "timeout": "1s (file plinth.yaml:5)", "name": "", "max_open_conns": "", "read_only": "",
		}, nil},
		{"fields, merged settings and a secret beside the file", []Option{WithFile("/etc/app/db.yaml")}, production, disk, map[string]string{
			"engine": "postgres (file /etc/app/db.yaml:9)", "host": "db.internal (file /etc/app/db.yaml:10)", "port": "5433 (file /etc/app/db.yaml:11)",
			"other_hosts": "db2:5432,[::1]:1 (default)", "database": "shop (file /etc/app/db.yaml:13)", "user": "app (file /etc/app/db.yaml:14)",
			"password": "[redacted] (file /etc/app/db.yaml:15)", "sslmode": "verify-full (file /etc/app/db.yaml:16)", "connect_timeout": "10 (file /etc/app/db.yaml:16)",
			"max_open_conns": "20 (file /etc/app/db.yaml:2)", "timeout": "7s (file /etc/app/db.yaml:17)", "slow_threshold": "off (file /etc/app/db.yaml:18)",
			"max_idle_conns": "off (file /etc/app/db.yaml:19)", "retry_attempts": "4 (default)",
		}, nil},
		{"a replica", []Option{WithName("primary_replica")}, production, disk, map[string]string{
			"name": "primary_replica (argument)", "host": "replica (file plinth.yaml:21)", "password": "[redacted] (file plinth.yaml:22)",
			"application_name": "cart (file plinth.yaml:24)", "read_only": "true (file plinth.yaml:25)",
		}, nil},
		{"SQLite's parameters", []Option{WithName("cache")}, production, disk, map[string]string{
			"database": ":memory: (file plinth.yaml:26)", "foreign_keys": "on (file plinth.yaml:26)", "read_only": "true (file plinth.yaml:26)",
		}, nil},
		{"MongoDB's", []Option{WithName("docs")}, production, disk, map[string]string{
			"srv": "true (file plinth.yaml:27)", "readPreferenceTags": "a:1,b:2 (file plinth.yaml:27)", "port": "",
		}, nil},
		{"the environment's URL takes the file's settings, and no secrets", nil, append([]string{"DATABASE_URL", "postgres://h/d?timeout=2s"}, production...), fstest.MapFS{"plinth.yaml": shared(shopFile)}, map[string]string{
			"host": "h (environment DATABASE_URL)", "user": "", "password": "", "sslmode": "", "other_hosts": "", "timeout": "2s (environment DATABASE_URL)",
			"max_open_conns": "20 (file plinth.yaml:2)",
		}, nil},
		{"settings only", []Option{WithName("bare")}, append([]string{"BARE_DATABASE_URL", "postgres://h/d"}, production...), disk, map[string]string{
			"host": "h (environment BARE_DATABASE_URL)", "max_open_conns": "20 (file plinth.yaml:2)",
		}, nil},
		{"an argument's URL takes nothing", []Option{WithURL("sqlite:a.db"), WithFile("/broken.yaml")}, nil, disk, map[string]string{"timeout": "off (default)"}, nil},
		{"native sources fill", nil, append([]string{"PGAPPNAME", "x", "PGSSLMODE", "require"}, production...), disk, map[string]string{
			"application_name": "x (environment PGAPPNAME)", "sslmode": "verify-full (file plinth.yaml:16)", "password": "[redacted] (file plinth.yaml:15)",
		}, nil},
		{"a byte order mark", nil, nil, fstest.MapFS{"plinth.yaml": shared("\ufeffdevelopment: {primary: {url: 'sqlite:bom.db'}}")}, map[string]string{"database": "bom.db (file plinth.yaml:1)"}, nil},
		{"PLINTH_CONFIG", nil, []string{"PLINTH_CONFIG", "/etc/app/db.yaml"}, disk, map[string]string{"database": "dev.db (file /etc/app/db.yaml:5)"}, nil},
		{"a default isn't needed", []Option{WithDefaultURL("sqlite:x.db"), WithFile("")}, nil, disk, map[string]string{"database": "dev.db (file plinth.yaml:5)"}, nil},
		{"a default is", []Option{WithDefaultURL("sqlite:x.db")}, []string{"PLINTH_ENV", "staging"}, disk, map[string]string{"database": "x.db (default)"}, nil},
		{"no such file", []Option{WithFile("/nix")}, []string{"DATABASE_URL", "sqlite:x.db"}, disk, nil, []string{"config: file (from argument): can't be read: file does not exist"}},
		{"no such file either", nil, []string{"PLINTH_CONFIG", "/nix"}, disk, nil, []string{"config: file (from environment PLINTH_CONFIG): can't be read: file does not exist"}},
		{"no such section", nil, []string{"PLINTH_ENV", "pproduction"}, disk, nil, []string{
			"config: url (from environment DATABASE_URL): no database is named, and plinth.yaml has no section pproduction; did you mean production?",
		}},
		{"no such database", []Option{WithName("cahce")}, production, disk, nil, []string{
			"config: url (from environment CAHCE_DATABASE_URL): isn't set, and plinth.yaml has no cahce in its section production; did you mean cache?",
		}},
		{"a database without a target", []Option{WithName("bare")}, production, disk, nil, []string{
			"config: url (from environment BARE_DATABASE_URL): isn't set, and bare in plinth.yaml has neither url nor engine; set it to the database's URL, for instance sqlite:bare.db",
		}},
		{"an unreadable secret", []Option{WithFile("/broken/x.yaml")}, production, fstest.MapFS{"broken/x.yaml": shared(shopFile)}, nil, []string{
			"config: password (from file /broken/x.yaml:15:20): can't be read from its file: file does not exist; give the path of a file that holds the password",
		}},
	})
	c, err := Load(WithOverride(t.Context(), WithName("cache")), environ(production...), files(disk))
	if err != nil || from(c, "database") != ":memory: (file plinth.yaml:26)" {
		t.Errorf("an override's name finds %s, %v", from(c, "database"), err)
	}
}

func TestNamesAreThoseOfTheSectionInUse(t *testing.T) {
	t.Parallel()
	disk := files(fstest.MapFS{"plinth.yaml": shared(shopFile), "broken.yaml": shared("development: {primary: {timeot: 5s}}")})
	for _, tt := range []struct {
		opts []Option
		want []string
		err  string
	}{
		{[]Option{environ()}, []string{"primary"}, ""},
		{[]Option{environ("PLINTH_ENV", "production")}, []string{"primary", "primary_replica", "cache", "docs", "bare"}, ""},
		{[]Option{environ("PLINTH_ENV", "staging")}, nil, ""},
		{[]Option{environ("PLINTH_ENV", "nix")}, nil, ""},
		{[]Option{environ(), files(fstest.MapFS{})}, nil, ""},
		{[]Option{environ(), WithFile("/nix")}, nil, "config: file (from argument): can't be read: file does not exist"},
		{[]Option{environ("PLINTH_CONFIG", "/broken.yaml")}, nil, "config: timeot (from file /broken.yaml:1:25): isn't a key of a database; did you mean timeout?"},
	} {
		names, err := Names(append([]Option{disk}, tt.opts...)...)
		if !slices.Equal(names, tt.want) || err == nil != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("got %q, %v; want %q, %s", names, err, tt.want, tt.err)
		}
	}
}

func TestTheFileTellsAllThatIsWrongAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string // without "config: "
	}{
		{"keys", "production:\n  primary:\n    enigne: sqlite\n    max_conns: 5\n    timeot: hunter2\n    hunter2 x: y\n", []string{
			"enigne (from file plinth.yaml:3:5): isn't a key of a database; did you mean engine?",
			"max_conns (from file plinth.yaml:4:5): isn't a key of a database; did you mean min_conns?",
			"timeot (from file plinth.yaml:5:5): isn't a key of a database; did you mean timeout?",
			"a key (from file plinth.yaml:6:5): isn't a key of a database",
		}},
		{"another encoding", "development:\n  primary:\n    engine: postgres\n    password: hunter2\xe9\n", []string{
			"yaml (from file plinth.yaml:4:1): isn't UTF-8; save it as UTF-8; a password of other bytes goes into a password_file",
		}},
		{"values", `development:
  primary:
    engine: postgres
    host: a b
    port: "5432"
    other_hosts: [h, 1, 'h:x']
    password: 12345
    params: {sslmode: on, x: {y: z}, host: h, timeout: 5s}
    replica: yes
    timeout: 5
    max_open_conns: many
    min_conns: -1
    read_only: "true"
`, []string{
			"host (from file plinth.yaml:4:5): isn't a name, an address or the path of a socket",
			"port (from file plinth.yaml:5:5): isn't a whole number; write it without quotes",
			"other_hosts (from file plinth.yaml:6:22): isn't a list of texts; write host:port",
			"port (from file plinth.yaml:6:25): isn't a number from 1 to 65535; if a password is in the way, write its @ as %40, : as %3A, / as %2F and ? as %3F",
			"password (from file plinth.yaml:7:5): isn't a text; put a number or a word of YAML's in quotes",
			"replica (from file plinth.yaml:9:5): is neither true nor false; write true or false",
			"sslmode (from file plinth.yaml:8:14): has a wrong value; one of disable, allow, prefer, require, verify-ca, verify-full",
			"x (from file plinth.yaml:8:27): isn't a single value",
			"host (from file plinth.yaml:8:38): is a key of its own; move it out of params",
			"timeout (from file plinth.yaml:8:47): is a setting; move it out of params",
			"timeout (from file plinth.yaml:10:5): has no unit; write 5s, 200ms or 1h30m",
			"max_open_conns (from file plinth.yaml:11:5): isn't a whole number; write it without quotes",
			"min_conns (from file plinth.yaml:12:5): is less than 0",
			"read_only (from file plinth.yaml:13:5): is neither true nor false; write true or false",
		}},
		{"what goes together", `a:
  url: {url: 'sqlite:x.db?timeout=1s', timeout: 2s, host: h, password: x}
  two: {url: 'postgres://u:hunter2@h', password: hunter2, password_file: x}
  none: {host: h, port: 1, user: u}
  replica: {url: 'sqlite:x.db', replica: true, read_only: false}
  sqlite: {engine: sqlite, user: u}
  other: {engine: mysql}
  wrong: {url: 'postgres://u:12/hunter2@h'}
  many: {url: 'postgres://h', min_conns: 50}
`, []string{
			"host (from file plinth.yaml:2:53): is given as well as url, which says it; leave one out",
			"timeout (from file plinth.yaml:2:40): is given twice; the url has it already",
			"password (from file plinth.yaml:3:50): is given twice; the url has it already",
			"password_file (from file plinth.yaml:3:74): is given as well as a password; leave one out",
			"host (from file plinth.yaml:4:10): is given without an engine; add engine: one of sqlite, postgres, mariadb, mongodb",
			"read_only (from file plinth.yaml:5:48): contradicts replica; leave it out",
			"database (from file plinth.yaml:6:3): has no file; write sqlite:app.db, or sqlite::memory: for a database in memory",
			"engine (from file plinth.yaml:7:11): isn't known; one of sqlite, postgres, mariadb, mongodb",
			"url (from file plinth.yaml:8): has an @ behind the host; in a user, password or parameter write %40 for @, %2F for / and %3F for ?",
			"min_conns (from file plinth.yaml:9): is more than max_open_conns, which is 10",
			"min_conns (from file plinth.yaml:9): is more than max_idle_conns, which is 10",
		}},
		{"shape", "development:\n  url: sqlite:x.db\n  orders: x\nproduction: hunter2\na b: {}\nempty:\n", []string{
			"url (from file plinth.yaml:2:3): isn't a database, but a value; a file has sections, a section has databases by name: write primary: above it, and indent",
			"orders (from file plinth.yaml:3:3): isn't a database, but a value; indent what belongs to it below",
			"production (from file plinth.yaml:4:1): isn't a section, but a value; indent what belongs to it below",
			"a key (from file plinth.yaml:5:1): isn't made of letters, digits, _, - and dots",
		}},
		{"no mapping", "hunter2", []string{"yaml (from file plinth.yaml:1:1): has a value where a section is expected; write a name with a colon, and indent what belongs to it"}},
		{"syntax", "development:\n  primary:\n    password: \"hunter2\n", []string{
			"yaml (from file plinth.yaml:3:15): isn't valid YAML: could not find end character of double-quoted text; look at the indentation there, and put quotes around a value with : or # in it",
		}},
		{"twice", "development:\n  primary:\n    timeout: 1s\n    timeout: 1s\n    hunter2 x: 1\n    hunter2 x: 1\n", []string{
			"timeout (from file plinth.yaml:4:5): is there twice", "a key (from file plinth.yaml:6:5): is there twice",
		}},
		{"aliases, merges, tags and documents", "a: {b: *nix}\nb: &b {<<: *b}\nc: {<<: 1}\nd: {e: {user: !hunter2 x}}\n---\nx: {}\n", []string{
			"yaml (from file plinth.yaml:1:8): has an alias without an anchor in front of it",
			"yaml (from file plinth.yaml:2:12): has an alias without an anchor in front of it",
			"yaml (from file plinth.yaml:2:7): merges what isn't a mapping",
			"yaml (from file plinth.yaml:3:4): merges what isn't a mapping",
			"yaml (from file plinth.yaml:4:15): has a tag, which means nothing here; remove it",
			"yaml (from file plinth.yaml:6:2): has a second document; remove it",
		}},
		{"depth", strings.Repeat("[", 50_000), []string{"yaml (from file plinth.yaml:1:1): nests too deeply"}},
		{"size", strings.Repeat("# comment\n", 7000), []string{"yaml (from file plinth.yaml:1:1): is larger than 64 KiB"}},
		{"depth in lines", strings.Repeat("[\n", 200), []string{"yaml (from file plinth.yaml:101:1): nests too deeply"}},
	} {
		c, err := Load(t.Context(), environ("DATABASE_URL", "sqlite:fine.db"), files(fstest.MapFS{"plinth.yaml": shared(tt.text)}))
		got := lines(err)
		for i, line := range got {
			got[i] = strings.TrimPrefix(line, "config: ")
		}
		if err == nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %s\n%s\nwant\n%s", tt.name, c, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
		hides(t, tt.name, fmt.Sprintf("%v %+v %q", err, err, err), "hunter2")
		problemsOf(t, err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add(shopFile, "s3cr")
	f.Add("development: {primary: {url: 'sqlite:x.db', params: {_fk: 1}}}", "a: b #c")
	f.Add("development:\n  primary: {url: 'postgres://h:1/d?timeout=5s&sslmode=require', password: x, params: {dbname: d}, replica: true, retry_attempts: 3}\n", "abcd")
	f.Add("development:\n  primary: {engine: mariadb, host: h, other_hosts: [a], srv: false, params: {socket: /s, user: u}, max_idle_conns: off}\n", "ab'cd")
	f.Add("development:\n  primary: &a {engine: postgres, password: |\n    x\n, ? [] : *a, <<: [*a, {}], port: 0x10, timeout: !!str 5}\n", "- [")
	f.Fuzz(func(t *testing.T, text, password string) {
		quiet, log := logged()
		disk := files(fstest.MapFS{"plinth.yaml": private(text)})
		_, err := Load(t.Context(), environ("DATABASE_URL", "sqlite:x.db"), disk, quiet)
		if _, ok := errors.AsType[*FieldError](err); err != nil && !ok {
			t.Errorf("the error is a %T: %v", err, err)
		}
		if c, err := Load(t.Context(), environ(), disk, quiet); err == nil {
			section, _ := readYAML(&problems{}, "", text).get(DefaultSection)
			database, _ := section.value.get(primary)
			if lost := lostOfDatabase(database.value, c); lost != nil {
				t.Errorf("%s, in\n%s\n, has lost %q", says(c), text, lost)
			}
		}
		if password = plant(password); len(password) < 4 || strings.ContainsAny(password, "'\n\r\x00") || !utf8.ValidString(password) {
			t.Skip()
		}
		whole := text + "\nqq:\n  primary:\n    password: '" + password + "'\n    engine: postgres\n" // in a file that is otherwise anything
		c, err := Load(t.Context(), environ("PLINTH_ENV", "qq"), files(fstest.MapFS{"plinth.yaml": private(whole)}), quiet)
		if err == nil && c.Password.Reveal() != password {
			t.Errorf("the password %q is read as %q", password, c.Password.Reveal())
		}
		shows(t, fmt.Sprintf("%v %+v %#v %v %+v %s", err, err, err, c, c.Explain(), log), password, text)
	})
}

func TestADefaultDoesNotHideThatAFileLacksTheSection(t *testing.T) {
	t.Parallel()
	disk := fstest.MapFS{"plinth.yaml": shared("production: {primary: {url: 'sqlite:x.db'}}")}
	runNative(t, []nativeCase{
		{"another section", []Option{WithDefaultURL("sqlite:default.db")}, nil, disk, nil, []string{
			"config: url (from environment DATABASE_URL): no database is named, and plinth.yaml has no section development; PLINTH_ENV chooses the section",
		}},
		{"no file", []Option{WithDefaultURL("sqlite:default.db")}, nil, nil, map[string]string{"database": "default.db (default)"}, nil},
	})
}
