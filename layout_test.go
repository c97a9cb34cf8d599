package plinth_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestADriverLinksNoOtherDriver holds the promise that a service links only the database it uses.
func TestADriverLinksNoOtherDriver(t *testing.T) {
	t.Parallel()
	others := map[string][]string{
		"./sqlite":   {"pgx", "go-sql-driver", "mattn/go-sqlite3", "mongo", "plinth/postgres", "plinth/mariadb", "plinth/mongodb"},
		"./postgres": {"go-sql-driver", "mattn", "mongo", "zombiezen", "modernc.org", "plinth/sqlite", "plinth/mariadb"},
		"./mariadb":  {"pgx", "go-sql-driver", "mattn", "mongo", "zombiezen", "modernc.org", "plinth/sqlite", "plinth/postgres"},
		"./mongodb":  {"pgx", "go-sql-driver", "mattn", "zombiezen", "modernc.org", "plinth/sqlite", "plinth/postgres", "plinth/mariadb"},
		"./async":    {"pgx", "go-sql-driver", "mattn", "mongo", "zombiezen", "modernc.org", "plinth/sqlite", "plinth/postgres", "plinth/mariadb"},
		"./stdsql":   {"pgx", "mattn", "mongo", "zombiezen", "modernc.org", "plinth/sqlite", "plinth/postgres"},
		".":          {"pgx", "go-sql-driver", "mattn", "mongo", "zombiezen", "modernc.org", "plinth/sqlite"},
	}
	for pkg, banned := range others {
		for _, dep := range goList(t, "-deps", pkg) {
			if slices.ContainsFunc(banned, func(b string) bool { return strings.Contains(dep, b) }) {
				t.Errorf("%s links %s", pkg, dep)
			}
		}
	}
}

// TestTheConfigurationLinksOnlyItsFormatAndItsWatcher holds the promise that a program can read its configuration at no
// other price.
func TestTheConfigurationLinksOnlyItsFormatAndItsWatcher(t *testing.T) {
	t.Parallel()
	allowed := []string{"goccy/go-yaml", "fsnotify/fsnotify", "golang.org/x/sys/", "plinth/config", "plinth/internal/names"}
	standard := goList(t, "std")
	for _, dep := range goList(t, "-deps", "./config") {
		if !slices.Contains(standard, dep) && !strings.HasPrefix(dep, "vendor/") && !strings.HasPrefix(dep, "crypto/internal/") &&
			!slices.ContainsFunc(allowed, func(a string) bool { return strings.Contains(dep, a) }) {
			t.Errorf("config links %s", dep)
		}
	}
}

// TestTheReadmesProgramRuns runs the program that the README shows, and holds it to the length that one reads at a glance.
func TestTheReadmesProgramRuns(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```go\n")
	program, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the README has no Go program")
	}
	lines := 0
	for line := range strings.Lines(program) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	if lines > 20 {
		t.Errorf("it has %d lines, want 20 or fewer", lines)
	}
	_, want, _ := strings.Cut(program, "Println(track, err) // ")
	want, _, _ = strings.Cut(want, "\n")
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != want {
		t.Errorf("it printed %q (%v), want %q", got, err, want)
	}
	if formatted, err := exec.CommandContext(t.Context(), "gofmt", "-l", file).CombinedOutput(); err != nil || len(formatted) > 0 {
		t.Errorf("gofmt would change it: %s %v", formatted, err)
	}
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}
