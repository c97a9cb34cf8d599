// Command ferretdb is FerretDB over SQLite as one process: the server that speaks MongoDB's protocol where the tests run
// without MongoDB. Package servers builds and starts it. It's a module of its own, so that what it's made of stays out of
// the tests' and the benchmarks' module.
//
//	ferretdb --listen 127.0.0.1:27017 [--data DIR] [--cert FILE --key FILE]
//	ferretdb --version
//
// It keeps its data in memory unless --data names a folder, and ends in order by SIGTERM or SIGINT.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1) //nolint:gocritic // ends either way
	}
}

func run(ctx context.Context) error {
	listen := flag.String("listen", "", "`host:port` of the only listener")
	data := flag.String("data", "", "`folder` of the SQLite files; memory if empty")
	cert := flag.String("cert", "", "`file` of the certificate: the listener speaks TLS")
	key := flag.String("key", "", "`file` of the certificate's key")
	version := flag.Bool("version", false, "print the version and end")
	flag.Parse()
	if *version {
		fmt.Println("FerretDB", ferretVersion())
		return nil
	}
	if *listen == "" {
		return errors.New("--listen is missing")
	}
	config := ferretdb.Config{
		Handler:   "sqlite",
		SQLiteURL: "file:./?mode=memory", // the folder has to be there, even so
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	if *data != "" {
		config.SQLiteURL = "file:" + *data + "/"
	}
	if *cert == "" {
		config.Listener.TCP = *listen
	} else {
		config.Listener = ferretdb.ListenerConfig{TLS: *listen, TLSCertFile: *cert, TLSKeyFile: *key}
	}
	server, err := ferretdb.New(&config)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}

// ferretVersion is that of the module this program was built with.
func ferretVersion() string {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, m := range info.Deps {
			if m.Path == "github.com/FerretDB/FerretDB" {
				return m.Version
			}
		}
	}
	return "(unknown)"
}
