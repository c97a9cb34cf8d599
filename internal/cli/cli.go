// Package cli is the command plinth: flags, output formats, scripts, and a tour of the library.
package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/internal/cli/demo"
	"github.com/plinthdb/plinth/open"
	"github.com/plinthdb/plinth/querylog"
)

// DefaultURL is the database that is used when neither -d nor the environment names one.
const DefaultURL = "sqlite:plinth.db"

// Main runs the command with its arguments (without the program's name) and returns its exit code: see the constants.
// env is os.LookupEnv, or a test's own. It uses nothing of the process but what it is given, so many may run at once.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) (string, bool)) int {
	a := &app{stdin: stdin, out: newOutput(stdout), stderr: stderr, env: env}
	return a.exit(ctx, a.run(ctx, args), args)
}

// app is one run of the command.
type app struct {
	flags
	stdin  io.Reader
	out    *output
	stderr io.Writer
	env    func(string) (string, bool)

	missing string // the SQLite file that isn't there, and that only exec may create
}

// flags are accepted before and after every subcommand.
type flags struct {
	Database string   `short:"d" placeholder:"URL|NAME" help:"The database: a URL, a path, or a name that the configuration knows. Default: DATABASE_URL in the environment, else the database primary of plinth.yaml, else ${default_url}."`
	Timeout  duration `placeholder:"DURATION" help:"Give up on a statement after this long, such as 5s or 500ms. Default: wait for ever."`
	Log      bool     `help:"Log each statement to standard error, slow ones as warnings. Arguments are never shown."`
	Slow     duration `default:"200ms" help:"With --log: what is slow."`
	Verbose  bool     `short:"v" help:"After an error, show each attempt that was made."`
	NoColor  bool     `help:"Use no colours. NO_COLOR in the environment does the same."`
}

// grammar is what kong reads the command line into.
type grammar struct {
	*flags
	Print kong.VersionFlag `name:"version" help:"Print the version."`

	Ping    pingCmd    `cmd:"" help:"Make one round trip and say what answered."`
	Health  healthCmd  `cmd:"" help:"Report on the database's health and the pool; exit code 3 if it isn't healthy."`
	Query   queryCmd   `cmd:"" help:"Run a statement and print its rows."`
	Exec    execCmd    `cmd:"" help:"Run a statement, or a script, for what it does."`
	Load    loadCmd    `cmd:"" help:"Load rows from a file: JSON, JSONL or CSV."`
	Tables  tablesCmd  `cmd:"" help:"List the tables, or the columns of one."`
	Config  configCmd  `cmd:"" help:"Show the configuration, and where it comes from."`
	Demo    demoCmd    `cmd:"" help:"Take a tour of the library, on a temporary database. It takes a few seconds."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// run reads the command line and does what it says.
func (a *app) run(ctx context.Context, args []string) error {
	helped := false
	parser, err := kong.New(&grammar{flags: &a.flags},
		kong.Name("plinth"), kong.Description(description), kong.Vars{"default_url": DefaultURL, "version": version(), "arg_help": argHelp},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoAppDescFormat: true, WrapUpperBound: 100}),
		kong.Help(help),
		kong.Writers(a.out, a.stderr), kong.Exit(func(int) { helped = true }),
	)
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	command, err := parser.Parse(markNegatives(args))
	switch {
	case helped: // --help goes before everything that is wrong or missing
		return a.out.Flush()
	case len(args) == 0:
		return usagef("plinth --help lists them, plinth demo shows what the library does", "a command is missing")
	case err != nil:
		return parseError(err, command, parser.Model)
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(a)
	if ferr := a.out.Flush(); err == nil { // what was printed before an error counts, too
		err = ferr
	}
	return err
}

// engine opens the database for fn and closes it afterwards.
func (a *app) engine(ctx context.Context, how access, fn func(*plinth.Engine) error) error {
	return a.engineOf(ctx, how, "", fn)
}

// engineOf is engine for another database of the same server, "" for the one that is configured.
func (a *app) engineOf(ctx context.Context, how access, database string, fn func(*plinth.Engine) error) error {
	timeout := time.Duration(a.Timeout)
	if timeout > 0 && timeout < time.Millisecond {
		return usagef("", "--timeout: %v is too short, 1ms is the least", timeout)
	}
	logger := slog.New(slog.DiscardHandler)
	if a.Log {
		logger = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	o := named(a.Database)
	o.Config = append(a.sources(), config.With(a.configure(how)), config.With(func(c *config.Config) {
		if database != "" {
			c.Database = database
		}
	}))
	o.Timeout, o.Pool.AcquireTimeout = timeout, timeout
	o.Logger = logger
	o.QueryLog = querylog.Options{Logger: logger, Threshold: time.Duration(a.Slow), Errors: true, All: a.Log}
	db, err := open.Open(ctx, o)
	if err != nil {
		return unnamed(a.Database, err)
	}
	err = a.explain(fn(db))
	if stats := db.Stats(); err != nil && db.Name() != "sqlite" && stats.DialErrorCount > 0 && stats.AcquireCount == 0 {
		err = &unreached{err}
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if cerr := db.Close(closing); err == nil {
		err = cerr
	}
	return err
}

// note prints what isn't a result.
func (a *app) note(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }

// colors reports whether w is a terminal that may be sent escape codes.
func (a *app) colors(w io.Writer) bool {
	none, _ := a.env("NO_COLOR")
	kind, _ := a.env("TERM")
	return !a.NoColor && none == "" && kind != "dumb" && isTerminal(w)
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// output is standard output: buffered, and it remembers that nobody reads it any more.
type output struct {
	*bufio.Writer
	to io.Writer
}

func newOutput(w io.Writer) *output { return &output{Writer: bufio.NewWriterSize(w, 64<<10), to: w} }

type demoCmd struct{}

func (demoCmd) Help() string {
	return `Each step shows the lines of Go that run and what they print. The demo fails, with exit code 1, if a step doesn't do what it says.`
}

// Run takes the tour.
func (demoCmd) Run(ctx context.Context, a *app) error {
	return demo.Run(ctx, live{a.out}, a.colors(a.out.to))
}

// live is output that is seen as it comes.
type live struct{ out *output }

func (l live) Write(p []byte) (int, error) {
	n, err := l.out.Write(p)
	if err == nil {
		err = l.out.Flush()
	}
	return n, err
}

type versionCmd struct{}

// Run prints the version, which is the one that the go command recorded in the binary.
func (versionCmd) Run(a *app) error {
	_, err := fmt.Fprintln(a.out, version())
	return err
}

func version() string {
	v := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = info.Main.Version
	}
	return fmt.Sprintf("plinth %s (%s, %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
