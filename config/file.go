package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// DefaultFile is the configuration's file where neither WithFile nor PLINTH_CONFIG names one. It may be missing.
const DefaultFile = "plinth.yaml"

// DefaultSection is the section of the file that is read where PLINTH_ENV doesn't name one.
const DefaultSection = "development"

// primary is the database of the file that is meant where none is named, as in Rails.
const primary = "primary"

// WithFile names the configuration's file, which then has to be there. An empty path says nothing. See Schema for what is
// in it:
//
//	x-pool: &pool          # keys that begin with x- are for anchors
//	  max_open_conns: 20
//
//	development:           # PLINTH_ENV chooses; this is the default
//	  primary:             # the database of Load without WithName
//	    url: sqlite:dev.db
//
//	production:
//	  primary:
//	    <<: *pool
//	    engine: postgres
//	    host: db.internal
//	    database: shop
//	    user: app
//	    password_file: /run/secrets/db  # relative to this file
//	    params: {sslmode: verify-full}
//	    slow_threshold: 500ms
//	  primary_replica:     # WithName("primary_replica")
//	    url: postgres://app@replica.internal/shop
//	    replica: true      # is only read from: read_only
//
// A database is given by its url, or by engine, host, port, other_hosts, srv, database and user; to both may be added
// password or password_file, params for the driver, and the settings by the names that they have in a URL. One with
// settings only waits for the environment to say which database it is: DATABASE_URL takes the settings of primary, ORDERS_DATABASE_URL
// those of orders. Variables aren't replaced: ${X} is text.
//
// All sections are checked, whichever is used. An unknown key is an error.
func WithFile(path string) Option {
	return func(l *layer) {
		if path != "" {
			l.outside.path = path
		}
	}
}

// Names returns the names of the databases that the configuration's file has in the section in use (PLINTH_ENV), in its order:
// those that WithName takes, primary among them. Those with settings only are there, too. It is empty where there is no file.
// Of opts, WithFile, WithEnviron and WithFiles count. The error is that of Load: the whole file is checked.
func Names(opts ...Option) ([]string, error) {
	f, err := newLayer("argument", opts).outside.configFile()
	if f == nil || err != nil {
		return nil, err
	}
	section, _ := f.root.get(f.section)
	names := make([]string, len(section.value.pairs))
	for i, database := range section.value.pairs {
		names[i] = database.key
	}
	return names, nil
}

// A configFile is a file that was read and checked.
type configFile struct {
	path    string
	section string // the one in use
	root    node
}

// configFile returns nil where there is no file.
func (o outside) configFile() (*configFile, error) {
	path, source := o.path, "argument"
	if path == "" {
		path, source = o.env("PLINTH_CONFIG"), "environment PLINTH_CONFIG"
	}
	named := path != ""
	if !named {
		path = DefaultFile
	}
	text, _, err := o.read(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && !named {
			return nil, nil
		}
		if !named {
			source = "file " + path
		}
		p := problems{source: source}
		p.add("file", "can't be read: "+err.Error(), "")
		return nil, p.err()
	}
	f := &configFile{path: path, section: o.env("PLINTH_ENV")}
	fillText(&f.section, DefaultSection)
	var p problems
	f.root = readYAML(&p, path, text)
	if len(p.found) == 0 {
		f.check(&p)
	}
	return f, p.err()
}

// check looks at every database of every section.
func (f *configFile) check(p *problems) {
	f.each(p, f.root, "a section", func(section pair) {
		if strings.HasPrefix(section.key, "x-") {
			return
		}
		f.each(p, section.value, "a database", func(database pair) {
			e := entryReader{problems: p, file: f, outside: nil}
			e.read(database)
		})
	})
}

// each calls fn for what a mapping has that should hold named mappings. Nothing at all is as good as an empty one.
func (f *configFile) each(p *problems, n node, what string, fn func(pair)) {
	if n.kind == isNull {
		return
	}
	if n.kind != isMapping {
		p.source = f.at(n.line, n.column)
		p.add("yaml", "has a value where "+what+" is expected", "write a name with a colon, and indent what belongs to it")
		return
	}
	for _, pair := range n.pairs {
		p.source = f.at(pair.line, pair.column)
		switch {
		case strings.HasPrefix(pair.key, "x-") && what == "a section":
		case !isName(pair.key):
			p.add("a key", "isn't made of letters, digits, _, - and dots", "")
		case pair.value.kind == isNull:
		case pair.value.kind != isMapping:
			hint := "indent what belongs to it below"
			if _, ok := findField(pair.key); ok || pair.key == "url" {
				hint = "a file has sections, a section has databases by name: write " + primary + ": above it, and indent"
			}
			p.add(shownKey(pair.key), "isn't "+what+", but a value", hint)
		default:
			fn(pair)
		}
	}
}

// at is the source of what stands at a place of the file.
func (f *configFile) at(line, column int) string {
	return fmt.Sprintf("file %s:%d:%d", f.path, line, column)
}

// database returns what the section in use has of that name, nothing where it has none. Files with secrets are read from
// o, unless that is nil.
func (f *configFile) database(name string, o *outside) (Config, error) {
	if f == nil {
		return Config{}, nil
	}
	var p problems
	section, _ := f.root.get(f.section)
	database, _ := section.value.get(orPrimary(name))
	if database.value.kind != isMapping {
		return Config{}, nil
	}
	e := entryReader{problems: &p, file: f, outside: o}
	return e.read(database), p.err()
}

func orPrimary(name string) string {
	if name == "" {
		return primary
	}
	return name
}

// lacksSection reports whether there is a file with other sections than the one that is asked for.
func (f *configFile) lacksSection() bool {
	if f == nil || len(f.root.pairs) == 0 {
		return false
	}
	_, ok := f.root.get(f.section)
	return !ok
}

// lacks says in what way the file doesn't have a database, "" where there is no file or it has that one without a target.
func (f *configFile) lacks(name string) (problem, hint string) {
	if f == nil {
		return "", ""
	}
	name = orPrimary(name)
	section, ok := f.root.get(f.section)
	if !ok {
		return ", and " + f.path + " has no section " + shownKey(f.section), f.hint(f.section, f.root, "PLINTH_ENV chooses the section")
	}
	if _, ok := section.value.get(name); !ok {
		return ", and " + f.path + " has no " + name + " in its section " + shownKey(f.section), f.hint(name, section.value, "")
	}
	return ", and " + name + " in " + f.path + " has neither url nor engine", ""
}

func (f *configFile) hint(word string, n node, otherwise string) string {
	hint := didYouMean(word, func(yield func(string) bool) {
		for _, p := range n.pairs {
			if !strings.HasPrefix(p.key, "x-") && !yield(p.key) {
				return
			}
		}
	})
	fillText(&hint, otherwise)
	return hint
}

func (n node) get(key string) (pair, bool) {
	for _, p := range n.pairs {
		if p.key == key {
			return p, true
		}
	}
	return pair{}, false
}

// beside returns a path as seen from the file.
func (f *configFile) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.path), path)
}
