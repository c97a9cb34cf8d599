package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
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

func TestACommitThatTheDiskRefusesIsAmbiguous(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"wal", "delete"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childRole+"=limited "+mode+" "+filepath.Join(t.TempDir(), "a.db"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", mode, err, out)
		}
	}
}

// commitBeyondLimit runs in a process of its own: it lets no file grow beyond 100 KB and commits more.
func commitBeyondLimit(mode, path string) error {
	ctx := context.Background()
	b, err := NewBackend(Options{Path: path, JournalMode: mode}, quiet())
	if err != nil {
		return err
	}
	sess, err := b.Acquire(ctx, driver.Need{})
	if err != nil {
		return err
	}
	s := sess.(*session)
	if _, err := s.Execute(ctx, request("CREATE TABLE t(a)")); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100 << 10, Max: 100 << 10}); err != nil {
		return err
	}
	if err := s.Begin(ctx, driver.TxOptions{}); err != nil {
		return err
	}
	if _, err := s.Execute(ctx, request("INSERT INTO t VALUES (zeroblob(200000))")); err != nil {
		return fmt.Errorf("the statement failed, where COMMIT should: %w", err)
	}
	err = s.End(ctx, true)
	f, ok := errors.AsType[*driver.Fault](err)
	if !ok || f.Phase != driver.Commit || f.Verdict != driver.Ambiguous || !f.TxDead || s.TxState() != driver.TxIdle {
		return fmt.Errorf("COMMIT: %w, state %v", err, s.TxState())
	}

	// Outside a transaction it's the statement that commits: again only what may be repeated.
	_, err = s.Execute(ctx, request("INSERT INTO t VALUES (zeroblob(200000))"))
	if f, ok := errors.AsType[*driver.Fault](err); !ok || f.Verdict != driver.IfSafe || f.Kind != driver.Unavailable {
		return fmt.Errorf("autocommit: %w", err)
	}
	if _, err := s.Execute(ctx, request("INSERT INTO t VALUES ('small')")); err != nil {
		return fmt.Errorf("afterwards: %w", err)
	}
	s.Release(driver.Keep)
	return b.Close(ctx)
}
