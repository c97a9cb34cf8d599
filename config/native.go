package config

import (
	"slices"
	"strings"
)

// A native is one value that a database's own variables or files have.
type native struct {
	key, value string // the key is the one that the database has for it: dbname
	source     string
	user       string // of a password: whose it is, "" for whoever logs in
}

// native returns c with what its database's own variables and files say where c says nothing. c has to name its engine.
func (o outside) native(c Config) (Config, error) {
	var list []native
	var err error
	var take func(*Config, *problems, native)
	switch c.Engine {
	case PostgreSQL:
		list, err = o.postgresNatives(c)
		take = takePostgres
	case MariaDB:
		list, err = o.mariadbNatives(c)
		take = takeMariaDB
	case MongoDB:
		return o.mongodbNative(c)
	}
	if err != nil {
		return c, err
	}
	var all problems
	c = c.clone()
	for _, n := range list {
		if n.value == "" {
			continue
		}
		before, p := c, problems{source: n.source}
		take(&c, &p, n)
		c = c.tracked(before, n.source)
		all.found = append(all.found, p.found...)
	}
	return c, all.err()
}

// nativeTarget returns the target that the engine's own variables and files name.
func (o outside) nativeTarget(e Engine) (c Config, found bool, err error) {
	c, err = o.native(Config{Engine: e}.tracked(Config{}, "argument"))
	found = c.Host != "" || c.Database != "" || c.User != ""
	return c, found, err
}

// hasHost reports whether a server is named.
func (c *Config) hasHost() bool { return c.Host != "" || len(c.OtherHosts) > 0 }

// hasPort reports whether any server has a port of its own.
func (c *Config) hasPort() bool {
	return slices.ContainsFunc(c.Addresses(), func(a Address) bool { return a.Port != 0 })
}

// postgresNatives returns what libpq would take, in its order (https://www.postgresql.org/docs/current/libpq-envars.html):
// the variables that a Config has a place for.
func (o outside) postgresNatives(Config) ([]native, error) {
	list := []native{}
	for _, v := range [...][2]string{
		{"PGHOST", "host"}, {"PGPORT", "port"}, {"PGDATABASE", "dbname"}, {"PGUSER", "user"}, {"PGPASSWORD", "password"},
		{"PGSSLMODE", "sslmode"}, {"PGSSLROOTCERT", "sslrootcert"}, {"PGSSLCERT", "sslcert"}, {"PGSSLKEY", "sslkey"},
		{"PGAPPNAME", "application_name"}, {"PGCONNECT_TIMEOUT", "connect_timeout"}, {"PGOPTIONS", "options"},
		{"PGTARGETSESSIONATTRS", "target_session_attrs"},
	} {
		list = append(list, native{key: v[1], value: o.env(v[0]), source: "environment " + v[0]})
	}
	return list, nil
}

func takePostgres(c *Config, p *problems, n native) {
	d := postgresDialect{}
	switch _, said := c.Params.Get(n.key); {
	case said:
	case n.key == "user":
		fillText(&c.User, n.value)
	case n.key == "dbname":
		fillText(&c.Database, n.value)
	case n.key == "password":
		if c.Password.IsZero() {
			c.Password = NewSecret(n.value)
		}
	case n.key == "host" && c.hasHost() || n.key == "port" && c.hasPort():
	default:
		d.param(c, p, n.key, n.value)
		d.check(c, p)
	}
}

func fillText(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// mariadbNatives returns the variables of MariaDB's and MySQL's clients (https://mariadb.com/kb/en/mariadb-environment-variables/), and
// then those with which the container images create a database and its user (https://mariadb.com/kb/en/mariadb-server-docker-official-image-environment-variables/):
// in a composed application both have them.
func (o outside) mariadbNatives(c Config) ([]native, error) {
	list := []native{
		{key: "host", value: o.env("MYSQL_HOST"), source: "environment MYSQL_HOST"},
		{key: "socket", value: o.env("MYSQL_UNIX_PORT"), source: "environment MYSQL_UNIX_PORT"},
		{key: "port", value: o.env("MYSQL_TCP_PORT"), source: "environment MYSQL_TCP_PORT"},
		{key: "password", value: o.env("MYSQL_PWD"), source: "environment MYSQL_PWD"},
	}
	user := ""
	for _, key := range [...]string{"user", "password", "database"} {
		if key == "password" && !c.Password.IsZero() {
			continue
		}
		for _, product := range [...]string{"MARIADB_", "MYSQL_"} {
			value, source, err := o.secret(key, product+strings.ToUpper(key))
			if err != nil {
				return nil, err
			}
			if value == "" {
				continue
			}
			if key == "user" {
				user = value
			}
			list = append(list, native{key, value, source, user})
			break
		}
	}
	return sortMariaDB(list), nil
}

// sortMariaDB puts a socket in front of a host that isn't another machine, for such a host is reached through the socket.
// Where the first host is one, the sockets say nothing.
func sortMariaDB(list []native) []native {
	first := func(key string) string {
		for _, n := range list {
			if n.key == key && n.value != "" {
				return n.value
			}
		}
		return ""
	}
	host := first("host")
	if host != "" && host != "localhost" || strings.EqualFold(first("protocol"), "tcp") {
		return slices.DeleteFunc(list, func(n native) bool { return n.key == "socket" })
	}
	slices.SortStableFunc(list, func(a, b native) int { return rank(a.key) - rank(b.key) })
	return list
}

func rank(key string) int {
	if key == "socket" {
		return 0
	}
	return 1
}

func takeMariaDB(c *Config, p *problems, n native) {
	d := mariadbDialect{}
	switch _, said := c.Params.Get(n.key); {
	case said || n.key == "protocol":
	case n.key == "user":
		fillText(&c.User, n.value)
	case n.key == "database":
		fillText(&c.Database, n.value)
	case n.key == "password":
		if c.Password.IsZero() && (n.user == "" || n.user == c.User) {
			c.Password = NewSecret(n.value)
		}
	case n.key == "host":
		if !c.hasHost() {
			c.Host = p.host(n.value)
		}
	case n.key == "socket":
		if !c.hasHost() && c.Port == 0 {
			d.param(c, p, n.key, n.value)
		}
	case n.key == "port":
		if port := p.port(n.value); !isSocket(c.Host) && !c.hasPort() {
			addresses := c.Addresses()
			if len(addresses) == 0 {
				addresses = []Address{{}}
			}
			for i := range addresses {
				addresses[i].Port = port
			}
			c.setAddresses(addresses)
		}
	default:
		d.param(c, p, n.key, n.value)
	}
}

// mongodbNative takes MONGODB_URI, which names a target as a whole and so says nothing where one is named.
func (o outside) mongodbNative(c Config) (Config, error) {
	if c.hasHost() {
		return c, nil
	}
	uri, found, err := o.url("MONGODB_URI")
	if !found || err != nil {
		return c, err
	}
	return c.retarget(uri), nil
}
