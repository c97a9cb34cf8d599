package main

import (
	"os"
	"testing"

	"github.com/plinthdb/plinth/integration/servers"
)

func TestMain(m *testing.M) {
	if isChild() {
		os.Exit(child())
	}
	servers.Main(m)
}

// TestEveryTrialMeetsItsTargets runs the short form of all trials.
func TestEveryTrialMeetsItsTargets(t *testing.T) {
	for _, trial := range trials() {
		for _, p := range trial.on {
			t.Run(trial.name+" on "+p.name, func(t *testing.T) {
				t.Parallel()
				b := &bench{product: p, short: true, progress: &progress{}}
				if p.kind != "" {
					start := map[servers.Kind]func(testing.TB, ...servers.Option) *servers.Server{
						servers.KindPostgres: servers.Postgres, servers.KindMariaDB: servers.MariaDB,
					}[p.kind]
					b.server = start(t, servers.Private(), servers.Durable(), servers.NoTLS())
				}
				t.Cleanup(b.close)
				if err := b.start(t.Context()); err != nil {
					t.Fatal(err)
				}
				figures, err := trial.run(t.Context(), b)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range figures {
					if !f.ok && !f.timed {
						t.Errorf("%s: %s, want %s", f.what, f.saw, f.target)
					} else {
						t.Logf("%s: %s (%s)", f.what, f.saw, f.target)
					}
				}
			})
		}
	}
}
