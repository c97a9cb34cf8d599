package postgres

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// words are the parameters that are about the connection, and not a setting of the session. Most are libpq's
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
func words() netdriver.Params[Options] {
	return netdriver.Params[Options]{
		"sslmode":                  netdriver.Text(func(o *Options) *string { return &o.TLS.Mode }),
		"sslrootcert":              netdriver.Text(func(o *Options) *string { return &o.TLS.RootCert }),
		"sslcert":                  netdriver.Text(func(o *Options) *string { return &o.TLS.Cert }),
		"sslkey":                   netdriver.Text(func(o *Options) *string { return &o.TLS.Key }),
		"sslsni":                   netdriver.Truth(func(o *Options, yes bool) { o.TLS.NoSNI = !yes }),
		"sslnegotiation":           netdriver.Choice(func(o *Options, v string) { o.TLS.Direct = v == "direct" }, "postgres", "direct"),
		"sslcertmode":              netdriver.Choice[Options](nil, "allow", "disable"), // for the end, when the certificate is known
		"ssl_min_protocol_version": tlsVersion(func(o *Options) *uint16 { return &o.TLS.Min }),
		"ssl_max_protocol_version": tlsVersion(func(o *Options) *uint16 { return &o.TLS.Max }),
		"sslcompression":           netdriver.Choice[Options](nil, "0"),
		"gssencmode":               netdriver.Choice[Options](nil, "disable", "prefer"),
		"channel_binding":          netdriver.Text(func(o *Options) *string { return &o.ChannelBinding }),
		"require_auth":             netdriver.Text(func(o *Options) *string { return &o.RequireAuth }),
		"target_session_attrs":     func(o *Options, value string) error { o.Role = Role(value); return nil },
		"load_balance_hosts":       netdriver.Choice(func(o *Options, v string) { o.LoadBalance = v == "random" }, "disable", "random"),
		"hostaddr":                 hostAddresses,
		"connect_timeout": netdriver.Seconds(func(o *Options, d time.Duration) {
			if o.ConnectTimeout = d; d <= 0 {
				o.ConnectTimeout = -1
			}
		}),
		"keepalives":          netdriver.Truth(func(o *Options, yes bool) { o.NoKeepAlive = !yes }),
		"keepalives_idle":     netdriver.Seconds(func(o *Options, d time.Duration) { o.KeepAlive.Idle = d }),
		"keepalives_interval": netdriver.Seconds(func(o *Options, d time.Duration) { o.KeepAlive.Interval = d }),
		"keepalives_count":    netdriver.Number(func(o *Options, n int) { o.KeepAlive.Count = n }),
		"pgbouncer":           netdriver.Truth(func(o *Options, yes bool) { o.PgBouncer = yes }),
		"statement_cache": netdriver.Number(func(o *Options, n int) {
			if o.StatementCache = n; n == 0 {
				o.StatementCache = -1
			}
		}),
		"passfile":    netdriver.Choice[Options](nil), // package config has looked them up
		"service":     netdriver.Choice[Options](nil),
		"servicefile": netdriver.Choice[Options](nil),
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
		is, err := known.Read(&o, name, name, value)
		switch {
		case is:
		case name == "fallback_application_name":
			fallback = value
		default:
			err = known.Refuse(name, hints)
			o.RuntimeParams[name] = value
		}
		if err != nil {
			return o, err
		}
	}
	if _, said := o.RuntimeParams["application_name"]; !said && fallback != "" {
		o.RuntimeParams["application_name"] = fallback
	}
	if mode, _ := c.Params.Get("sslcertmode"); strings.EqualFold(mode, "disable") {
		o.TLS.Cert, o.TLS.Key = "", ""
	}
	return o, nil
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
