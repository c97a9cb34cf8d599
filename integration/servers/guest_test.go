package servers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
)

// guestEnv makes the test program a process that starts servers, tells of them and waits for its end.
const guestEnv = "SERVERS_TEST_GUEST"

type report struct {
	Err, Addr, URL string
	Dirs           []string // of the process, on disk and in memory
	Pid            int
}

// guest starts the servers that guestEnv names, prints a report of each as a line, and closes them when its input ends.
func guest() {
	var running []*servers.Server
	for kind := range strings.SplitSeq(os.Getenv(guestEnv), ",") {
		s, err := servers.Start(context.Background(), servers.Kind(kind))
		r := report{}
		if err != nil {
			r.Err = err.Error()
		} else {
			running = append(running, s)
			r.Addr, r.Pid, r.URL = s.Addr(), s.Pid(), s.URL()
			r.Dirs = []string{filepath.Dir(filepath.Dir(s.CA())), filepath.Dir(strings.TrimSuffix(s.Socket(), "/s.sock"))}
		}
		if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
			return
		}
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, s := range running {
		if err := s.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

type process struct {
	*exec.Cmd
	in      io.Closer
	reports []report
}

// startGuest runs the test program as a guest.
func startGuest(t *testing.T, kinds string, change func(*exec.Cmd)) *process {
	t.Helper()
	for kind := range strings.SplitSeq(kinds, ",") { // one that isn't installed ends the test here; in a guest that is a failure
		map[string]func(testing.TB, ...servers.Option) *servers.Server{"postgres": servers.Postgres, "mariadb": servers.MariaDB}[kind](t)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(program)}
	p.Env = append(os.Environ(), guestEnv+"="+kinds)
	p.Stderr = os.Stderr
	if change != nil {
		change(p.Cmd)
	}
	p.in, err = p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.in.Close()
			_ = p.Wait()
		}
	})
	lines := bufio.NewScanner(out)
	for range strings.Split(kinds, ",") {
		var r report
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &r) != nil {
			t.Fatalf("no report: %q", lines.Text())
		}
		if r.Err != "" {
			t.Fatal(r.Err)
		}
		p.reports = append(p.reports, r)
	}
	return p
}

// gone waits for the end of all that a guest has started, and of its folder.
func gone(t *testing.T, dirs []string) {
	t.Helper()
	var left string
	if err := suite.Until(t.Context(), "nothing is left", func() bool { left = leftIn(dirs); return left == "" }); err != nil {
		t.Errorf("%v: there is %s", err, left)
	}
}

// leftIn returns something that there still is of a guest: a folder, or a process that has to do with it.
func leftIn(dirs []string) string {
	for _, dir := range dirs {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			return dir
		}
	}
	links, _ := filepath.Glob("/proc/[0-9]*/*")
	for _, link := range links {
		if base := filepath.Base(link); base != "cwd" && base != "cmdline" {
			continue
		}
		cwd, _ := os.Readlink(link)
		cmdline, _ := os.ReadFile(link)
		for _, dir := range dirs {
			if strings.Contains(cwd+string(cmdline), dir) {
				return link + " " + cwd + string(cmdline)
			}
		}
	}
	return ""
}

func TestTwoProcessesDoNotCollide(t *testing.T) {
	one := startGuest(t, "postgres,mariadb", nil)
	two := startGuest(t, "postgres,mariadb", nil)
	seen := map[string]bool{}
	for _, r := range append(one.reports, two.reports...) {
		if seen[r.Addr] {
			t.Errorf("%s twice", r.Addr)
		}
		seen[r.Addr] = true
		if got := ask(t, r.URL, "select 1"); got != "1" {
			t.Errorf("%s: %s", r.URL, got)
		}
	}
	if dirs := append(one.reports[0].Dirs, two.reports[0].Dirs...); dirs[0] == dirs[2] || dirs[1] == dirs[3] {
		t.Errorf("both in one folder: %v", dirs)
	}
	for _, p := range []*process{one, two} {
		if err := errors.Join(p.in.Close(), p.Wait()); err != nil {
			t.Error(err)
		}
		if left := leftIn(p.reports[0].Dirs); left != "" { // at once: it was closed in order
			t.Errorf("left: %s", left)
		}
	}
}

func TestNothingIsLeftOfAProcessThatWasKilled(t *testing.T) {
	p := startGuest(t, "postgres,mariadb", nil)
	segment := sharedMemory(t, p.reports[0].Pid)
	// A server process that is busy doesn't look whether its parent has gone.
	go try(t.Context(), p.reports[0].URL, "select count(*) from generate_series(1, 1000000000) a, generate_series(1, 1000000000) b")
	suite.Eventually(t, "it's busy", func() bool {
		return ask(t, p.reports[0].URL, "select count(*) from pg_stat_activity where query like '%1000000000%' and pid <> pg_backend_pid()") != "0"
	})
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	gone(t, p.reports[0].Dirs)
	if left := segments(t)[segment]; left != 0 {
		t.Errorf("the segment %s of shared memory is left", segment)
	}
}

// sharedMemory returns the id of the segment that a PostgreSQL server has made, "" where there is none.
func sharedMemory(t *testing.T, pid int) string {
	t.Helper()
	for id, creator := range segments(t) {
		if creator == pid {
			return id
		}
	}
	t.Log("it has no shared memory that could be left")
	return ""
}

// segments lists those who made the segments of shared memory there are, by the segment's id: proc_sysvipc_shm(5).
func segments(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Logf("not looked at: %v", err)
	}
	creators := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 {
			if pid, err := strconv.Atoi(fields[4]); err == nil {
				creators[fields[1]] = pid
			}
		}
	}
	return creators
}

func TestWhatWasKilledWithItsJanitorIsSweptByTheNext(t *testing.T) {
	p := startGuest(t, "postgres", nil)
	dirs := p.reports[0].Dirs
	killed := false
	links, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, link := range links {
		cmdline, _ := os.ReadFile(link)
		if strings.Contains(string(cmdline), "plinth-janitor\x00") && strings.Contains(string(cmdline), dirs[0]) {
			pid, err := strconv.Atoi(strings.Split(link, "/")[2])
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			killed = true
		}
	}
	if !killed {
		t.Fatal("there is no janitor")
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			t.Fatalf("who removed it? %v", err)
		}
	}
	startGuest(t, "postgres", nil)
	gone(t, dirs)
}

func TestItWorksWithoutRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the other tests show it")
	}
	// A folder that nobody gets into, with a copy of this program. That of t.TempDir lies under one that only root enters.
	temp, err := os.MkdirTemp("/tmp", "nobody") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(temp, "test")
	if out, err := exec.Command("cp", program, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, path := range []string{temp, copied} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	p := startGuest(t, "postgres,mariadb", func(c *exec.Cmd) {
		c.Path, c.Dir = copied, temp
		c.Env = append(c.Env, "TMPDIR="+temp)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	})
	for _, r := range p.reports {
		if got := ask(t, r.URL, "select 1"); got != "1" {
			t.Errorf("%s: %s", r.URL, got)
		}
		info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(r.Pid)))
		if err != nil {
			t.Fatal(err)
		}
		if stat := info.Sys().(*syscall.Stat_t); stat.Uid != 65534 {
			t.Errorf("%s runs as %d", r.URL, stat.Uid)
		}
	}
	if err := errors.Join(p.in.Close(), p.Wait()); err != nil {
		t.Error(err)
	}
	if left := leftIn(p.reports[0].Dirs); left != "" {
		t.Errorf("left: %s", left)
	}
}
