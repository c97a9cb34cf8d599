package sqlite

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

// asNobody takes from this goroutine root's right to write any file, until the test ends.
func asNobody(t *testing.T) {
	if os.Getuid() != 0 {
		return
	}
	runtime.LockOSThread() // the thread ends with the goroutine, so nobody gets it as it is
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
}

func TestAFileThatMayNotBeWrittenIsRead(t *testing.T) {
	made := newFile(t, Options{JournalMode: "delete"})
	path := made.to.Path
	s := write(t, made)
	run(t, s, "CREATE TABLE t(a)")
	s.Release(driver.Keep)
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Run("as nobody", func(t *testing.T) { // on a goroutine of its own
		asNobody(t)
		b := newBackend(t, Options{Path: path}, quiet())
		c, err := open(t.Context(), b.to, writer, true) // on this thread, where a pool would use another
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		s := newSession(c, b)
		if got := one(t, s, "SELECT count(*) FROM t"); got != int64(0) || !c.readOnly {
			t.Errorf("%v rows, read-only %v", got, c.readOnly)
		}
		if f := failing(t, s, driver.ReadOnly, "INSERT INTO t VALUES (1)"); !strings.Contains(f.Hint, "may not write") {
			t.Errorf("hint %q", f.Hint)
		}
	})
}
