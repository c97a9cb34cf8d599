package config

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what my.cnf includes. The depth is MariaDB's own.
const (
	maxIncludeDepth = 10
	maxIncludeFiles = 256
)

// An optionReader reads the option files of MariaDB's clients as MariaDB does
// (https://mariadb.com/kb/en/configuring-mariadb-with-option-files/, and its mysys/my_default.c). They aren't read with a
// library for INI files, because they are none: groups are merged in the order of the lines, files include others, - and _
// are one in a name, and quotes, backslashes and # within a value have rules of their own.
type optionReader struct {
	outside
	problems
	files  int
	stop   bool
	values map[string]native
}

// optionFile returns what the option files say to clients: the last of a key, as there. Keys are normalized.
func (o outside) optionFile() (map[string]native, error) {
	r := &optionReader{outside: o, values: map[string]native{}}
	home := o.env("MARIADB_HOME")
	fillText(&home, o.env("MYSQL_HOME"))
	paths := []string{"/etc/my.cnf", "/etc/mysql/my.cnf"}
	if home != "" {
		paths = append(paths, filepath.Join(home, "my.cnf"))
	}
	if path := o.home(".my.cnf"); path != "" {
		paths = append(paths, path)
	}
	for _, path := range paths {
		r.file(path, 0)
	}
	return r.values, r.err()
}

// file reads one file; a file that isn't there or may not be read is passed over, as there.
func (r *optionReader) file(path string, depth int) {
	r.source = "option file " + path
	if r.files++; r.stop {
		return
	}
	if depth > maxIncludeDepth || r.files > maxIncludeFiles {
		r.found, r.stop = nil, true // what else was found may be one thing many times
		r.add("my.cnf", "includes too many files", "at most "+strconv.Itoa(maxIncludeDepth)+" deep, and "+strconv.Itoa(maxIncludeFiles)+" in all")
		return
	}
	text, mode, err := r.read(path)
	if err != nil {
		return
	}
	if isOpen(mode, 0o002) {
		r.warn("an option file that everybody can write is ignored, as MariaDB does", path, "chmod o-w "+path)
		return
	}
	exposed := ""
	if isOpen(mode, others) {
		exposed = path
	}
	group, ours, number := false, false, 0
	for line := range strings.Lines(text) {
		if number++; r.stop {
			return
		}
		r.source = "option file " + path + ":" + strconv.Itoa(number)
		line = trimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '!':
			r.include(trimSpace(line[1:]), depth)
		case line[0] == '[':
			name, _, ok := strings.Cut(line[1:], "]")
			if !ok {
				r.add("my.cnf", "has a group without a ]", "")
			}
			group, ours = true, isClientGroup(trimSpace(name))
		case !group:
			r.add("my.cnf", "has an option in front of the first group", "write [client] above it")
		case ours:
			r.option(line, exposed)
		}
	}
}

// isClientGroup reports whether MariaDB's client library or its client reads a group of options.
func isClientGroup(name string) bool {
	switch name {
	case "client", "client-server", "client-mariadb", "mariadb-client":
		return true
	}
	return false
}

func (r *optionReader) include(directive string, depth int) {
	if dir, ok := argument(directive, "includedir"); ok {
		for _, name := range r.list(dir) {
			r.file(filepath.Join(dir, name), depth+1)
		}
	} else if path, ok := argument(directive, "include"); ok {
		r.file(path, depth+1)
	}
}

func argument(directive, name string) (string, bool) {
	rest, ok := strings.CutPrefix(directive, name)
	if !ok || rest == "" || rest[0] != ' ' && rest[0] != '\t' {
		return "", false
	}
	return trimSpace(rest), true
}

// list returns the option files in a directory, in the order of their names.
func (r *optionReader) list(dir string) (names []string) {
	f, err := r.outside.file(dir)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // nothing was written
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil
	}
	entries, err := d.ReadDir(maxIncludeFiles * 4)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".cnf") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// option keeps an option of a client if a Config has a place for it, and warns of any other.
func (r *optionReader) option(line, exposed string) {
	key, value, ok := strings.Cut(withoutComment(line), "=")
	key = strings.TrimPrefix(strings.ReplaceAll(trimSpace(key), "_", "-"), "loose-")
	if !ok {
		key, value, ok = switched(key)
	}
	switch key {
	case "host", "port", "socket", "protocol", "user", "password", "database":
	case "connect-timeout", "ssl", "ssl-ca", "ssl-capath", "ssl-cert", "ssl-cipher", "ssl-crl", "ssl-crlpath", "ssl-fp", "ssl-fplist",
		"ssl-key", "ssl-mode", "ssl-passphrase", "ssl-verify-server-cert", "tls-version":
		key = strings.ReplaceAll(key, "-", "_")
	case "default-character-set":
		key = "charset"
	default:
		ok = false
	}
	if !ok { // a password to ask for is one of these, too
		at := strings.TrimPrefix(r.source, "option file ")
		r.warn("an option isn't used", at, shownKey(key)+" isn't one that a configuration has a place for")
		return
	}
	value = optionValue(value)
	if key == "charset" && value == "auto" {
		return // the terminal's
	}
	r.values[key] = native{key: key, value: value, source: r.source, exposed: exposed}
}

// switched returns the value of an option that stands without one: ssl, skip-ssl. ok is false for one that isn't a switch.
func switched(option string) (key, value string, ok bool) {
	key, value = option, "true"
	for _, no := range [...]string{"skip-", "disable-"} {
		if after, found := strings.CutPrefix(option, no); found {
			key, value = after, "false"
		}
	}
	return key, value, key == "ssl" || key == "ssl-verify-server-cert"
}

// withoutComment cuts off what follows a # outside of quotes.
func withoutComment(line string) string {
	quote, escaped := byte(0), false
	for i := range len(line) {
		switch c := line[i]; {
		case (c == '\'' || c == '"') && !escaped && quote == 0:
			quote = c
		case (c == '\'' || c == '"') && !escaped && quote == c:
			quote = 0
		case c == '#' && quote == 0:
			return line[:i]
		}
		escaped = quote != 0 && line[i] == '\\' && !escaped
	}
	return line
}

// optionValue removes the quotes and reads what a backslash stands for.
func optionValue(s string) string {
	s = trimSpace(s)
	if n := len(s); n > 1 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		s = s[1 : n-1]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if at := strings.IndexByte(`ntrbs"'\`, s[i]); at >= 0 {
			b.WriteByte("\n\t\r\b \"'\\"[at])
		} else {
			b.Write([]byte{'\\', s[i]})
		}
	}
	return b.String()
}
