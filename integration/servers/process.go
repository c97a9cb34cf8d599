package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A process is a server's main process.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how, once done is closed
}

func (p *process) pid() int {
	if p == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// spawn starts a program as the user of its kind, in the folder dir, by which pidsIn finds its children.
func (h *house) spawn(cmd *exec.Cmd, kind Kind, dir string) (*process, error) {
	cmd.Dir = dir
	cmd.SysProcAttr = childAttributes()
	if id := identity(kind); id != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(id.uid), Gid: uint32(id.gid)}
	}
	// Nothing of the caller's: PGDATA or LC_ALL would change what the programs do.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=" + dir, "TMPDIR=" + dir}
	started := make(chan error)
	h.thread <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go background(func() {
		p.err = cmd.Wait()
		if p.err == nil {
			p.err = fmt.Errorf("exit status 0")
		}
		close(p.done)
	})
	return p, nil
}

// run runs a program that ends by itself. What it says is in the error.
func (h *house) run(ctx context.Context, kind Kind, dir string, stdin string, name string, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &said, &said
	p, err := h.spawn(cmd, kind, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	<-p.done
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", name, context.Cause(ctx))
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %w: %s", name, p.err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

// findProgram looks in PATH and in the folders of servers, which aren't in everybody's.
func findProgram(name string, kind Kind) (string, error) {
	for _, dir := range []string{"", "/usr/sbin/", "/usr/libexec/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", kind, ErrNotInstalled)
}

// version asks a program for it.
func version(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("servers: %s --version: %w", program, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(strings.TrimSpace(line), program+"  "), nil
}

type ids struct{ uid, gid int }

// identity is whom a server runs as: nobody in particular unless the tests run as root, which servers refuse to be.
func identity(kind Kind) *ids {
	if os.Geteuid() != 0 {
		return nil
	}
	name := "postgres"
	if kind == KindMariaDB {
		name = "mysql"
	}
	for _, name := range []string{name, "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.Atoi(u.Uid)
			gid, err2 := strconv.Atoi(u.Gid)
			if err1 == nil && err2 == nil {
				return &ids{uid, gid}
			}
		}
	}
	return &ids{65534, 65534}
}

// give makes a file the server's own.
func (id *ids) give(path string) error {
	if id == nil {
		return nil
	}
	return os.Lchown(path, id.uid, id.gid)
}

// pidsIn lists the processes whose working folder is dir or below: a server's children have left its process group, and
// once it's dead its children are nobody's, but where they work stays.
func pidsIn(dir string) []int {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var pids []int
	for _, link := range links {
		cwd, err := os.Readlink(link)
		if err == nil && (cwd == dir || strings.HasPrefix(cwd, dir+"/")) {
			if pid, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// killIn kills them, and returns how many it found.
func killIn(dir string) int {
	pids := pidsIn(dir)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return len(pids)
}

// background is what every goroutine of this package runs in, so that a search for leaked goroutines can leave them out.
func background(f func()) { f() }

// Goroutines is for goleak.IgnoreAnyFunction: the goroutines that wait for a server's end live as long as the server.
const Goroutines = "github.com/plinthdb/plinth/integration/servers.background"
