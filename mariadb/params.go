package mariadb

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// words are the parameters that are about the connection, and not a setting of the session. Those of TLS are the names of
// the mariadb client's options (https://mariadb.com/docs/server/clients-and-utilities/mariadb-client), which MySQL's and
// Connector/C's share.
func words() netdriver.Params[Options] {
	return netdriver.Params[Options]{
		"ssl_mode": tlsMode,
		"ssl_ca":   netdriver.Text(func(o *Options) *string { return &o.TLS.RootCert }),
		"ssl_cert": netdriver.Text(func(o *Options) *string { return &o.TLS.Cert }),
		"ssl_key":  netdriver.Text(func(o *Options) *string { return &o.TLS.Key }),
		"ssl_verify_server_cert": netdriver.Truth(func(o *Options, yes bool) {
			if o.TLS.Mode = tlsRequired; yes {
				o.TLS.Mode = tlsVerifyIdentity
			}
		}),
		"tls_version":          tlsVersions,
		"tls":                  goTLS,
		"cleartext":            netdriver.Truth(func(o *Options, yes bool) { o.Cleartext = yes }),
		"target_session_attrs": func(o *Options, value string) error { o.Role = Role(value); return nil },
		"load_balance_hosts":   netdriver.Choice(func(o *Options, v string) { o.LoadBalance = v == "random" }, "disable", "random"),
		"connect_timeout": netdriver.Seconds(func(o *Options, d time.Duration) {
			if o.ConnectTimeout = d; d <= 0 {
				o.ConnectTimeout = -1
			}
		}),
		"charset":            netdriver.Choice[Options](nil, "utf8mb4", "utf8"),
		"collation":          netdriver.Text(func(o *Options) *string { return &o.Collation }),
		"sql_mode":           netdriver.Text(func(o *Options) *string { return &o.SQLMode }),
		"max_allowed_packet": netdriver.Number(func(o *Options, n int) { o.MaxPacket = n }),
		"statement_cache": netdriver.Number(func(o *Options, n int) {
			if o.StatementCache = n; n == 0 {
				o.StatementCache = -1
			}
		}),
		"max_statement_time":  netdriver.Seconds(func(o *Options, d time.Duration) { o.StatementTimeout = d }),
		"zero_dates":          netdriver.Text(func(o *Options) *string { return &o.ZeroDates }),
		"keepalives":          netdriver.Truth(func(o *Options, yes bool) { o.NoKeepAlive = !yes }),
		"keepalives_idle":     netdriver.Seconds(func(o *Options, d time.Duration) { o.KeepAlive.Idle = d }),
		"keepalives_interval": netdriver.Seconds(func(o *Options, d time.Duration) { o.KeepAlive.Interval = d }),
		"keepalives_count":    netdriver.Number(func(o *Options, n int) { o.KeepAlive.Count = n }),
		"parseTime":           netdriver.Choice[Options](nil, "true"), // times are times here
		"loc":                 netdriver.Choice[Options](nil, "UTC"),
	}
}

// aliases are other clients' names of the words.
func aliases() map[string]string {
	return map[string]string{
		"ssl-mode": "ssl_mode", "sslMode": "ssl_mode", "sslmode": "ssl_mode", "ssl-ca": "ssl_ca", "ssl-cert": "ssl_cert",
		"ssl-key": "ssl_key", "connectionCollation": "collation",
		"maxAllowedPacket": "max_allowed_packet", "allowCleartextPasswords": "cleartext", "tls-version": "tls_version",
	}
}

// foreign are parameters of other clients and libraries that mean something here, too, and what to write.
func foreign() map[string]string {
	const unsupported = "it isn't supported"
	const builtIn = "leave it out: it is done anyway"
	const own = "the calls' own timeout ends them: write timeout"
	return map[string]string{
		"ssl": "write ssl_mode=VERIFY_IDENTITY", "useSSL": "write ssl_mode=VERIFY_IDENTITY", "ssl_capath": unsupported,
		"ssl_cipher": unsupported, "ssl_crl": unsupported, "ssl_crlpath": unsupported, "ssl_fp": unsupported, "ssl_fplist": unsupported,
		"serverPubKey": unsupported, "compress": unsupported, "compression": unsupported, "protocol": "write socket= or a host",
		"readTimeout": own, "writeTimeout": own, "read_timeout": own, "write_timeout": own, "socketTimeout": own,
		"connectTimeout":  "write connect_timeout, in seconds or as 500ms",
		"multiStatements": "leave it out: each call is one statement; scripts have ExecuteScript", "interpolateParams": builtIn,
		"clientFoundRows": "leave it out: rows affected are those that an UPDATE found", "columnsWithAlias": unsupported,
		"checkConnLiveness": builtIn, "rejectReadOnly": builtIn, "allowNativePasswords": builtIn, "allowOldPasswords": unsupported,
		"allowAllFiles":            "leave it out: no file is sent to a server that asks for one",
		"allowFallbackToPlaintext": "write ssl_mode=PREFERRED, and consider who listens", "timeTruncate": unsupported,
		"connectionAttributes": unsupported, "program_name": unsupported, "autocommit": "leave it out: InTx makes transactions",
		"pool_size": "write max_open_conns", "connectionLimit": "write max_open_conns", "connection_limit": "write max_open_conns",
		"serverTimezone": "leave it out: sessions are in UTC", "useUnicode": builtIn, "characterEncoding": builtIn,
		"allowPublicKeyRetrieval": "leave it out: a password is only encrypted with a key that came over TLS",
		"useServerPrepStmts":      builtIn, "cachePrepStmts": "write statement_cache", "prepStmtCacheSize": "write statement_cache",
	}
}

// fromConfig returns the options that a configuration stands for. What isn't about the connection is a variable of the
// session, which the server knows or refuses by its name.
func fromConfig(c config.Config) (Options, error) {
	o := Options{Database: c.Database, User: c.User, Password: c.Password, ReadOnly: c.ReadOnly, Variables: map[string]string{}}
	for _, a := range c.Addresses() {
		o.Hosts = append(o.Hosts, Host{Name: a.Host, Port: a.Port})
	}
	known, hints, other := words(), foreign(), aliases()
	for name, value := range c.Params.All() {
		is, err := known.Read(&o, cmp.Or(other[name], name), name, value)
		if !is {
			err = known.Refuse(name, hints)
			o.Variables[name] = value
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// tlsMode reads the mode in the mariadb client's words, or in those of MariaDB Connector/J.
func tlsMode(o *Options, value string) error {
	switch mode := strings.ToUpper(strings.ReplaceAll(value, "-", "_")); mode {
	case tlsDisabled, tlsPreferred, tlsRequired, tlsVerifyCA, tlsVerifyIdentity:
		o.TLS.Mode = mode
	case "DISABLE":
		o.TLS.Mode = tlsDisabled
	case "PREFER":
		o.TLS.Mode = tlsPreferred
	case "REQUIRE", "TRUST":
		o.TLS.Mode = tlsRequired
	case "VERIFY_FULL":
		o.TLS.Mode = tlsVerifyIdentity
	default:
		return fmt.Errorf("use one of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY")
	}
	return nil
}

// goTLS reads go-sql-driver's word (https://github.com/go-sql-driver/mysql#tls).
func goTLS(o *Options, value string) error {
	switch strings.ToLower(value) {
	case "true", "1":
		o.TLS.Mode = tlsVerifyIdentity
	case "false", "0":
		o.TLS.Mode = tlsDisabled
	case "skip-verify":
		o.TLS.Mode = tlsRequired
	case "preferred":
		o.TLS.Mode = tlsPreferred
	default:
		return fmt.Errorf("write ssl_mode, and the authority's file as ssl_ca")
	}
	return nil
}

// tlsVersions reads a list of versions: the oldest and the newest of them count.
func tlsVersions(o *Options, value string) error {
	for word := range strings.SplitSeq(value, ",") {
		var version uint16
		switch strings.ToLower(strings.TrimSpace(word)) {
		case "tlsv1.2":
			version = tls.VersionTLS12
		case "tlsv1.3":
			version = tls.VersionTLS13
		default:
			return fmt.Errorf("write TLSv1.2, TLSv1.3 or both; what is older is broken")
		}
		if o.TLS.Min == 0 || version < o.TLS.Min {
			o.TLS.Min = version
		}
		o.TLS.Max = max(o.TLS.Max, version)
	}
	return nil
}
