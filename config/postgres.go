package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthdb/plinth/internal/names"
)

// postgresDialect reads and writes libpq's connection URIs:
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
type postgresDialect struct{}

func (postgresDialect) engine() Engine    { return PostgreSQL }
func (postgresDialect) schemes() []string { return []string{"postgres", "postgresql"} }
func (postgresDialect) port(string) int   { return 5432 } // a socket's name ends in it

func (postgresDialect) read(c *Config, p *problems, _, rest string) { readServer(c, p, rest) }

// rename reads ssl=true as libpq does, for the sake of JDBC's URLs.
func (postgresDialect) rename(key, value string) (string, string) {
	if key == "ssl" && value == "true" {
		return "sslmode", "require"
	}
	return key, value
}

// param takes the target from parameters too, as libpq does; host and port wait in Params until all were read, because
// each may be a list.
func (postgresDialect) param(c *Config, p *problems, key, value string) {
	modes := []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
	switch {
	case c.takeLogin(p, key, value):
	case key == "dbname":
		if c.Database != "" {
			p.add(key, "is given twice", "the name of the database is in front of the parameters already")
		}
		c.Database = value
	case key == "sslmode" && !slices.Contains(modes, value):
		p.add(key, "has a wrong value", "one of "+strings.Join(modes, ", "))
	case mistyped(key) != "":
		p.add(key, "is neither a setting here nor one of PostgreSQL's", "did you mean "+mistyped(key)+"?")
	default:
		c.Params = c.Params.Add(key, value)
	}
}

// mistyped returns the setting, Plinth's own or one of the usual ones of a session, that key is most likely a slip of the pen for.
// What is none of the connection's goes to the server as a setting of the session, which says of this one only that it
// doesn't know it. None that PostgreSQL has is so much like one of these.
func mistyped(key string) string {
	common := []string{
		"application_name", "client_encoding", "DateStyle", "default_transaction_isolation", "default_transaction_read_only",
		"idle_in_transaction_session_timeout", "lock_timeout", "search_path", "statement_timeout", "synchronous_commit", "TimeZone", "work_mem",
	}
	for _, s := range settings() {
		common = append(common, s.key)
	}
	near := ""
	for _, name := range common {
		switch d := names.Distance(strings.ToLower(key), strings.ToLower(name)); {
		case d == 0:
			return ""
		case d <= min(2, len(name)/5):
			near = name
		}
	}
	return near
}

func (postgresDialect) check(c *Config, p *problems) {
	if list, ok := c.Params.Get("host"); ok {
		c.Params = c.Params.Del("host")
		if c.Host != "" {
			p.add("host", "is given twice", "the host is in front of the parameters already")
			return
		}
		port, addresses := c.Port, []Address{}
		for host := range strings.SplitSeq(list, ",") {
			addresses = append(addresses, Address{p.host(host), port})
			if host == "" {
				p.add("host", "is empty", "")
			}
		}
		c.setAddresses(addresses)
	}
	if list, ok := c.Params.Get("port"); ok {
		c.Params = c.Params.Del("port")
		ports, addresses := strings.Split(list, ","), c.Addresses()
		if len(addresses) == 0 {
			addresses = []Address{{}}
		}
		if len(ports) != 1 && len(ports) != len(addresses) {
			p.add("port", "lists another number of ports than there are hosts", "")
			return
		}
		for i := range addresses {
			if addresses[i].Port != 0 {
				p.add("port", "is given twice", "the port is in front of the parameters already")
				return
			}
			addresses[i].Port = p.port(ports[i%len(ports)])
		}
		c.setAddresses(addresses)
	}
}

// write puts the hosts into parameters if one is a socket: what stands for its slashes in front of them isn't understood
// by all.
func (postgresDialect) write(c *Config, password string) (string, []string) {
	addresses := c.Addresses()
	if !slices.ContainsFunc(addresses, func(a Address) bool { return isSocket(a.Host) }) {
		return writeServer(c, "postgres", password, addresses), nil
	}
	hosts, ports, anyPort := make([]string, len(addresses)), make([]string, len(addresses)), false
	for i, a := range addresses {
		hosts[i] = escape(a.Host, "/:")
		if a.Port != 0 {
			ports[i], anyPort = strconv.Itoa(a.Port), true
		}
	}
	target := []string{"host=" + strings.Join(hosts, ",")}
	if anyPort {
		target = append(target, "port="+strings.Join(ports, ","))
	}
	url := writeServer(c, "postgres", password, nil)
	if c.Database == "" {
		url += "/"
	}
	return url, target
}

func (postgresDialect) harmless(key string) bool {
	switch key {
	case "sslmode", "sslnegotiation", "sslrootcert", "sslcrl", "sslsni", "sslcompression",
		"ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding", "require_auth", "gssencmode", "krbsrvname",
		"connect_timeout", "target_session_attrs", "load_balance_hosts", "hostaddr", "keepalives", "keepalives_idle",
		"keepalives_interval", "keepalives_count", "tcp_user_timeout", "application_name", "fallback_application_name",
		"client_encoding", "service", "servicefile", "passfile", "search_path", "timezone", "TimeZone", "datestyle",
		"DateStyle", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
		"default_transaction_isolation", "default_transaction_read_only", "synchronous_commit", "work_mem",
		"default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity", "pool_max_conns",
		"pool_min_conns", "pool_max_conn_lifetime", "pool_max_conn_idle_time", "pool_health_check_period":
		return true
	}
	return false
}
