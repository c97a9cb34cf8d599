package postgres

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/names"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// A word is a parameter of a URL. The value is checked by resolve where that knows more.
type word struct {
	name string
	set  func(o *Options, value string) error
}

// words are the parameters that are about the connection, and not a setting of the session. Most are libpq's
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
func words() []word {
	return []word{
		{"sslmode", netdriver.Text(func(o *Options) *string { return &o.TLS.Mode })},
		{"sslrootcert", netdriver.Text(func(o *Options) *string { return &o.TLS.RootCert })},
		{"sslcert", netdriver.Text(func(o *Options) *string { return &o.TLS.Cert })},
		{"sslkey", netdriver.Text(func(o *Options) *string { return &o.TLS.Key })},
		{"sslsni", netdriver.Truth(func(o *Options, yes bool) { o.TLS.NoSNI = !yes })},
		{"sslnegotiation", choice(func(o *Options, v string) { o.TLS.Direct = v == "direct" }, "postgres", "direct")},
		{"sslcertmode", choice(nil, "allow", "disable")}, // for the end, when the certificate is known
		{"ssl_min_protocol_version", tlsVersion(func(o *Options) *uint16 { return &o.TLS.Min })},
		{"ssl_max_protocol_version", tlsVersion(func(o *Options) *uint16 { return &o.TLS.Max })},
		{"sslcompression", choice(nil, "0")},
		{"gssencmode", choice(nil, "disable", "prefer")},
		{"channel_binding", netdriver.Text(func(o *Options) *string { return &o.ChannelBinding })},
		{"require_auth", netdriver.Text(func(o *Options) *string { return &o.RequireAuth })},
		{"target_session_attrs", func(o *Options, value string) error { o.Role = Role(value); return nil }},
		{"load_balance_hosts", choice(func(o *Options, v string) { o.LoadBalance = v == "random" }, "disable", "random")},
		{"hostaddr", hostAddresses},
		{"connect_timeout", netdriver.Seconds(func(o *Options, d time.Duration) {
			if o.ConnectTimeout = d; d <= 0 {
				o.ConnectTimeout = -1
			}
		})},
		{"keepalives", netdriver.Truth(func(o *Options, yes bool) { o.NoKeepAlive = !yes })},
		{"keepalives_idle", netdriver.Seconds(func(o *Options, d time.Duration) { o.KeepAlive.Idle = d })},
		{"keepalives_interval", netdriver.Seconds(func(o *Options, d time.Duration) { o.KeepAlive.Interval = d })},
		{"keepalives_count", netdriver.Number(func(o *Options, n int) { o.KeepAlive.Count = n })},
		{"pgbouncer", netdriver.Truth(func(o *Options, yes bool) { o.PgBouncer = yes })},
		{"statement_cache", netdriver.Number(func(o *Options, n int) {
			if o.StatementCache = n; n == 0 {
				o.StatementCache = -1
			}
		})},
		{"passfile", choice(nil)}, // package config has looked them up
		{"service", choice(nil)},
		{"servicefile", choice(nil)},
	}
}

// foreign are parameters of other clients and libraries that mean something here, too, and what to write.
func foreign() map[string]string {
	const unsupported = "it isn't supported"
	const pooled = "leave it out; behind a PgBouncer write pgbouncer=true"
	return map[string]string{
		"ssl":       "write sslmode=verify-full",
		"sslaccept": "write sslmode=verify-full", "sslidentity": unsupported, "sslpassword": "use a key without a passphrase",
		"sslcrl": unsupported, "sslcrldir": unsupported, "requirepeer": unsupported, "requiressl": "write sslmode",
		"krbsrvname": unsupported, "krbspn": unsupported, "gsslib": unsupported, "gssdelegation": unsupported,
		"tcp_user_timeout": "the calls' own timeout ends them", "replication": unsupported,
		"scram_client_key": unsupported, "scram_server_key": unsupported,
		"min_protocol_version": unsupported, "max_protocol_version": unsupported,
		"pool_max_conns": "write max_open_conns", "pool_min_conns": "write min_conns", "pool_min_idle_conns": "write min_conns",
		"pool_max_conn_lifetime": "write conn_max_lifetime", "pool_max_conn_lifetime_jitter": "it is built in",
		"pool_max_conn_idle_time": "write conn_max_idle_time", "pool_health_check_period": "leave it out",
		"default_query_exec_mode":  pooled,
		"statement_cache_capacity": "write statement_cache", "description_cache_capacity": "write statement_cache",
		"statement_cache_size": "write statement_cache",
		"prepareThreshold":     pooled, "prepared_statements": pooled, "binary_parameters": pooled,
		"connection_limit": "write max_open_conns", "pool_timeout": "write acquire_timeout", "socket_timeout": "write timeout",
		"schema": "write search_path", "currentSchema": "write search_path", "connectTimeout": "write connect_timeout",
		"loginTimeout": "write connect_timeout", "ApplicationName": "write application_name", "user_name": "write user",
	}
}

// fromConfig returns the options that a configuration stands for. What isn't about the connection is a setting of the
// session, which the server knows or refuses by its name.
func fromConfig(c config.Config) (Options, error) {
	o := Options{Database: c.Database, User: c.User, Password: c.Password, ReadOnly: c.ReadOnly,
		RuntimeParams: map[string]string{}}
	for _, a := range c.Addresses() {
		o.Hosts = append(o.Hosts, Host{Name: a.Host, Port: a.Port})
	}
	known, hints := words(), foreign()
	fallback := ""
	for name, value := range c.Params.All() {
		i := slices.IndexFunc(known, func(w word) bool { return w.name == name })
		hint, isForeign := hints[name]
		switch {
		case i >= 0:
			if err := known[i].set(&o, value); err != nil {
				return o, driver.Faultf(driver.Argument, "the parameter %s: %w", name, err)
			}
		case name == "fallback_application_name":
			fallback = value
		case isForeign:
			return o, unknown(name, hint)
		default:
			if near := nearest(name, known); near != "" {
				return o, unknown(name, "did you mean "+near+"?")
			}
			o.RuntimeParams[name] = value
		}
	}
	if _, said := o.RuntimeParams["application_name"]; !said && fallback != "" {
		o.RuntimeParams["application_name"] = fallback
	}
	if mode, _ := c.Params.Get("sslcertmode"); mode == "disable" {
		o.TLS.Cert, o.TLS.Key = "", ""
	}
	return o, nil
}

func unknown(name, hint string) *driver.Fault {
	f := driver.Faultf(driver.Argument, "the parameter %s isn't one of a connection here", name)
	f.Hint = hint
	return f
}

// nearest returns the word that name is most likely a slip of the pen for, or "".
func nearest(name string, known []word) string {
	if strings.Contains(name, ".") { // an extension's
		return ""
	}
	for _, w := range known {
		if names.Distance(strings.ToLower(name), w.name) <= min(2, len(w.name)/4) {
			return w.name
		}
	}
	return ""
}

// choice takes one of the values, or any if none is listed.
func choice(set func(*Options, string), values ...string) func(*Options, string) error {
	return func(o *Options, value string) error {
		if len(values) > 0 && !slices.Contains(values, value) {
			return fmt.Errorf("only %s can be done", strings.Join(values, " or "))
		}
		if set != nil {
			set(o, value)
		}
		return nil
	}
}

func tlsVersion(field func(*Options) *uint16) func(*Options, string) error {
	return func(o *Options, value string) error {
		switch strings.ToLower(value) {
		case "tlsv1.2":
			*field(o) = tls.VersionTLS12
		case "tlsv1.3":
			*field(o) = tls.VersionTLS13
		default:
			return fmt.Errorf("write TLSv1.2 or TLSv1.3; what is older is broken")
		}
		return nil
	}
}

// hostAddresses reads a list of as many addresses as there are hosts; an empty one is looked up.
func hostAddresses(o *Options, value string) error {
	list := strings.Split(value, ",")
	if len(list) != len(o.Hosts) {
		return fmt.Errorf("list as many addresses as there are hosts")
	}
	for i, address := range list {
		o.Hosts[i].Address = address
	}
	return nil
}
