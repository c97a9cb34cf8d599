package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestAPasswordIsLookedUpAsLibpqDoes(t *testing.T) {
	t.Parallel()
	const passwords = `# host:port:database:user:password
h:5432:d:me:first
h:5432:d:me:second
h:5433:*:me:port
localhost:*:d:me:local
/sock/et:5432:d:me:socket
e\:s\\c:*:*:*:esc\:aped\\:rest is ignored
a:*:*:*:several
b:*:*:*:several
c:*:*:*:another
u:*:me:me:no database is the user's
*:*:nix
*:*:*:last:x:y
`
	for _, tt := range []struct{ url, want, line string }{
		{"postgres://me@h/d", "first", "2"},
		{"postgres://me@h:5432/d", "first", "2"},
		{"postgres://me@h:5433/x", "port", "4"},
		{"postgres://you@h/d", "", ""},
		{"postgres://me@hx/d", "", ""},
		{"postgres://me@local/d", "", ""},
		{"postgres://me@/d", "local", "5"},
		{"postgres://me@/d?host=/var/run/postgresql", "local", "5"},
		{"postgres://me@/d?host=/sock/et", "socket", "6"},
		{"postgres://x@u/e", "", ""},
		{"postgres://me@u", "no database is the user's", "11"},
		{"postgres://@u", "no database is the user's", "11"},
		{"postgres://me@a,b/x", "several", "9"},
		{"postgres://last@z/x", "x", "13"},
	} {
		env := environ("HOME", "/home/me", "USER", "me")
		disk := files(fstest.MapFS{"home/me/.pgpass": private(strings.ReplaceAll(passwords, "\n", "\r\n"))})
		c, err := Load(t.Context(), env, disk, WithURL(tt.url))
		if err != nil || c.Password.Reveal() != tt.want {
			t.Errorf("%s: got %q, %v", tt.url, c.Password.Reveal(), err)
		}
		if want := "[redacted] (password file /home/me/.pgpass:" + tt.line + ")"; tt.want != "" && from(c, "password") != want {
			t.Errorf("%s: got %s", tt.url, from(c, "password"))
		}
	}
	if got, line := findPassword(passwords, [4]string{`e:s\c`, "1", "d", "u"}); got != `esc:aped\` || line != 7 {
		t.Errorf("got %q, %d", got, line)
	}
}

func TestAPasswordFileFillsOnlyWhatIsMissingAndIsPrivate(t *testing.T) {
	t.Parallel()
	disk := fstest.MapFS{"home/.pgpass": private("*:*:*:*:mine"), "other": private("h:*:*:*:other"), "shared": shared("*:*:*:*:hunter2"), "hosts": private("a:*:*:*:x")}
	url := WithURL("postgres://me@h/d")
	runNative(t, []nativeCase{
		{"home", []Option{url}, []string{"HOME", "/home"}, disk, map[string]string{"password": "[redacted] (password file /home/.pgpass:1)"}, nil},
		{"no home", []Option{url}, nil, disk, map[string]string{"password": ""}, nil},
		{"none there", []Option{url}, []string{"HOME", "/"}, disk, map[string]string{"password": ""}, nil},
		{"PGPASSFILE", []Option{url}, []string{"HOME", "/home", "PGPASSFILE", "/other"}, disk, map[string]string{"password": "[redacted] (password file /other:1)"}, nil},
		{"the parameter", []Option{WithURL("postgres://me@h/d?passfile=/other")}, []string{"PGPASSFILE", "/nix"}, disk, map[string]string{"password": "[redacted] (password file /other:1)"}, nil},
		{"PGPASSWORD goes before", []Option{url}, []string{"HOME", "/home", "PGPASSWORD", "x"}, disk, map[string]string{"password": "[redacted] (environment PGPASSWORD)"}, nil},
		{"the target that an argument makes", []Option{url, With(func(c *Config) { c.Host = "g" })}, []string{"PGPASSFILE", "/other"}, disk, map[string]string{"password": ""}, nil},
		{"a missing one is passed over", []Option{url}, []string{"PGPASSFILE", "/nix"}, disk, map[string]string{"password": ""}, nil},
		{"a shared one isn't", []Option{url}, []string{"PGPASSFILE", "/shared"}, disk, nil, []string{
			"config: password (from password file /shared): is in a file that the group or others can read; chmod 600 /shared",
		}},
		{"it isn't looked at without need", []Option{WithURL("postgres://me:x@h/d")}, []string{"PGPASSFILE", "/shared"}, disk, map[string]string{"password": "[redacted] (argument)"}, nil},
		{"nor for another engine", []Option{WithURL("mariadb://me@h/d")}, []string{"PGPASSFILE", "/shared"}, disk, map[string]string{"password": ""}, nil},
		{"a directory", []Option{url}, []string{"PGPASSFILE", "/home"}, disk, nil, []string{
			"config: password (from password file that PGPASSFILE names): can't be read from its file: it is a directory",
		}},
		{"several hosts of several passwords", []Option{WithURL("postgres://me@a,b/d")}, []string{"PGPASSFILE", "/hosts"}, disk, nil, []string{
			"config: password (from password file /hosts): isn't the same for each of the hosts; a configuration has one; give it by another way",
		}},
	})
}

func TestAPasswordInThePlaceOfItsFileIsNotShown(t *testing.T) {
	t.Parallel()
	disk := files(fstest.MapFS{"hunter2/x": private("")})
	for _, tt := range []struct{ path, url, env, want string }{
		{"missing", "postgres://me@h/d", "hunter3", "the one that PGPASSFILE names"},
		{"missing, by a parameter", "postgres://me@h/d?passfile=hunter3", "", "the one that the parameter passfile names"},
		{"a directory", "postgres://me@h/d", "hunter2", "password file that PGPASSFILE names"},
	} {
		logger, log := logged()
		_, err := Load(t.Context(), WithURL(tt.url), environ("PGPASSFILE", tt.env), disk, logger)
		said := log.String() + fmt.Sprint(err)
		if !strings.Contains(said, tt.want) {
			t.Errorf("%s: got %s", tt.path, said)
		}
		hides(t, tt.path, said, "hunter")
	}
}

func TestALookedUpPasswordDoesNotFollowToAnotherTarget(t *testing.T) {
	t.Parallel()
	env, disk := environ("PGPASSFILE", "/p"), files(fstest.MapFS{"p": private("h:*:*:*:of h\ng:*:*:*:of g\n")})
	base, err := Load(t.Context(), env, disk, WithURL("postgres://me@h/d"))
	if err != nil || base.Password.Reveal() != "of h" {
		t.Fatalf("got %q, %v", base.Password.Reveal(), err)
	}
	for host, want := range map[string]string{"g": "of g", "x": "", "h": "of h"} {
		c, err := base.Under(WithOverride(t.Context(), With(func(c *Config) { c.Host = host }), env, disk))
		if err != nil || c.Password.Reveal() != want {
			t.Errorf("%s: got %q, %v", host, c.Password.Reveal(), err)
		}
	}
	opens := 0
	counted := WithFiles(func(string) (fs.File, error) { opens++; return nil, fs.ErrNotExist })
	if _, err = base.Under(WithOverride(t.Context(), With(func(c *Config) { c.Timeout = time.Second }), counted)); err != nil || opens != 0 {
		t.Errorf("a call's time-out opened %d files, %v", opens, err)
	}
}

func TestAServiceFillsWhatIsMissing(t *testing.T) {
	t.Parallel()
	disk := fstest.MapFS{
		"home/.pg_service.conf": shared("# mine\n[other]\nhost=wrong\nno line\n\n  [shop]\nport=5433\nhost=db # no comment\n[shop]\nuser=second\n"),
		"sys/pg_service.conf":   shared("[shop]\nhost=sys\n[sys]\r\nhost=a,b\r\nport=1,2\r\npassword=\"p;w=1\"\r\nsslmode=require\r\n"),
		"named":                 shared("[shop]\ndbname=n\n[bad]\nhost =x\nservice=shop\nhunter2\ntimeout=5s\nldap://h\nsslmode=on\n"),
	}
	pg := WithEngine(PostgreSQL)
	home := []string{"HOME", "/home", "PGSYSCONFDIR", "/sys", "PGUSER", "env", "PGHOST", "env"}
	runNative(t, []nativeCase{
		{"a file with what is no comment", []Option{pg}, append([]string{"PGSERVICE", "shop"}, home...), disk, nil, []string{
			"config: host (from service file /home/.pg_service.conf:8): isn't a name, an address or the path of a socket",
		}},
		{"the system's", []Option{pg}, append([]string{"PGSERVICE", "sys"}, home...), disk, map[string]string{
			"host": "a (service file /sys/pg_service.conf:4)", "port": "1 (service file /sys/pg_service.conf:5)", "other_hosts": "b:2 (service file /sys/pg_service.conf:5)",
			"password": "[redacted] (service file /sys/pg_service.conf:6)", "sslmode": "require (service file /sys/pg_service.conf:7)",
			"user": "env (environment PGUSER)",
		}, nil},
		{"the parameter, and a file by its name", []Option{WithURL("postgres://h?service=shop")}, append([]string{"PGSERVICE", "nix", "PGSERVICEFILE", "/named"}, home...), disk, map[string]string{
			"host": "h (argument)", "database": "n (service file /named:2)", "service": "shop (argument)",
		}, nil},
		{"not there", []Option{pg}, append([]string{"PGSERVICE", "nix"}, home...), disk, nil, []string{
			"config: service (from environment PGSERVICE): isn't defined in /home/.pg_service.conf, nor in /sys/pg_service.conf; define it in ~/.pg_service.conf, or set PGSERVICEFILE",
		}},
		{"no files", []Option{pg}, []string{"PGSERVICE", "nix"}, disk, nil, []string{
			"config: service (from environment PGSERVICE): isn't defined; define it in ~/.pg_service.conf, or set PGSERVICEFILE",
		}},
		{"no such file", []Option{pg}, []string{"PGSERVICE", "shop", "PGSERVICEFILE", "/nix"}, disk, nil, []string{
			"config: service (from environment PGSERVICE): can't be read from its file: file does not exist",
		}},
		{"all that is wrong", []Option{pg}, []string{"PGSERVICE", "bad", "PGSERVICEFILE", "/named"}, disk, nil, []string{
			"config: service (from service file /named:4): has a key that isn't a parameter of libpq; leave no space in front of the =",
			"config: service (from service file /named:5): names another service; write its parameters here",
			"config: service (from service file /named:6): has a line that isn't key=value",
			"config: service (from service file /named:7): has a key that isn't a parameter of libpq; leave no space in front of the =",
			"config: service (from service file /named:8): is looked up by LDAP, which isn't supported",
		}},
	})
}

func TestOptionFilesAreReadAsMariaDBDoes(t *testing.T) {
	t.Parallel()
	maria := []Option{WithEngine(MariaDB)}
	home := []string{"HOME", "/home", "MYSQL_HOST", "env", "MYSQL_PWD", "env"}
	in := func(text string) fstest.MapFS { return fstest.MapFS{"home/.my.cnf": private(text)} }
	option := func(n string) string { return " (option file /home/.my.cnf:" + n + ")" }
	runNative(t, []nativeCase{
		{"the client's groups, in the order of the lines", maria, home, in("; mine\n[mysqld]\nuser=mysql\n[client]\nuser = me # comment\nhost=h\npassword=\"a#b\\\"c\"\n[ client-mariadb ]\nhost=h2\n[mysql]\nhost=x\n[mariadb-client]\ndatabase=d\nport=3307\nssl_ca=/ca\ndefault-character-set=utf8mb4\npager=less\n"), map[string]string{
			"user": "me" + option("5"), "password": "[redacted]" + option("7"), "host": "h2" + option("9"), "database": "d" + option("13"), "port": "3307" + option("14"),
			"ssl_ca": "/ca" + option("15"), "charset": "utf8mb4" + option("16"),
		}, nil},
		{"a socket where no host is said", []Option{WithURL("mariadb:///d")}, home[:2], in("[client-server]\nsocket=/run/s\nport=3307\n"), map[string]string{
			"host": "/run/s" + option("2"), "port": "",
		}, nil},
		{"and none where TCP is", maria, home[:2], in("[client]\nsocket=/run/s\nprotocol=TCP\nhost=localhost\n"), map[string]string{"host": "localhost" + option("4"), "port": "3306 (default)"}, nil},
		{"another user's password isn't taken", []Option{WithURL("mariadb://you@h/d")}, home[:2], in("[client]\npassword=x\nuser=me\n"), map[string]string{"password": "", "user": "you (argument)"}, nil},
		{"whoever's is", []Option{WithURL("mariadb://you@h/d")}, home[:2], in("[client]\npassword='x'\n"), map[string]string{"password": "[redacted]" + option("2")}, nil},
		{"later files go before earlier ones", maria, []string{"HOME", "/home", "MYSQL_HOME", "/opt"}, fstest.MapFS{
			"etc/my.cnf": shared("[client]\nhost=1\nport=1\nuser=etc\ndatabase=etc\n"), "etc/mysql/my.cnf": shared("[client]\nhost=2\nport=2\nuser=mysql\n"),
			"opt/my.cnf": shared("[client]\nhost=3\nport=3\n"), "home/.my.cnf": private("[client]\nhost=4\n"),
		}, map[string]string{
			"host": "4" + option("2"), "port": "3 (option file /opt/my.cnf:3)", "user": "mysql (option file /etc/mysql/my.cnf:4)", "database": "etc (option file /etc/my.cnf:5)",
		}, nil},
		{"includes", maria, home[:2], fstest.MapFS{
			"home/.my.cnf": private("!includedir /d\n!include /one\n[client]\nuser=me\n!include /nix\n! nonsense\n"),
			"one":          private("[client]\nhost=one\n"), "d/b.cnf": private("[client]\nport=2\n"), "d/a.cnf": private("[client]\nport=1\nhost=a\n"), "d/c.txt": private("[client]\nport=3\n"),
		}, map[string]string{"host": "one (option file /one:2)", "port": "2 (option file /d/b.cnf:2)", "user": "me" + option("4")}, nil},
		{"a file that includes itself", maria, home[:2], in("!include /home/.my.cnf\n!include /home/.my.cnf\n"), nil, []string{
			"config: my.cnf (from option file /home/.my.cnf): includes too many files; at most 10 deep, and 256 in all",
		}},
		{"all that is wrong", maria, home[:2], in("user=x\n[client\n[client]\nport=x\n"), nil, []string{
			"config: my.cnf (from option file /home/.my.cnf:1): has an option in front of the first group; write [client] above it",
			"config: my.cnf (from option file /home/.my.cnf:2): has a group without a ]",
		}},
		{"TLS, and switches", maria, home[:2], in("[client]\nssl\nssl-verify-server-cert=0\nloose-ssl_capath = /cas\nssl-crl=/crl\ntls-version=TLSv1.3\nhost=h\n[client-mariadb]\ndisable-ssl-verify-server-cert\nskip-ssl\n"), map[string]string{
			"ssl": "false" + option("10"), "ssl_verify_server_cert": "false" + option("9"), "ssl_capath": "/cas" + option("4"), "ssl_crl": "/crl" + option("5"), "tls_version": "TLSv1.3" + option("6"),
		}, nil},
		{"a wrong value", maria, home[:2], in("[client]\nhost=a b\n"), nil, []string{
			"config: host (from option file /home/.my.cnf:2): isn't a name, an address or the path of a socket",
		}},
	})
	for text, want := range map[string]string{
		"a": "a", ` "a b" `: "a b", `'a"b'`: `a"b`, `"a'`: `"a'`, `a\tb\sc\qd\\`: "a\tb c\\qd\\", `a\`: `a\`, "": "", `"`: `"`,
	} {
		if got := optionValue(text); got != want {
			t.Errorf("%s is read as %q, want %q", text, got, want)
		}
	}
}

func TestAnOptionThatIsNotUsedIsWarnedAbout(t *testing.T) {
	t.Parallel()
	logger, log := logged()
	disk := files(fstest.MapFS{"home/.my.cnf": private("[client]\nhost=h\nprompt=hunter2\npassword\nhunter 2=x\n[mysql]\npager=less\n")})
	if _, err := Load(t.Context(), WithEngine(MariaDB), disk, logger, environ("HOME", "/home")); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(log.String()), "\n")
	want := []string{
		`file=/home/.my.cnf:3 hint="prompt isn't one that a configuration has a place for"`,
		`file=/home/.my.cnf:4 hint="password isn't one that a configuration has a place for"`,
		`file=/home/.my.cnf:5 hint="a key isn't one that a configuration has a place for"`,
	}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if !strings.HasSuffix(got[i], want[i]) {
			t.Errorf("got %s, want %s", got[i], want[i])
		}
	}
	hides(t, "the log", log.String(), "hunter2")
}

func TestOptionFilesThatOthersCanReadOrWrite(t *testing.T) {
	t.Parallel()
	text := []byte("[client]\npassword=hunter2\nuser=me\n")
	for mode, want := range map[fs.FileMode]struct {
		password bool
		warning  string
	}{0o600: {true, ""}, 0o644: {true, "can be read by others"}, 0o666: {false, "ignored"}} {
		logger, log := logged()
		c, err := Load(t.Context(), environ("HOME", "/"), files(fstest.MapFS{".my.cnf": {Data: text, Mode: mode}}), logger, WithURL("mariadb://me@h/d"))
		if err != nil || c.Password.IsZero() == want.password {
			t.Errorf("%o: the password is there: %v, %v", mode, !c.Password.IsZero(), err)
		}
		if got := log.String(); !strings.Contains(got, want.warning) || want.warning == "" && got != "" {
			t.Errorf("%o: got %q", mode, got)
		}
		hides(t, "the warning", log.String(), "hunter2")
	}
}

func FuzzFindPassword(f *testing.F) {
	f.Add("h:1:d:u:p\n", "h", "1", "d", "u", `p\:`)
	f.Add("*:*:*:*:x\\:y\n#\n\\", `a:\b`, "", "", "*", "")
	f.Fuzz(func(t *testing.T, text, host, port, database, user, password string) {
		target := [4]string{host, port, database, user}
		found, line := findPassword(text, target)
		if n := strings.Count(text, "\n") + 1; line > n || line == 0 && found != "" || len(found) > len(text) {
			t.Errorf("line %d of %d: %q", line, n, found)
		}
		entry := ""
		for _, field := range append(target[:], password) {
			if strings.ContainsAny(field, "\r\n") {
				t.Skip()
			}
			entry += strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(field) + ":"
		}
		if strings.HasPrefix(entry, "#") {
			t.Skip()
		}
		if got, _ := findPassword("# "+text[:0]+"\n"+entry+"\n"+text, target); got != password {
			t.Errorf("%q has %q for %q", entry, got, target)
		}
	})
}

func FuzzParseService(f *testing.F) {
	f.Add("[s]\nhost=h\nport=1\n[t]\n", "port", "55")
	f.Add("[s\n=\n[s]=x\n ldap", "application_name", "\"'#;=")
	f.Add("[s]\nsslmode=require\nuser=u\n", "password", "abcdef")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		list, found, err := parseService(text, "s", "x")
		if !found && (len(list) > 0 || err != nil) {
			t.Errorf("not found, but %v, %v", list, err)
		}
		const url = "postgres://h?service=s&servicefile=/f"
		if c, ok := loadFuzzed(t, WithURL(url), fstest.MapFS{"f": private(text)}); ok {
			for _, n := range list { // of a key that is given twice, the first is taken, as in libpq
				if _, said := c.Params.Get(n.key); !said && n.value != "" && lostOfParam(postgresDialect{}, n.key, n.value, c) != nil && n.key != "host" &&
					!slices.ContainsFunc(list, func(o native) bool { return o.key == n.key && o.value != n.value }) {
					t.Errorf("%q has lost %q: %s", text, n.key, says(c))
				}
			}
		}
		if strings.ContainsAny(value, "\r\n") || trimSpace(value) != value {
			t.Skip()
		}
		if list, _, err = parseService("[a]\nx\n[s]\nkey="+value+"\n[b]\ny", "s", "x"); err != nil || len(list) != 1 || list[0].value != value {
			t.Errorf("%q is read as %v, %v", value, list, err)
		}
		if value = plant(value); harmless(key) || key == "host" || key == "port" || key == "user" || key == "dbname" || !isName(key) || strings.Contains(text, "[q") {
			t.Skip()
		}
		text += "\n[q]\n" + key + "=" + value + "\n"
		c, err := Load(t.Context(), WithURL("postgres://h?service=q&servicefile=/f"), environ(), files(fstest.MapFS{"f": private(text)}))
		if err == nil && lostOfParam(postgresDialect{}, key, value, c) != nil && value != "" && key != "service" && key != "servicefile" {
			t.Errorf("%q has lost %q: %s", text, key, says(c))
		}
		shows(t, fmt.Sprintf("%v %+v %#v %v %+v", err, err, err, c, c.Explain()), value, text[:len(text)-len(value)-2], key+" ")
	})
}

func FuzzOptionFile(f *testing.F) {
	f.Add("[client]\nuser=me # x\npassword='a\\tb'\n!include /f\n!includedir /\nhost=h\n", "port", "a#\"b'\\")
	f.Add("[client\n[]\n=\n[client]\n\"=\\", "ssl_passphrase", "abcdef")
	f.Add("[client]\nssl\nskip-ssl-verify-server-cert\nloose_tls-version=1\nsocket=/s\nprompt=x", "loose-Database", "12")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		loadFuzzed(t, WithEngine(MariaDB), fstest.MapFS{"etc/my.cnf": private(text), "f": private(text), "a.cnf": private(text)})
		if strings.ContainsAny(value, "\x00") {
			t.Skip()
		}
		quoted := func(value string) string {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(value) + `"`
		}
		r := &optionReader{values: map[string]native{}}
		if r.option("password = "+quoted(value)+" # comment", ""); r.values["password"].value != value {
			t.Errorf("%q is read as %q", quoted(value), r.values["password"].value)
		}
		planted := plant(value)
		if !isName(key) || strings.Contains(text, "!") {
			t.Skip() // the file would be included by itself
		}
		logger, log := logged()
		whole := text + "\n[client]\n" + key + "=" + quoted(value) + "\npassword=" + quoted(planted) + "\n"
		c, err := Load(t.Context(), WithURL("mariadb:///"), environ("HOME", "/h"), files(fstest.MapFS{"h/.my.cnf": private(whole)}), logger)
		if err == nil && planted != "" && c.Password.Reveal() != planted {
			t.Errorf("%q has lost the password: %s", whole, says(c))
		}
		name := strings.TrimPrefix(strings.ReplaceAll(key, "_", "-"), "loose-")
		last := "file=/h/.my.cnf:" + strconv.Itoa(strings.Count(whole, "\n")-1)
		switch name {
		case "host", "port", "socket", "protocol", "password": // one may stand for another
		case "user", "database":
			if err == nil && value != "" && c.Map()[name] != value {
				t.Errorf("%q has lost %q: %s", whole, name, says(c))
			}
		default:
			_, kept := c.Params.Get(strings.ReplaceAll(strings.Replace(name, "default-character-set", "charset", 1), "-", "_"))
			if warned := strings.Contains(log.String(), last+" "); err == nil && value != "" && kept == warned && value != "auto" {
				t.Errorf("%q: %q is kept: %v, and warned about: %v", whole, name, kept, warned)
			}
		}
		shows(t, fmt.Sprintf("%v %+v %#v %v %+v %s", err, err, err, c, c.Explain(), log), planted, text, key, value)
	})
}

// loadFuzzed loads with a file that may hold anything, and looks at what comes of it.
func loadFuzzed(t *testing.T, opt Option, disk fstest.MapFS) (c Config, ok bool) {
	t.Helper()
	quiet, _ := logged()
	c, err := Load(t.Context(), opt, environ(), files(disk), quiet)
	if err == nil {
		if err = c.Validate(); err != nil {
			t.Errorf("what was loaded isn't valid: %v", err)
		}
		return c, true
	}
	if _, ok := errors.AsType[*FieldError](err); !ok {
		t.Errorf("the error is a %T: %v", err, err)
	}
	return c, false
}
