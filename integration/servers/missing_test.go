package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// recorder notes how a test ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) {
	r.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// alone gives a test the list of what is missing for its own.
func alone(t *testing.T) {
	shared.Lock()
	defer shared.Unlock()
	servers, kinds := shared.servers, shared.missing
	shared.servers, shared.missing = nil, nil
	t.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		shared.servers, shared.missing = servers, kinds
	})
}

func TestAMissingServerSkipsTheTestUnlessItIsRequired(t *testing.T) {
	alone(t)
	for _, c := range []struct {
		require string
		fails   bool
	}{
		{"", false}, {"postgres", false}, {"mariadb", true}, {"postgres, mariadb", true}, {"all", true}, {"mariadb2", false},
	} {
		r, done := &recorder{TB: t}, make(chan struct{})
		go func() {
			defer close(done)
			missing(r, KindMariaDB, c.require, fmt.Errorf("mariadb: %w", ErrNotInstalled))
		}()
		<-done
		said, other := r.skipped, r.failed
		if c.fails {
			said, other = other, said
		}
		if !strings.HasPrefix(said, "mariadb: not installed: make setup") || other != "" {
			t.Errorf("PLINTH_REQUIRE=%s: skipped %q, failed %q", c.require, r.skipped, r.failed)
		}
	}
	shared.Lock()
	kinds := shared.missing
	shared.Unlock()
	if len(kinds) != 1 || kinds[0] != KindMariaDB {
		t.Errorf("noted as missing: %v", kinds)
	}
}

func TestWhatWasNotTestedIsToldAtTheEnd(t *testing.T) {
	alone(t)
	shared.missing = []Kind{KindPgBouncer, KindMariaDB}
	file := filepath.Join(t.TempDir(), "list")
	var out strings.Builder
	if err := finish(&out, file); err != nil {
		t.Fatal(err)
	}
	want := "not tested: mariadb (not installed: make setup)\nnot tested: pgbouncer (not installed: make setup)\n"
	written, _ := os.ReadFile(file)
	if out.String() != want || string(written) != want {
		t.Errorf("printed %q, in the file %q, want %q", out.String(), written, want)
	}
}

func TestEveryPidHasItsOwnAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere there is one address of loopback")
	}
	seen := map[string]int{}
	for _, pid := range []int{1, 2, 255, 256, 257, 32768, 65535, 65536, 65537, 1<<22 - 1, 1<<22 - 2, 1 << 21} {
		a := address(pid)
		if other, ok := seen[a]; ok || a == "127.0.0.1" {
			t.Errorf("%d and %d: %s", pid, other, a)
		}
		seen[a] = pid
	}
}
