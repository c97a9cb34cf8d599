package postgres

import (
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth/driver"
)

// resolveLogin checks how to log in, and makes the configuration that pgconn only takes from its own parser.
func (t *target) resolveLogin() (err error) {
	if !slices.Contains([]string{"", "disable", "prefer", "require"}, t.ChannelBinding) {
		return driver.Faultf(driver.Argument, "channel_binding %q: use one of disable, prefer, require", t.ChannelBinding)
	}
	if strings.ContainsRune(t.User+t.Database, 0) {
		return driver.Faultf(driver.Argument, "the user or the database has a zero byte in its name")
	}
	t.blank, err = blankConfig(t.RequireAuth)
	return err
}

// blankConfig returns a pgconn.Config that says nothing. pgconn insists on parsing one, and its parser also reads PG*
// variables, the service file, the password file and the certificates in the home directory. All of that is package
// config's business, so each key is set here, for what a connection string says goes before the environment. The fields
// that count are set at each dial.
func blankConfig(requireAuth string) (*pgconn.Config, error) {
	if requireAuth != "" && strings.Trim(requireAuth, "abcdefghijklmnopqrstuvwxyz0123456789-!, ") != "" {
		return nil, driver.Faultf(driver.Argument,
			"require_auth: use a list of password, md5, scram-sha-256, none, or of these with a ! each")
	}
	text := "host=/ port=5432 user=none password=none dbname=none passfile='' connect_timeout=0 sslmode=disable sslkey='' sslcert='' " +
		"sslcertmode=allow sslrootcert='' sslpassword='' sslnegotiation=postgres sslsni=1 target_session_attrs=any " +
		"min_protocol_version=3.0 max_protocol_version=3.0 channel_binding=prefer require_auth='" + requireAuth + "'"
	if os.Getenv("PGSERVICE") != "" { // a service can't be set to none, so it gets an empty one
		file, err := os.CreateTemp("", "plinth-service-*")
		if err != nil {
			return nil, driver.Faultf(driver.Argument, "PGSERVICE is set, and the file that hides it from pgx can't be written: %w",
				err)
		}
		defer func() { _ = os.Remove(file.Name()) }()
		_, err = file.WriteString("[none]\n")
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, driver.Faultf(driver.Argument, "PGSERVICE is set, and the file that hides it from pgx can't be written: %w",
				err)
		}
		text += " service=none servicefile='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(file.Name()) + "'"
	}
	c, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, driver.Faultf(driver.Argument, "%s", strings.TrimPrefix(err.Error(), "cannot parse `"+text+"`: "))
	}
	return c, nil
}
