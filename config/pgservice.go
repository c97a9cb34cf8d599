package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// service returns what libpq's connection service file has for the service of the parameter service or of PGSERVICE:
// https://www.postgresql.org/docs/current/libpq-pgservice.html
//
// The file is that of the parameter servicefile, of PGSERVICEFILE, or ~/.pg_service.conf; what isn't found there is looked for
// in pg_service.conf in the directory PGSYSCONFDIR. It is read here, and not with a library for INI files, because it
// is none: a value is everything behind the first =, quotes and ; included, and a space in front of the = is part of the key.
func (o outside) service(c Config) ([]native, error) {
	name, ok := c.Params.Get("service")
	p := problems{source: c.source("service")}
	if !ok {
		name, p.source = o.env("PGSERVICE"), "environment PGSERVICE"
	}
	if name == "" {
		return nil, nil
	}
	path, _ := c.Params.Get("servicefile")
	if path == "" {
		path = o.env("PGSERVICEFILE")
	}
	named := path != ""
	if !named {
		path = o.home(".pg_service.conf")
	}
	paths := []string{path}
	if dir := o.env("PGSYSCONFDIR"); dir != "" {
		paths = append(paths, filepath.Join(dir, "pg_service.conf"))
	}
	looked := ""
	for i, path := range paths {
		if path == "" {
			continue
		}
		text, _, err := o.read(path)
		if errors.Is(err, fs.ErrNotExist) && (!named || i > 0) {
			continue
		}
		if err != nil {
			p.add("service", "can't be read from its file: "+err.Error(), "")
			return nil, p.err()
		}
		list, found, err := parseService(text, name, "service file "+path)
		if found || err != nil {
			return list, err
		}
		looked += ", nor in " + path
	}
	p.add("service", "isn't defined"+strings.Replace(looked, ", nor", "", 1), "define it in ~/.pg_service.conf, or set PGSERVICEFILE")
	return nil, p.err()
}

// parseService returns what the first section of that name says.
func parseService(text, name, source string) (list []native, found bool, err error) {
	var all problems
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = trimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			if found {
				break
			}
			found = strings.HasPrefix(line[1:], name+"]")
			continue
		}
		if !found {
			continue
		}
		all.source = source + ":" + strconv.Itoa(number)
		key, value, ok := strings.Cut(line, "=")
		_, isSetting := findSetting(key)
		switch {
		case strings.HasPrefix(line, "ldap"):
			all.add("service", "is looked up by LDAP, which isn't supported", "")
		case !ok:
			all.add("service", "has a line that isn't key=value", "")
		case key == "service":
			all.add("service", "names another service", "write its parameters here")
		case !isName(key) || len(key) > 64 || isSetting:
			all.add("service", "has a key that isn't a parameter of libpq", "leave no space in front of the =")
		default:
			list = append(list, native{key: key, value: value, source: all.source})
		}
	}
	return list, found, all.err()
}
