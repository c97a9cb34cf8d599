package servers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// A house is where the servers of this process live. It's built with the first server and gone with the last.
type house struct {
	base    string // templates, and a folder for each process: stays
	dir     string // this process's: goes
	secret  string // the users' password
	address string // this process's
	certs   Certs
	thread  chan func() // starts children: see open
	janitor *exec.Cmd
	alive   io.Closer // the janitor acts when this ends
	lock    io.Closer // of dir, for those who sweep

	mu    sync.Mutex
	next  map[Kind]int // number of the next server
	guest int          // servers that live here; guarded by current's mutex
}

// current is the house of this process, while there is one.
var current struct { //nolint:gochecknoglobals // there is one process, with one address and one set of children
	sync.Mutex
	house *house
}

// enter returns the house, for one server more.
func enter(ctx context.Context) (*house, error) {
	current.Lock()
	defer current.Unlock()
	if current.house == nil {
		h, err := open(ctx)
		if err != nil {
			return nil, fmt.Errorf("servers: %w", err)
		}
		current.house = h
	}
	current.house.guest++
	return current.house, nil
}

// leave is the end of one server; with the last the house goes.
func (h *house) leave() {
	current.Lock()
	defer current.Unlock()
	if h.guest--; h.guest == 0 {
		h.close()
		current.house = nil
	}
}

func open(ctx context.Context) (_ *house, err error) {
	h := &house{next: map[Kind]int{}, address: address(os.Getpid())}
	if h.base, err = base(); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(h.base, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock.Close() //nolint:errcheck // it was only read
	if h.secret, err = secret(filepath.Join(h.base, "secret")); err != nil {
		return nil, err
	}
	runs := filepath.Join(h.base, "run")
	for _, dir := range []string{runs, filepath.Join(h.base, "templates")} {
		if err := makeDir(dir); err != nil {
			return nil, err
		}
	}
	sweep(runs)
	if h.dir, err = os.MkdirTemp(runs, strconv.Itoa(os.Getpid())+"-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if err := os.Chmod(h.dir, 0o711); err != nil {
		return nil, err
	}
	if h.lock, err = lock(filepath.Join(h.dir, "alive")); err != nil {
		return nil, err
	}
	if h.certs, err = makeCerts(h.dir, h.address); err != nil {
		return nil, err
	}
	if err := h.startJanitor(ctx); err != nil {
		return nil, err
	}
	// A child dies with the thread that started it, so that has to be one that lives as long as the house.
	h.thread = make(chan func())
	go background(func() {
		runtime.LockOSThread()
		for f := range h.thread {
			f()
		}
	})
	return h, nil
}

func (h *house) close() {
	if h.thread != nil {
		close(h.thread)
	}
	if h.janitor != nil {
		_ = h.alive.Close()
		_ = h.janitor.Wait()
	} else {
		_ = os.RemoveAll(h.dir)
	}
	if h.lock != nil {
		_ = h.lock.Close()
	}
}

// The janitor waits for the end of this process or of the house, then kills what works in $2 ($1 is the same as a
// regular expression), removes the shared memory that a killed PostgreSQL leaves, and the folder.
const janitor = `cat >/dev/null
while pids=$(ls -ldn /proc/[0-9]*/cwd 2>/dev/null | sed -n "s|.* /proc/\([0-9]*\)/cwd -> $1/.*|\1|p") && [ -n "$pids" ]; do
	kill -9 $pids 2>/dev/null
	sleep 0.02
done
for file in "$2"/*/data/postmaster.pid; do
	[ -f "$file" ] && ipcrm -m "$(sed -n '7s/.* //p' "$file")" 2>/dev/null
done
rm -rf "$2"
`

// startJanitor starts what cleans up even if this process is killed.
func (h *house) startJanitor(context.Context) error {
	// Not bound to the context: it outlives everything here.
	cmd := exec.Command("sh", "-c", janitor, "plinth-janitor", regexp.QuoteMeta(h.dir), h.dir) //nolint:noctx // see above
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is not for it
	alive, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	h.janitor, h.alive = cmd, alive
	return nil
}

// sweep removes what processes have left whose janitor was killed as well.
func sweep(runs string) {
	entries, _ := os.ReadDir(runs)
	for _, e := range entries {
		dir := filepath.Join(runs, e.Name())
		f, err := os.Open(filepath.Join(dir, "alive"))
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			killIn(dir)
			removeData(dir)
		}
		_ = f.Close()
	}
}

// removeData removes a server's folder, and the bit of shared memory that PostgreSQL leaves when it's killed: its file
// has the number.
func removeData(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "data", "postmaster.pid"))
	more, _ := filepath.Glob(filepath.Join(dir, "*", "data", "postmaster.pid"))
	for _, file := range append(files, more...) {
		if text, err := os.ReadFile(file); err == nil {
			if lines := strings.Split(string(text), "\n"); len(lines) > 6 {
				if fields := strings.Fields(lines[6]); len(fields) == 2 {
					_ = exec.Command("ipcrm", "-m", fields[1]).Run() //nolint:noctx // ends at once
				}
			}
		}
	}
	_ = os.RemoveAll(dir)
}

// place finds a folder, an address and a port for a server.
func (h *house) place(kind Kind, durable bool) (dir, host string, port int, err error) {
	if durable && inMemory(h.dir) {
		return "", "", 0, fmt.Errorf("servers: %s is in memory, where nothing is durable: name another folder by TMPDIR", h.base)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for range 100 {
		n := h.next[kind]
		h.next[kind]++
		port := ports[kind] + n
		if !free(h.address, port) {
			continue
		}
		dir = filepath.Join(h.dir, string(kind)+strconv.Itoa(n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", "", 0, err
		}
		return dir, h.address, port, identity(kind).give(dir)
	}
	return "", "", 0, fmt.Errorf("servers: no free port on %s from %d on", h.address, ports[kind])
}

// ports are where the kinds begin: known numbers with a 2 in front, below those that are given to outgoing connections.
var ports = map[Kind]int{KindPostgres: 25432, KindMariaDB: 23306, KindPgBouncer: 26432} //nolint:gochecknoglobals // a constant

// address is a process's own: 127.64.0.0 to 127.127.255.255 holds a number of 22 bits, which is what a pid is on Linux.
// Elsewhere only 127.0.0.1 works.
func address(pid int) string {
	own := net.IPv4(127, byte(64|pid>>16&63), byte(pid>>8), byte(pid)).String()
	if free(own, 0) {
		return own
	}
	return "127.0.0.1"
}

func free(host string, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))) //nolint:noctx // returns at once
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// maxBase keeps the paths of sockets, which end at 107 bytes (sun_path in unix(7)), within 100.
const maxBase = 50

// base returns the folder where templates stay: in the folder for temporary files, unless the servers couldn't get there
// or it's in memory.
func base() (string, error) {
	var last string
	name := "plinth-servers-" + strconv.Itoa(os.Geteuid())
	for _, temp := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if len(temp)+1+len(name) > maxBase || !open2all(temp) {
			continue
		}
		if last = filepath.Join(temp, name); !inMemory(temp) {
			break
		}
	}
	if last == "" {
		return "", errors.New("no folder for data: neither TMPDIR nor /tmp nor /var/tmp is short and open to the servers' users")
	}
	return last, makeDir(last)
}

// open2all tells whether the servers' users get into a folder.
func open2all(dir string) bool {
	if os.Geteuid() != 0 {
		return true
	}
	for ; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == "/" || dir == "." {
			return true
		}
	}
}

// makeDir makes a folder of this user's, or checks that it is: in a folder that everybody writes, somebody else's could be
// in its place.
func makeDir(dir string) error {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711 // for the users that servers run as
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s isn't a folder of this user's: remove it", dir)
	}
	return os.Chmod(dir, mode)
}

// lock takes the lock of a file, which it makes if needed, and holds it until Close or the end of the process.
func lock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err {
		case nil:
			return f, nil
		case syscall.EINTR:
		default:
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

// secret returns the password of this user's test servers: other users of the machine reach the same loopback.
func secret(path string) (string, error) {
	if text, err := os.ReadFile(path); err == nil && len(text) == 32 {
		return string(text), nil
	}
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	text := hex.EncodeToString(b)
	return text, os.WriteFile(path, []byte(text), 0o600)
}
