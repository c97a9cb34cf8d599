package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A sqliteParam is a parameter of SQLite's: of the file, or a pragma that a connection may set.
type sqliteParam struct {
	name   string
	kind   sqliteKind
	values string // of a keyword, parted by spaces
	least  int64  // of a number
	most   int64
}

type sqliteKind uint8

const (
	keyword      sqliteKind = iota // one of values
	numbered                       // one of values, or its place among them
	onOff                          // a boolean
	number                         // a whole number from least to most
	milliseconds                   // a duration
	cacheSize                      // pages, negative KiB, or a size
	fileKeyword                    // the next three are parameters of the file: one of values
	fileFlag                       // a boolean
	fileName                       // a name
)

// sqliteParams are sorted as Pragmas says. Names and values: https://www.sqlite.org/uri.html and …/pragma.html.
func sqliteParams() [36]sqliteParam {
	return [...]sqliteParam{
		{name: "mode", kind: fileKeyword, values: "rw rwc memory"},
		{name: "cache", kind: fileKeyword, values: "private shared"},
		{name: "immutable", kind: fileFlag},
		{name: "nolock", kind: fileFlag},
		{name: "psow", kind: fileFlag},
		{name: "vfs", kind: fileName},

		{name: "busy_timeout", kind: milliseconds},
		{name: "page_size", kind: number, least: 512, most: 65536},
		{name: "auto_vacuum", kind: numbered, values: "none full incremental"},
		{name: "locking_mode", kind: keyword, values: "normal exclusive"},
		{name: "journal_mode", kind: keyword, values: "delete truncate persist memory wal off"},
		{name: "synchronous", kind: numbered, values: "off normal full extra"},
		{name: "foreign_keys", kind: onOff},
		{name: "defer_foreign_keys", kind: onOff},
		{name: "cache_size", kind: cacheSize},
		{name: "mmap_size", kind: number, most: 1 << 62},
		{name: "temp_store", kind: numbered, values: "default file memory"},
		{name: "wal_autocheckpoint", kind: number, most: 1<<31 - 1},
		{name: "journal_size_limit", kind: number, least: -1, most: 1 << 62},
		{name: "max_page_count", kind: number, least: 1, most: 1<<32 - 2},
		{name: "secure_delete", kind: keyword, values: "on off fast"},
		{name: "recursive_triggers", kind: onOff},
		{name: "reverse_unordered_selects", kind: onOff},
		{name: "ignore_check_constraints", kind: onOff},
		{name: "case_sensitive_like", kind: onOff},
		{name: "cell_size_check", kind: onOff},
		{name: "fullfsync", kind: onOff},
		{name: "checkpoint_fullfsync", kind: onOff},
		{name: "automatic_index", kind: onOff},
		{name: "trusted_schema", kind: onOff},
		{name: "read_uncommitted", kind: onOff},
		{name: "query_only", kind: onOff},
		{name: "analysis_limit", kind: number, most: 1<<31 - 1},
		{name: "threads", kind: number, most: 8},
		{name: "soft_heap_limit", kind: number, most: 1 << 62},
		{name: "hard_heap_limit", kind: number, most: 1 << 62},
	}
}

// findSQLiteParam returns false for what isn't one.
func findSQLiteParam(name string) (sqliteParam, bool) {
	for _, q := range sqliteParams() {
		if q.name == name {
			return q, true
		}
	}
	return sqliteParam{}, false
}

// ofFile reports whether it is a parameter of the file, and not a pragma.
func (q sqliteParam) ofFile() bool { return q.kind >= fileKeyword }

// check returns the value in the form that SQLite takes, or false if it isn't one.
func (q sqliteParam) check(value string) (canonical string, ok bool) {
	switch q.kind {
	case onOff, fileFlag:
		names := map[bool]string{true: "on", false: "off"}
		if q.kind == fileFlag {
			names = map[bool]string{true: "1", false: "0"}
		}
		b, ok := parseBool(value)
		return names[b], ok
	case number:
		n, err := strconv.ParseInt(value, 10, 64)
		return strconv.FormatInt(n, 10), err == nil && q.least <= n && n <= q.most
	case milliseconds:
		return parseMilliseconds(value)
	case cacheSize:
		return parseCacheSize(value)
	case fileName:
		return value, isName(value)
	}
	values := strings.Fields(q.values)
	if q.kind == numbered && len(value) == 1 && isDigits(value) && int(value[0]-'0') < len(values) {
		return values[value[0]-'0'], true
	}
	value = strings.ToLower(value)
	return value, slices.Contains(values, value)
}

// hint says what is allowed.
func (q sqliteParam) hint() string {
	switch q.kind {
	case onOff, fileFlag:
		return "write on or off"
	case number:
		return fmt.Sprintf("a whole number from %d to %d", q.least, q.most)
	case milliseconds:
		return "write 5s, or a number of milliseconds"
	case cacheSize:
		return "write 64MB, a number of pages, or a negative number of KiB"
	case fileName:
		return "a name of letters, digits, _, - and dots"
	}
	values := strings.Join(strings.Fields(q.values), ", ")
	if q.name == "mode" {
		values = "ro, " + values // which is kept as ReadOnly
	}
	return "one of " + values
}

func parseMilliseconds(value string) (string, bool) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		d, err := time.ParseDuration(value)
		if n = d.Milliseconds(); err != nil || n > 1<<31-1 || d%time.Millisecond != 0 {
			return "", false
		}
	}
	return strconv.FormatInt(n, 10), n >= 0
}

// parseCacheSize turns a size into a negative number of KiB, which is how SQLite takes one.
func parseCacheSize(value string) (string, bool) {
	digits := strings.TrimRight(value, "KMGiB")
	unit := int64(0)
	switch value[len(digits):] {
	case "":
		n, err := strconv.ParseInt(value, 10, 32)
		return strconv.FormatInt(n, 10), err == nil
	case "KB", "KiB":
		unit = 1
	case "MB", "MiB":
		unit = 1 << 10
	case "GB", "GiB":
		unit = 1 << 20
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	return strconv.FormatInt(-n*unit, 10), err == nil && unit > 0 && isDigits(digits) && n*unit <= 1<<31
}
