package config

import (
	"strconv"
	"strings"
)

// mongodbDialect reads and writes MongoDB's connection strings:
// https://www.mongodb.com/docs/manual/reference/connection-string/
// Its options keep their own names, maxPoolSize among them; of the settings that every engine has, those that a URL says
// go before them.
type mongodbDialect struct{}

const srvScheme = "mongodb+srv"

func (mongodbDialect) engine() Engine    { return MongoDB }
func (mongodbDialect) schemes() []string { return []string{"mongodb", srvScheme} }

func (mongodbDialect) port(host string) int {
	if isSocket(host) {
		return 0
	}
	return 27017
}

func (mongodbDialect) read(c *Config, p *problems, scheme, rest string) {
	readServer(c, p, rest)
	c.SRV = scheme == srvScheme
	switch {
	case len(p.found) > 0:
	case c.Host == "":
		p.add("host", "is missing", "")
	case c.SRV && (len(c.OtherHosts) > 0 || c.Port != 0 || isSocket(c.Host)):
		p.add("host", "isn't a single name without a port, which "+srvScheme+" needs", "")
	}
}

func (mongodbDialect) rename(key, value string) (string, string) { return key, value }

func (mongodbDialect) param(c *Config, _ *problems, key, value string) {
	c.Params = c.Params.Add(key, value)
}

// check has the driver's own words for the pool and the call count where the engine's settings say nothing.
func (mongodbDialect) check(c *Config, p *problems) {
	for key, value := range c.Params.All() {
		n, err := strconv.Atoi(value)
		var name, unit string
		var taken bool
		switch strings.ToLower(key) {
		case "maxpoolsize":
			name, taken = "max_open_conns", c.MaxOpenConns != 0
		case "minpoolsize":
			name, taken = "min_conns", c.MinConns != 0 || n == 0
		case "maxidletimems":
			name, taken, unit = "conn_max_idle_time", c.ConnMaxIdleTime != 0 || n == 0, "ms"
		case "waitqueuetimeoutms":
			name, taken, unit = "acquire_timeout", c.AcquireTimeout != 0 || n == 0, "ms"
		case "timeoutms":
			name, taken, unit = "timeout", c.Timeout != 0 || n == 0, "ms"
		default:
			continue
		}
		s, known := findSetting(name)
		switch {
		case err != nil || n < 0:
			p.add(key, "isn't a whole number", "")
		case taken || !known:
		default:
			if problem, hint := s.set(c, value+unit); problem != "" {
				p.add(key, problem, hint)
			}
		}
	}
}

// write ends the hosts with a slash, which older drivers need in front of the options.
func (mongodbDialect) write(c *Config, password string) (string, []string) {
	scheme := "mongodb"
	if c.SRV {
		scheme = srvScheme
	}
	url := writeServer(c, scheme, password, c.Addresses())
	if c.Database == "" {
		url += "/"
	}
	return url, nil
}

// repeatable reports whether a parameter may be given more than once: each readPreferenceTags is one set of tags, and
// their order counts.
func repeatable(key string) bool { return strings.EqualFold(key, "readPreferenceTags") }

func (mongodbDialect) harmless(key string) bool {
	switch strings.ToLower(key) {
	case "appname", "authmechanism", "authsource", "compressors", "connecttimeoutms", "directconnection",
		"heartbeatfrequencyms", "journal", "loadbalanced", "localthresholdms", "maxconnecting", "maxidletimems",
		"maxpoolsize", "maxstalenessseconds", "minpoolsize", "readconcernlevel", "readpreference", "readpreferencetags",
		"replicaset", "retryreads", "retrywrites", "servermonitoringmode", "serverselectiontimeoutms",
		"serverselectiontryonce", "sockettimeoutms", "srvmaxhosts", "srvservicename", "ssl", "timeoutms", "tls",
		"tlsallowinvalidcertificates", "tlsallowinvalidhostnames", "tlscafile", "tlscertificatekeyfile",
		"tlsdisablecertificaterevocationcheck", "tlsdisableocspendpointcheck", "tlsinsecure", "uuidrepresentation", "w",
		"waitqueuetimeoutms", "wtimeoutms", "zlibcompressionlevel":
		return true
	}
	return false
}
