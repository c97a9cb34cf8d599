package servers

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// A house is where the servers of this process live. It's built with the first server and gone with the last.
type house struct {
	base    string // templates, and what is this process's in run: stays
	dir     string // this process's: goes
	memory  string // the same in memory, for data that nobody has to keep; or ""
	secret  string // the users' password
	address string // this process's
	certs   Certs
	thread  chan func() // starts children: see open
	janitor *exec.Cmd
	alive   io.Closer   // the janitor acts when this ends
	locks   []io.Closer // of dir and memory, for those who sweep

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
func enter() (*house, error) {
	current.Lock()
	defer current.Unlock()
	if current.house == nil {
		h, err := open()
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

func open() (_ *house, err error) {
	h := &house{next: map[Kind]int{}, address: address(os.Getpid())}
	if h.base, err = base(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.dir, err = h.claim(h.base); err != nil {
		return nil, err
	}
	if root := memory(); root != "" {
		if h.memory, err = h.claim(root); err != nil {
			return nil, err
		}
	}
	if h.secret, err = h.password(); err != nil {
		return nil, err
	}
	if err := makeDir(filepath.Join(h.base, "templates")); err != nil {
		return nil, err
	}
	if h.certs, err = makeCerts(h.dir, h.address); err != nil {
		return nil, err
	}
	if err := h.startJanitor(); err != nil {
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

// claim makes a folder for this process in root, and removes what is left there of others.
func (h *house) claim(root string) (string, error) {
	runs := filepath.Join(root, "run")
	for _, dir := range []string{root, runs} {
		if err := makeDir(dir); err != nil {
			return "", err
		}
	}
	// Nobody sweeps while there is a folder whose owner hasn't locked it yet.
	unlock, err := lock(filepath.Join(root, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock.Close() //nolint:errcheck // nothing was written to it
	sweep(runs)
	dir, err := os.MkdirTemp(runs, strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return "", err
	}
	alive, err := lock(filepath.Join(dir, "alive"))
	if err != nil {
		return dir, err
	}
	h.locks = append(h.locks, alive)
	return dir, os.Chmod(dir, 0o711) // for the users that servers run as
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

func (h *house) close() {
	if h.thread != nil {
		close(h.thread)
	}
	if h.janitor != nil {
		_ = h.alive.Close()
		_ = h.janitor.Wait()
	}
	for _, dir := range []string{h.dir, h.memory} {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
	for _, l := range h.locks {
		_ = l.Close()
	}
}

// The janitor waits for the end of this process or of the house, then kills what works in the folders it's given, removes
// the shared memory that a killed PostgreSQL leaves, and the folders.
const janitor = `cat >/dev/null
for dir; do
	while :; do
		pids=$(ls -ldn /proc/[0-9]*/cwd 2>/dev/null | while read -r line; do
			case $line in *" -> $dir/"*) line=${line#*/proc/}; echo "${line%%/*}" ;; esac
		done)
		[ -n "$pids" ] || break
		kill -9 $pids 2>/dev/null
		sleep 0.02
	done
	for file in "$dir"/*/data/postmaster.pid; do
		[ -f "$file" ] && ipcrm -m "$(sed -n '7s/.* //p' "$file")" 2>/dev/null
	done
	rm -rf "$dir"
done
`

// startJanitor starts what cleans up even if this process is killed.
func (h *house) startJanitor() error {
	args := []string{"-c", janitor, "plinth-janitor", h.dir}
	if h.memory != "" {
		args = append(args, h.memory)
	}
	cmd := exec.Command("sh", args...) //nolint:noctx // outlives everything here
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

// removeData removes the folder of a server or of all of a process, and the bit of shared memory that PostgreSQL leaves
// when it's killed: its file has the number.
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
		if dir = h.dir; !durable && h.memory != "" {
			dir = h.memory
		}
		dir = filepath.Join(dir, string(kind)+strconv.Itoa(n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", "", 0, err
		}
		return dir, h.address, port, identity(kind).give(dir)
	}
	return "", "", 0, fmt.Errorf("servers: no free port on %s from %d on", h.address, ports[kind])
}

// ports are where the kinds begin: known numbers with a 2 in front, below those that are given to outgoing connections.
var ports = map[Kind]int{ //nolint:gochecknoglobals // a constant
	KindPostgres: 25432, KindMariaDB: 23306, KindPgBouncer: 26432, KindMongoDB: 27017,
}

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

func name() string { return "plinth-servers-" + strconv.Itoa(os.Geteuid()) }

// base returns the folder where templates stay: in the folder for temporary files, unless the servers couldn't get there
// or it's in memory.
func base() (string, error) {
	var last string
	for _, temp := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if len(temp)+1+len(name()) > maxBase || !openToAll(temp) {
			continue
		}
		if last = filepath.Join(temp, name()); !inMemory(temp) {
			return last, nil
		}
	}
	if last == "" {
		return "", errors.New("no folder for data: neither TMPDIR nor /tmp nor /var/tmp is short and open to the servers' users")
	}
	return last, nil
}

// memory returns a folder in memory, or "" where there isn't plenty. A PostgreSQL database is 300 files, and to make them
// takes from 10 to 150 ms on disks, 5 ms there.
func memory() string {
	const shm, plenty = "/dev/shm", 4 << 30
	if !inMemory(shm) || !openToAll(shm) || min(space(shm), freeMemory()) < plenty {
		return ""
	}
	return filepath.Join(shm, name())
}

// freeMemory is what can be had without swapping, in bytes.
func freeMemory() int64 {
	text, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "MemAvailable:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// openToAll tells whether the servers' users get into a folder.
func openToAll(dir string) bool {
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

// password returns what the test servers of this user of the machine ask for: others reach the same loopback.
func (h *house) password() (string, error) {
	unlock, err := lock(filepath.Join(h.base, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock.Close() //nolint:errcheck // nothing was written to it
	path := filepath.Join(h.base, "secret")
	if text, err := os.ReadFile(path); err == nil && len(text) == 32 {
		return string(text), nil
	}
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	text := hex.EncodeToString(b)
	return text, os.WriteFile(path, []byte(text), 0o600)
}
