package open

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/sqlite"
)

var update = flag.Bool("update", false, "write the tables of docs/retry.md")

// tables are the drivers' classification tables.
func tables() []struct {
	name  string
	rules []driver.Rule
} {
	return []struct {
		name  string
		rules []driver.Rule
	}{{"PostgreSQL", postgres.Rules()}, {"MariaDB", mariadb.Rules()}, {"SQLite", sqlite.Rules()}, {"MongoDB", mongodb.Rules()}}
}

// written returns the tables as docs/retry.md has them: a row for all codes that mean the same.
func written() string {
	var b strings.Builder
	for _, t := range tables() {
		fmt.Fprintf(&b, "### %s\n\n| code | kind | while a statement runs | at COMMIT | besides |\n|---|---|---|---|---|\n", t.name)
		again, other := grouped(t.rules, func(r driver.Rule) string {
			if r.Verdict == driver.Never && r.Commit == driver.Never {
				return ""
			}
			return fmt.Sprintf("%s | %s | %s | %s", r.Kind, verdict(r.Verdict, r.Once), verdict(r.Commit, r.Once), besides(r))
		})
		for _, g := range again {
			fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(g.codes, ", "), g.key)
		}
		b.WriteString("\nNever repeated, by kind:\n\n")
		never, _ := grouped(other, func(r driver.Rule) string { return r.Kind.String() })
		for _, g := range never {
			fmt.Fprintf(&b, "- %s: %s\n", g.key, strings.Join(g.codes, ", "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

type codeGroup struct {
	key   string
	codes []string
}

// grouped puts rules together that have the same key, in the order of the first of each; rest are those without a key.
func grouped(rules []driver.Rule, key func(driver.Rule) string) (groups []codeGroup, rest []driver.Rule) {
	at := make(map[string]int)
	for _, r := range rules {
		k := key(r)
		if k == "" {
			rest = append(rest, r)
			continue
		}
		i, known := at[k]
		if !known {
			i = len(groups)
			at[k] = i
			groups = append(groups, codeGroup{key: k})
		}
		code := r.Code + " " + r.Name
		if r.Name == "" {
			code = "class " + r.Code
		}
		groups[i].codes = append(groups[i].codes, code)
	}
	return groups, rest
}

func verdict(v driver.Verdict, once bool) string {
	if v == driver.Again && once {
		return "again, once"
	}
	return v.String()
}

func besides(r driver.Rule) string {
	var also []string
	if r.TxDead {
		also = append(also, "the transaction is over")
	}
	if r.Evict {
		also = append(also, "the connection is closed")
	}
	return strings.Join(also, ", ")
}

func TestTheTablesOfTheRetryPageAreTheDrivers(t *testing.T) {
	const path, mark = "../docs/retry.md", "<!-- What follows is written by go test ./open -run RetryPage -update -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, _, ok := strings.Cut(string(page), mark)
	if !ok {
		t.Fatalf("%s has no line %q", path, mark)
	}
	want := text + mark + "\n" + strings.TrimRight(written(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("the tables of %s aren't those of the drivers: go test ./open -run RetryPage -update", path)
	}
}

// What was measured on the servers themselves, and what their manuals say: code by code, with the verdict of a statement and of
// COMMIT. Codes that aren't listed in a table are never repeated.
func TestTheTablesSayWhatWasMeasured(t *testing.T) {
	t.Parallel()
	const never, again, safe, unknown = driver.Never, driver.Again, driver.IfSafe, driver.Ambiguous
	for name, c := range map[string]struct {
		rules []driver.Rule
		rows  []struct {
			codes       string
			run, commit driver.Verdict
			evict, once bool
		}
	}{
		"postgres": {postgres.Rules(), []struct {
			codes       string
			run, commit driver.Verdict
			evict, once bool
		}{
			{"40001 40P01 55P03", again, again, false, false},
			{"57P03 08001 08004", again, again, true, false},
			{"53300", again, unknown, false, false},
			{"53000 53100 53200 53400 58000 58030 58P01", again, unknown, false, true},
			{"25006 25P03 57P05", again, again, true, false},
			{"08000 08003 08006 08007 57P01 57P02", safe, unknown, true, false},
			{"40003", safe, unknown, false, false},
			{"22001 22003 22P02 23502 23503 23505 23514 28P01 28000 3D000 42601 42P01 42703 25P02 40002 57014 99999", never, never, false, false},
		}},
		"mariadb": {mariadb.Rules(), []struct {
			codes       string
			run, commit driver.Verdict
			evict, once bool
		}{
			{"1213 1205 1020", again, again, false, false},
			{"1040 1203 1226 1047", again, again, true, false},
			{"1836 1792", again, again, true, false},
			{"1053 1927 2006 2013", safe, unknown, true, false},
			{"1180", safe, unknown, false, false},
			{"1062 1064 1044 1045 1146 1451 1452 1317 1969 1290 9999", never, never, false, false},
		}},
		"sqlite": {sqlite.Rules(), []struct {
			codes       string
			run, commit driver.Verdict
			evict, once bool
		}{
			{"5 261 517 773 6 262", again, again, false, false},
			{"10 266 778 1034 1290 4106", safe, unknown, false, false},
			{"13 7 11", never, unknown, false, false},
			{"8 9 19 787 1555 2067 21 99", never, never, false, false},
			{"26", never, never, true, false},
		}},
	} {
		table := driver.NewTable(c.rules...)
		for _, row := range c.rows {
			for code := range strings.FieldsSeq(row.codes) {
				r := table.Lookup(code)
				if r.Verdict != row.run || r.Commit != row.commit || r.Evict != row.evict || r.Once != row.once {
					t.Errorf("%s %s: %+v, want %v and %v at COMMIT, evict %v, once %v", name, code, r, row.run, row.commit, row.evict, row.once)
				}
			}
		}
	}
}
