package sqlite

import (
	"cmp"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// Options say which database to open and how each connection to it is set up. All but Path have a useful zero value.
type Options struct {
	// Path is a file, or a file: URI as https://www.sqlite.org/uri.html describes it. ":memory:", mode=memory and ""
	// (a temporary file) are databases that live and die with one connection.
	Path string

	ReadOnly bool // never write; the file must exist. mode=ro and immutable=1 in a URI say the same
	Readers  int  // connections that only read, beside the one that writes. 0: the pool's MaxOpenConns, or else 4 or GOMAXPROCS, what is more

	BusyTimeout    time.Duration // how long to wait for another process's lock. 0: 5 s; negative: don't
	ForeignKeysOff bool          // don't enforce foreign keys, as SQLite itself does by default
	JournalMode    string        // "": WAL. Where the file system can't do that SQLite stays with DELETE
	Synchronous    string        // "": NORMAL, which in WAL mode can lose the last commits in a power cut, but never damages the file
	CacheSize      int64         // bytes of page cache a connection may use. 0: 64 MB
	MaxPageCount   int64         // pages that the file may grow to. 0: no limit of ours
	Pragmas        []Pragma      // any pragma, run on each connection in this order; those of the fields above replace them

	StatementCache int // prepared statements kept a connection. 0: 256
}

// Pragma is a setting that each new connection makes: PRAGMA Name = Value. Pragmas for which Options has no field run
// before the others, because some (page_size, auto_vacuum, locking_mode) only count before the journal mode is set.
// See https://www.sqlite.org/pragma.html.
type Pragma struct{ Name, Value string }

const (
	defaultBusyTimeout    = 5 * time.Second
	defaultCacheSize      = 64 << 20
	defaultStatementCache = 256
	defaultReaders        = 4
)

// target is where and how to open: Options with everything decided.
type target struct {
	Options
	name      string // for messages
	memory    bool   // it's gone when its connection is closed
	single    bool   // one connection for everything
	cacheSize string // as the pragma takes it: pages, or negative KiB
	queryOnly bool   // not even the writer may write
	rules     driver.Table
}

// resolve checks the options and fills in what is missing.
func (o Options) resolve() (*target, error) {
	t := &target{Options: o, name: o.Path, rules: driver.NewTable(Rules()...)}
	t.Pragmas = nil
	if strings.ContainsRune(o.Path, 0) {
		return nil, driver.Faultf(driver.Argument, "the database's path holds a zero byte")
	}
	t.memory = o.Path == "" || o.Path == ":memory:"
	if uri, ok := strings.CutPrefix(o.Path, "file:"); ok {
		if err := t.resolveURI(uri); err != nil {
			return nil, err
		}
	}
	if t.memory {
		t.single = true
		t.name = cmp.Or(t.name, "temporary database")
	}

	if t.CacheSize > 0 {
		t.cacheSize = strconv.FormatInt(-(t.CacheSize+1023)/1024, 10)
	} else {
		t.cacheSize = strconv.Itoa(-defaultCacheSize / 1024)
	}
	for _, p := range o.Pragmas {
		if err := t.take(p); err != nil {
			return nil, err
		}
	}
	if t.BusyTimeout == 0 {
		t.BusyTimeout = defaultBusyTimeout
	}
	if t.StatementCache <= 0 {
		t.StatementCache = defaultStatementCache
	}
	var err error
	t.JournalMode, err = oneOf("journal_mode", t.JournalMode, "WAL", "DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF")
	if err == nil {
		t.Synchronous, err = oneOf("synchronous", t.Synchronous, "NORMAL", "FULL", "EXTRA", "OFF")
	}
	return t, err
}

// resolveURI reads what the driver has to know of a URI; SQLite reads it again (https://www.sqlite.org/uri.html).
func (t *target) resolveURI(uri string) error {
	uri, _, _ = strings.Cut(uri, "#")
	file, query, _ := strings.Cut(uri, "?")
	if local, ok := strings.CutPrefix(file, "//"); ok {
		_, path, _ := strings.Cut(local, "/")
		file = "/" + path
	}
	params, err := url.ParseQuery(query)
	if err == nil {
		t.name, err = url.PathUnescape(file)
	}
	if err != nil {
		return driver.Faultf(driver.Argument, "the database's URI %s: %w", file, err)
	}
	t.memory = t.name == "" || t.name == ":memory:" || params.Get("mode") == "memory" || params.Get("vfs") == "memdb"
	t.ReadOnly = t.ReadOnly || params.Get("mode") == "ro" || truth(params.Get("immutable"))
	return nil
}

// take puts a pragma where it belongs.
func (t *target) take(p Pragma) error {
	if !isName(p.Name) {
		return driver.Faultf(driver.Argument, "%q isn't the name of a pragma", p.Name)
	}
	var err error
	switch strings.ToLower(p.Name) {
	case "busy_timeout":
		var ms int
		if ms, err = strconv.Atoi(p.Value); err == nil {
			t.BusyTimeout = cmp.Or(time.Duration(ms)*time.Millisecond, -1)
		}
	case "foreign_keys":
		t.ForeignKeysOff = !truth(p.Value)
	case "journal_mode":
		t.JournalMode = p.Value
	case "synchronous":
		t.Synchronous = p.Value
	case "cache_size":
		t.cacheSize = p.Value
	case "max_page_count":
		t.MaxPageCount, err = strconv.ParseInt(p.Value, 10, 64)
	case "query_only":
		t.queryOnly = truth(p.Value)
	case "locking_mode": // a second connection would be locked out
		t.single = t.single || strings.EqualFold(p.Value, "exclusive")
		fallthrough
	default:
		t.Pragmas = append(t.Pragmas, p)
	}
	if err != nil {
		return driver.Faultf(driver.Argument, "PRAGMA %s: %w", p.Name, err)
	}
	return nil
}

// truth reads a URI parameter as SQLite does (sqlite3GetBoolean).
func truth(s string) bool {
	switch strings.ToLower(s) {
	case "", "0", "no", "off", "false":
		return false
	}
	return true
}

// oneOf returns the setting in upper case, or the first one allowed if it isn't set.
func oneOf(name, value string, allowed ...string) (string, error) {
	if value == "" {
		return allowed[0], nil
	}
	if v := strings.ToUpper(value); slices.Contains(allowed, v) {
		return v, nil
	}
	return "", driver.Faultf(driver.Argument, "%s %q: use one of %s", name, value, strings.Join(allowed, ", "))
}

func isName(s string) bool {
	for i, c := range s {
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// readers returns how many connections may read at the same time.
func (t *target) readers(maxOpen int) int {
	switch {
	case t.Readers > 0:
		return t.Readers
	case maxOpen > 0:
		return maxOpen
	}
	return max(defaultReaders, runtime.GOMAXPROCS(0))
}

// label names the database in messages.
func (t *target) label() string {
	if t.memory {
		return "sqlite (in memory)"
	}
	return "sqlite:" + t.name
}
