package servers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ferretdb is FerretDB over SQLite: MongoDB's protocol without transactions, and without much of the aggregation. It's
// built from source, from the module beside this package, since it comes in no package of Debian's.
type ferretdb struct{}

func (ferretdb) find() (string, error) { return BuildFerretDB(nil) }

// buildTime bounds the build. It takes a minute or two where nothing is cached.
const buildTime = 8 * time.Minute

// BuildFerretDB returns the path of the FerretDB that the tests run, and builds it first if there is none of this source
// by this Go yet; then it calls starting, if that isn't nil. Modules come by the module proxy.
func BuildFerretDB(starting func()) (string, error) {
	_, here, _, _ := runtime.Caller(0)
	source := filepath.Join(filepath.Dir(filepath.Dir(here)), "ferretdb")
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("servers: source of FerretDB (a test program has to know where it was built: no -trimpath): %w", err)
		}
		sum.Write(text)
	}
	fmt.Fprintf(sum, "%s %s %s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	root, err := base()
	if err != nil {
		return "", fmt.Errorf("servers: %w", err)
	}
	programs := filepath.Join(root, "programs")
	for _, dir := range []string{root, programs} {
		if err := makeDir(dir); err != nil {
			return "", fmt.Errorf("servers: %w", err)
		}
	}
	program := filepath.Join(programs, "ferretdb-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(program); !errors.Is(err, fs.ErrNotExist) {
		return program, err
	}
	unlock, err := lock(filepath.Join(programs, "lock"))
	if err != nil {
		return "", fmt.Errorf("servers: %w", err)
	}
	defer unlock.Close() //nolint:errcheck // nothing was written to it
	if _, err := os.Stat(program); !errors.Is(err, fs.ErrNotExist) {
		return program, err // another process has built it meanwhile
	}
	if starting != nil {
		starting()
	}
	if err := buildFerretDB(source, program+".new"); err != nil {
		return "", err
	}
	return program, os.Rename(program+".new", program)
}

// buildFerretDB leaves out the race detector, which slows FerretDB down without being asked about it, and -trimpath, with
// which nothing of what vet and lint have compiled before could be used: half of the time.
func buildFerretDB(source, program string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "ferretdb_no_postgresql", "-ldflags", "-s -w", "-o", program, ".")
	cmd.Dir = source
	// What asks for the race detector, coverage or a workspace means the tests.
	cmd.Env = append(os.Environ(), "PWD="+source, "GOFLAGS=", "GOWORK=off")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: go build of FerretDB: %w: %s", KindMongoDB, ErrNotInstalled, err, bytes.TrimSpace(said.Bytes()))
	}
	return os.Chmod(program, 0o755) //nolint:gosec // the servers' user runs it
}

// data is the folder of a server that keeps its data.
func (ferretdb) data(s *Server) string { return filepath.Join(s.dir, "data") }

func (f ferretdb) prepare(_ context.Context, s *Server) error {
	if s.set.durable {
		if err := os.Mkdir(f.data(s), 0o700); err != nil {
			return err
		}
		if err := identity(s.kind).give(f.data(s)); err != nil {
			return err
		}
	}
	return s.writeCert(s.dir)
}

func (f ferretdb) command(s *Server) *exec.Cmd {
	args := []string{"--listen", s.Addr()}
	if s.set.durable {
		args = append(args, "--data", f.data(s))
	}
	if f.tls(s) {
		args = append(args, "--cert", filepath.Join(s.dir, "server.crt"), "--key", filepath.Join(s.dir, "server.key"))
	}
	return exec.Command(s.program, append(args, s.set.flags...)...) //nolint:noctx // ends by Stop
}

// tls tells whether the server speaks TLS, and then nothing else: it does where a certificate was asked for.
func (ferretdb) tls(s *Server) bool { return s.set.cert != "" && !s.set.noTLS }

func (ferretdb) ready(s *Server) bool {
	conn, err := net.Dial("tcp", s.Addr()) //nolint:noctx // loopback
	return err == nil && conn.Close() == nil
}

// stop isn't SIGTERM, which waits seconds for clients; SQLite's files are whole after either.
func (ferretdb) stop() syscall.Signal { return syscall.SIGKILL }

// users is one without a name: an embedded FerretDB asks nobody who he is.
func (ferretdb) users(*Server) []User { return []User{{Login: "none"}} }

func (f ferretdb) url(s *Server, _ User, database string) string {
	if database == "" {
		database = "test"
	}
	where := url.URL{Scheme: "mongodb", Host: s.Addr(), Path: "/" + database}
	if f.tls(s) {
		where.RawQuery = "tls=true&tlsCAFile=" + escapePath(s.CA())
	}
	return where.String()
}

// createDatabase does nothing: a database begins with its first document.
func (ferretdb) createDatabase(context.Context, *Server, string) error { return nil }

func (f ferretdb) dropDatabase(ctx context.Context, s *Server, name string) error {
	client, err := mongo.Connect(options.Client().ApplyURI(f.url(s, User{}, "")))
	if err != nil {
		return err
	}
	return errors.Join(client.Database(name).Drop(ctx), client.Disconnect(ctx))
}
