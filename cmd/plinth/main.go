// Command plinth asks a database questions from the shell: plinth --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/plinthdb/plinth/internal/cli"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is an error of the write, and cli ends quietly on it
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the process at once
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv))
}
