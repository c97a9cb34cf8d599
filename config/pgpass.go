package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// passfileSource begins the source of a password that was looked up for one target, and is no other's.
const passfileSource = "password file "

// passfile returns c with the password that libpq's password file has for it, if it has none:
// https://www.postgresql.org/docs/current/libpq-pgpass.html
//
// The file is that of the parameter passfile, of PGPASSFILE, or ~/.pgpass. Where libpq ignores a file that the group or
// others can read, this is an error, for the refused login that would follow says nothing of the file.
func (o outside) passfile(c Config) (Config, error) {
	if c.Engine != PostgreSQL || !c.Password.IsZero() {
		return c, nil
	}
	path, _ := c.Params.Get("passfile")
	by := "the parameter passfile"
	if path == "" {
		path, by = o.env("PGPASSFILE"), "PGPASSFILE"
	}
	named := path != ""
	if !named {
		if path = o.home(".pgpass"); path == "" {
			return c, nil
		}
	}
	p := problems{source: passfileSource + path}
	text, mode, err := o.read(path)
	if named && err != nil { // it may be the password itself
		p.source = passfileSource + "that " + by + " names"
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && named:
		o.warn("the password file doesn't exist", "the one that "+by+" names", "create it, or unset what names it")
		return c, nil
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		p.add("password", "can't be read from its file: "+err.Error(), "")
	case !mode.IsRegular():
		p.add("password", "is in what isn't a plain file", "")
	case isOpen(mode, 0o077):
		p.add("password", "is in a file that the group or others can read", "chmod 600 "+path)
	}
	if err := p.err(); err != nil {
		return c, err
	}
	password, line, ok := c.passwordIn(text, o.env("USER"))
	if !ok {
		p.add("password", "isn't the same for each of the hosts", "a configuration has one; give it by another way")
		return c, p.err()
	}
	if password == "" {
		return c, nil
	}
	before := c
	c.Password = NewSecret(password)
	return c.tracked(before, passfileSource+path+":"+strconv.Itoa(line)), nil
}

// home returns a file in the user's home directory, "" where there is none.
func (o outside) home(name string) string {
	home := o.env("HOME")
	if home == "" {
		return ""
	}
	return filepath.Join(home, name)
}

// passwordIn returns the password that text has for c's hosts, and its line. ok is false if they have several. me is the
// user of the operating system, who logs in where none is said; the database's name is then the user's.
func (c *Config) passwordIn(text, me string) (password string, line int, ok bool) {
	user, database := c.User, c.Database
	fillText(&user, me)
	fillText(&database, user)
	addresses := c.Addresses()
	if len(addresses) == 0 {
		addresses = []Address{{}}
	}
	for i, a := range addresses {
		host, port := a.Host, strconv.Itoa(a.Port)
		if host == "" || host == "/tmp" || host == "/var/run/postgresql" { // where libpq, as it comes and in Debian, has its socket
			host = "localhost"
		}
		if a.Port == 0 {
			port = "5432"
		}
		found, at := findPassword(text, [...]string{host, port, database, user})
		if i > 0 && found != password {
			return "", 0, false
		}
		password, line = found, max(line, at)
	}
	return password, line, true
}

// findPassword returns the password of the first line that matches host, port, database and user.
func findPassword(text string, target [4]string) (password string, line int) {
next:
	for entry := range strings.Lines(text) {
		line++
		entry = strings.TrimRight(entry, "\r\n")
		if strings.HasPrefix(entry, "#") {
			continue
		}
		for _, want := range target {
			var ok bool
			if entry, ok = matchField(entry, want); !ok {
				continue next
			}
		}
		return unescapeField(entry), line
	}
	return "", 0
}

// matchField returns what stands behind the first field of entry if that is want or the wildcard. A backslash makes the
// character behind it an ordinary one.
func matchField(entry, want string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(entry, "*:"); ok {
		return rest, true
	}
	for i, j := 0, 0; i < len(entry); i, j = i+1, j+1 {
		if entry[i] == ':' && j == len(want) {
			return entry[i+1:], true
		}
		if entry[i] == '\\' {
			i++
		}
		if i == len(entry) || j == len(want) || entry[i] != want[j] {
			break
		}
	}
	return "", false
}

// unescapeField returns the last field, which ends at a colon that has no backslash.
func unescapeField(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && s[i] != ':'; i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// sameTarget reports whether a password that was looked up for o is also c's.
func (c *Config) sameTarget(o *Config) bool {
	return c.Engine == o.Engine && c.Host == o.Host && c.Port == o.Port && c.Database == o.Database && c.User == o.User &&
		slices.Equal(c.OtherHosts, o.OtherHosts)
}
