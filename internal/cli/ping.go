package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/health"
)

type pingCmd struct{}

// Help is what kong prints below the usage.
func (pingCmd) Help() string {
	return `Exit code 0 if the database answers, 3 if not. An SQLite file that doesn't exist isn't created: plinth exec does that.`
}

// Run makes one round trip.
func (pingCmd) Run(ctx context.Context, a *app) error {
	return a.engine(ctx, existing, func(db *plinth.Engine) error {
		start := time.Now()
		server, err := db.Ping(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s ok in %v (%s)\n", target(db), round(time.Since(start)), serverText(db, server.Version, server.Role, server.Writable))
		return err
	})
}

// target names the database as a URL does.
func target(db *plinth.Engine) string {
	t := db.Target()
	if strings.HasPrefix(t, db.Name()+":") {
		return t
	}
	return db.Name() + ":" + t
}

// serverText returns "SQLite 3.54.1, primary, writable".
func serverText(db *plinth.Engine, version, role string, writable bool) string {
	parts := []string{product(db.Name()) + " " + version}
	if strings.HasPrefix(version, "FerretDB ") {
		parts[0] = version
	}
	if role != "" {
		parts = append(parts, role)
	}
	if writable {
		parts = append(parts, "writable")
	} else {
		parts = append(parts, "read-only")
	}
	return strings.Join(parts, ", ")
}

func product(engine string) string {
	switch engine {
	case "sqlite":
		return "SQLite"
	case "postgres":
		return "PostgreSQL"
	case "mariadb":
		return "MariaDB"
	case "mongodb":
		return "MongoDB"
	}
	return engine
}

type healthCmd struct {
	Format string `name:"output" short:"o" enum:"text,json" default:"text" placeholder:"FORMAT" help:"One of ${enum}. Default: text."`
}

// Help is what kong prints below the usage.
func (healthCmd) Help() string {
	return `Exit code 0 if one round trip succeeds within --timeout, 3 if not. A database that only reads is healthy; an SQLite file that doesn't exist isn't, and isn't created.`
}

// Run prints the report of a health check.
func (h *healthCmd) Run(ctx context.Context, a *app) error {
	return a.engine(ctx, existing, func(db *plinth.Engine) error {
		report := (&health.Checker{Engine: db, Timeout: time.Duration(a.Timeout)}).Check(ctx)
		if err := ctx.Err(); err != nil && !report.Healthy {
			return err // that says nothing about the database
		}
		report.Err = a.explain(report.Err)
		show := a.healthText
		if h.Format == "json" {
			show = a.healthJSON
		}
		if err := show(db, report); err != nil {
			return err
		}
		if !report.Healthy {
			return errUnhealthy
		}
		return nil
	})
}

func (a *app) healthText(db *plinth.Engine, r health.Report) error {
	state := "healthy"
	if !r.Healthy {
		state = "not healthy"
	}
	fmt.Fprintf(a.out, "state    %s\ndatabase %s\n", state, target(db))
	if r.Err != nil {
		message, hint := describe(r.Err)
		fmt.Fprintf(a.out, "error    %s\n", message)
		if hint != "" {
			fmt.Fprintf(a.out, "hint     %s\n", hint)
		}
	} else {
		fmt.Fprintf(a.out, "server   %s\n", serverText(db, r.Version, r.Role, r.Writable))
	}
	fmt.Fprintf(a.out, "latency  %v\n", round(r.Latency))
	for _, p := range r.Pool.Pools {
		fmt.Fprintf(a.out, "pool     %s\n", strings.TrimSpace(fmt.Sprintf("%s %d of %d in use, %d idle, %d waiting",
			p.Name, p.InUse, p.MaxOpenConnections, p.Idle, p.Waiting)))
	}
	return nil
}

// healthJSON prints the report as one object. Its names are part of the command's interface, and so apart from Go's.
func (a *app) healthJSON(_ *plinth.Engine, r health.Report) error {
	type pool struct {
		Name    string `json:"name,omitempty"`
		Max     int    `json:"max"`
		InUse   int    `json:"in_use"`
		Idle    int    `json:"idle"`
		Waiting int    `json:"waiting"`
	}
	out := struct {
		Healthy   bool    `json:"healthy"`
		Engine    string  `json:"engine"`
		Target    string  `json:"target"`
		Version   string  `json:"version,omitempty"`
		Role      string  `json:"role,omitempty"`
		Writable  bool    `json:"writable"`
		LatencyMS float64 `json:"latency_ms"`
		Pools     []pool  `json:"pools"`
		Error     string  `json:"error,omitempty"`
	}{
		Healthy: r.Healthy, Engine: r.Engine, Target: r.Target, Version: r.Version, Role: r.Role, Writable: r.Writable,
		LatencyMS: float64(r.Latency.Microseconds()) / 1000, Pools: []pool{},
	}
	for _, p := range r.Pool.Pools {
		out.Pools = append(out.Pools, pool{p.Name, p.MaxOpenConnections, p.InUse, p.Idle, p.Waiting})
	}
	if r.Err != nil {
		out.Error, _ = describe(r.Err)
	}
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
