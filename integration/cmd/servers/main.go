// Command servers runs one PostgreSQL, one MariaDB, one PgBouncer and one FerretDB until Ctrl-C, and prints how to reach
// them. They listen on loopback only; their data goes when they end.
//
//	go run ./cmd/servers [--json | --build]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/plinthdb/plinth/integration/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	asJSON := flag.Bool("json", false, "print one JSON object with everything about the servers, users and certificates included")
	build := flag.Bool("build", false, "only build FerretDB, unless it's there")
	flag.Parse()
	if flag.NArg() > 0 || *asJSON && *build {
		flag.Usage()
		os.Exit(2)
	}
	if *build {
		if err := buildFerretDB(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "servers:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, *asJSON, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		os.Exit(1)
	}
}

// buildFerretDB says nothing if it's there.
func buildFerretDB(out io.Writer) error {
	built := false
	program, err := servers.BuildFerretDB(func() {
		built = true
		fmt.Fprintln(out, "building FerretDB for the tests of MongoDB: a minute or two, once")
	})
	if built && err == nil {
		fmt.Fprintln(out, program)
	}
	return err
}

// run keeps the servers until ctx ends.
func run(ctx context.Context, asJSON bool, out, notes io.Writer) error {
	running, err := start(ctx, notes)
	defer func() {
		for i := len(running) - 1; i >= 0; i-- { // PgBouncer before what is behind it
			if err := running[i].Close(); err != nil {
				fmt.Fprintln(notes, err)
			}
		}
	}()
	switch {
	case ctx.Err() != nil:
		return nil // Ctrl-C while they started
	case err != nil:
		return err
	case len(running) == 0:
		return servers.ErrNotInstalled
	case asJSON:
		err = printJSON(out, running)
	default:
		err = printShell(out, running)
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Fprintln(notes, "ending the servers and removing their data")
	return nil
}

// start starts what is installed.
func start(ctx context.Context, notes io.Writer) ([]*servers.Server, error) {
	var running []*servers.Server
	for _, kind := range []servers.Kind{servers.KindPostgres, servers.KindMariaDB, servers.KindPgBouncer, servers.KindMongoDB} {
		options := []servers.Option{servers.Durable()}
		if kind == servers.KindPgBouncer {
			if len(running) == 0 || running[0].Kind() != servers.KindPostgres {
				continue // nothing to stand before
			}
			options = append(options, servers.Behind(running[0]))
		}
		s, err := servers.Start(ctx, kind, options...)
		switch {
		case errors.Is(err, servers.ErrNotInstalled):
			fmt.Fprintln(notes, "left out:", err)
		case err != nil:
			return running, err
		default:
			running = append(running, s)
		}
	}
	return running, nil
}

func printShell(out io.Writer, running []*servers.Server) error {
	var b strings.Builder
	for _, s := range running {
		fmt.Fprintf(&b, "# %-10s %s", s.Kind(), s.Addr())
		if s.Socket() != "" {
			fmt.Fprintf(&b, " socket %s", s.Socket())
		}
		fmt.Fprintf(&b, "\n#            %s\n", s.Version())
	}
	b.WriteString("\n")
	for _, s := range running {
		fmt.Fprintf(&b, "export %s_DATABASE_URL='%s'\n", strings.ToUpper(string(s.Kind())), pooled(s))
	}
	fmt.Fprintf(&b, "\n# With these, in another shell: plinth -d %s query 'select 1'\n# --json prints all users and certificates. Ctrl-C ends the servers.\n",
		running[0].Kind())
	_, err := io.WriteString(out, b.String())
	return err
}

type shownUser struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
	Login    string `json:"login"`
	URL      string `json:"url"`
}

type shownServer struct {
	Version string        `json:"version"`
	URL     string        `json:"url"`
	Address string        `json:"address"`
	Socket  string        `json:"socket,omitempty"`
	Pid     int           `json:"pid"`
	Users   []shownUser   `json:"users"`
	Certs   servers.Certs `json:"certs"`
}

func printJSON(out io.Writer, running []*servers.Server) error {
	shown := map[servers.Kind]shownServer{}
	for _, s := range running {
		one := shownServer{Version: s.Version(), URL: pooled(s), Address: s.Addr(), Socket: s.Socket(), Pid: s.Pid(), Certs: s.Certs()}
		for _, u := range s.Users() {
			one.Users = append(one.Users, shownUser{u.Name, u.Password, u.Login, s.URLAs(u.Name, "")})
		}
		shown[s.Kind()] = one
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false) // URLs have &
	encoder.SetIndent("", "  ")
	return encoder.Encode(shown)
}

// pooled returns the URL of a server as Plinth needs it: a PgBouncer in transaction mode keeps no prepared statements.
func pooled(s *servers.Server) string {
	if s.Kind() == servers.KindPgBouncer {
		return s.URL() + "&pgbouncer=true"
	}
	return s.URL()
}
