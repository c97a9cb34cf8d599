package config

import "strings"

// mariadbDialect reads and writes the URLs of MariaDB and MySQL:
// mariadb://user:password@host:3306/database?parameter=value
type mariadbDialect struct{}

func (mariadbDialect) engine() Engine    { return MariaDB }
func (mariadbDialect) schemes() []string { return []string{"mariadb", "mysql"} }

func (mariadbDialect) port(host string) int {
	if isSocket(host) {
		return 0
	}
	return 3306
}

func (mariadbDialect) read(c *Config, p *problems, _, rest string) { readServer(c, p, rest) }

// rename knows the names under which clients take the path of a socket: Python's, Node's and Java's.
func (mariadbDialect) rename(key, value string) (string, string) {
	switch key {
	case "unix_socket", "socketPath", "localSocket":
		return "socket", value
	}
	return key, value
}

// param takes user and password from parameters too, as the JDBC URLs have them.
func (mariadbDialect) param(c *Config, p *problems, key, value string) {
	switch {
	case c.takeLogin(p, key, value):
	case key == "socket":
		switch {
		case c.Host != "" && c.Host != "localhost" || c.Port != 0 || len(c.OtherHosts) > 0:
			p.add(key, "is given as well as a host", "leave the host out")
		case !strings.HasPrefix(value, "/"):
			p.add(key, "isn't an absolute path", "")
		default:
			c.Host = p.host(value)
		}
	default:
		c.Params = c.Params.Add(key, value)
	}
}

func (mariadbDialect) check(*Config, *problems) {}

func (mariadbDialect) write(c *Config, password string) (string, []string) {
	if !strings.HasPrefix(c.Host, "/") || c.Port != 0 || len(c.OtherHosts) > 0 {
		return writeServer(c, "mariadb", password, c.Addresses()), nil
	}
	url := writeServer(c, "mariadb", password, nil)
	if c.Database == "" {
		url += "/"
	}
	return url, []string{"socket=" + escape(c.Host, "/:,")}
}

func (mariadbDialect) harmless(key string) bool {
	switch key {
	case "tls", "ssl", "sslMode", "ssl_mode", "sslmode", "ssl-mode", "ssl_ca", "ssl_capath", "ssl_cipher", "ssl_crl",
		"ssl_crlpath", "ssl_fp", "ssl_fplist", "ssl_verify_server_cert", "tls_version", "charset",
		"collation", "connectionCollation", "loc", "parseTime", "timeTruncate", "time_zone", "connect_timeout",
		"read_timeout", "write_timeout", "readTimeout", "writeTimeout", "connectTimeout", "socketTimeout",
		"maxAllowedPacket", "max_allowed_packet", "multiStatements", "interpolateParams", "clientFoundRows", "compress",
		"compression", "columnsWithAlias", "checkConnLiveness", "rejectReadOnly", "allowNativePasswords",
		"allowOldPasswords", "allowCleartextPasswords", "allowAllFiles", "allowFallbackToPlaintext", "sql_mode",
		"autocommit", "tx_isolation", "transaction_isolation", "wait_timeout", "innodb_lock_wait_timeout",
		"max_statement_time", "protocol", "program_name":
		return true
	}
	return false
}
