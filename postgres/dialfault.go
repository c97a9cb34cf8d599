package postgres

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// terms are PostgreSQL's words for what can be wrong with a connection.
func terms() *netdriver.Words {
	return &netdriver.Words{
		Scheme: "postgres", Server: "a PostgreSQL server", RootCert: "sslrootcert", Cert: "sslcert", Key: "sslkey",
		NoTLS:     "switch TLS on in the server (ssl = on); only where nobody else can listen, sslmode=disable does without",
		Encrypted: "sslmode=require", AnyName: "sslmode=verify-ca", Listens: "listen_addresses, port",
		NoSocket: "is the server running, and is its socket in that directory (unix_socket_directories) and of that port?",
	}
}

// dialFault is the fault of one address of a host. ctx is the caller's: the end of ConnectTimeout is the address's own
// fault.
func (t *target) dialFault(ctx context.Context, h Host, address string, who netdriver.Login, err error) *driver.Fault {
	if f, ok := errors.AsType[*driver.Fault](err); ok {
		f.Phase = driver.Dial
		return f
	}
	f := &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Evict: true, Err: err}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		f = t.fault(driver.Dial, t.withoutSecrets(e, who))
		explainLogin(f, e)
		if e.Code == "28P01" && who.Password == "" {
			f.Hint = "no password was given: put it into the URL, PGPASSWORD, .pgpass or password_file"
		}
	} else if ctx.Err() != nil {
		return netdriver.Ended(ctx, driver.Dial, nil)
	} else if errors.Is(err, errNoTLS) || errors.Is(err, errEarlyTLS) {
		f.Verdict, f.Hint = driver.Never, terms().NoTLS
	} else if !terms().Explain(f, h.Name, h.isSocket(), err) {
		f.Verdict, f.Hint = driver.Never, "is it a PostgreSQL server that answers there?"
		what, _, _ := strings.Cut(err.Error(), ":") // pgconn has no type for them
		switch what {
		case "failed SASL auth", "failed GSS auth", "require_auth check failed", "channel binding check failed":
			f.Kind, f.Hint = driver.Auth, ""
		}
		if strings.Contains(err.Error(), `requirement "!password"`) && t.RequireAuth == "" {
			f.Hint = "it asks for the password itself over a network without encryption: use TLS (sslmode=verify-full), " +
				"or have the server use scram-sha-256; require_auth=password would send it"
		}
	}
	if h.isSocket() || net.ParseIP(h.Name) != nil {
		address = ""
	}
	return netdriver.Locate(f, h.String(), address, t.ConnectTimeout, err)
}

// withoutSecrets returns what a server said, without the password.
func (t *target) withoutSecrets(e *pgconn.PgError, who netdriver.Login) *pgconn.PgError {
	out := *e
	netdriver.Redact(who.Password, who.User+"\x00"+t.Database+"\x00"+t.label(),
		&out.Severity, &out.SeverityUnlocalized, &out.Code, &out.Message, &out.Detail, &out.Hint, &out.InternalQuery, &out.Where,
		&out.SchemaName, &out.TableName, &out.ColumnName, &out.DataTypeName, &out.ConstraintName, &out.File, &out.Routine)
	return &out
}

// explainLogin says what to try when the server refused a login.
func explainLogin(f *driver.Fault, e *pgconn.PgError) {
	switch {
	case e.Code == "42704":
		f.Kind = driver.Argument
		f.Hint = "a parameter of the URL that isn't one of the connection is set in the session, and the server doesn't know this one"
	case e.Code == "08P01" && strings.Contains(e.Message, "startup parameter"):
		f.Kind, f.Verdict = driver.Argument, driver.Never
		f.Hint = "it is PgBouncer that says this: leave the parameter out of the URL, or add it to its " +
			"track_extra_parameters or ignore_startup_parameters"
	case e.Code == "08P01" && strings.HasPrefix(e.Message, "no more connections allowed"):
		f.Verdict, f.Crowded, f.Hint = driver.Again, true, "PgBouncer has max_client_conn already: raise it, or have smaller pools"
	case f.Verdict == driver.IfSafe: // nothing was sent yet that could have been applied
		f.Verdict = driver.Again
	}
}
