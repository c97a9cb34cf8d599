package config

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// A native is one value that a database's own variables or files have.
type native struct {
	key, value string // the key is the one that the database has for it: dbname
	source     string
	user       string // of a password: whose it is, "" for whoever logs in
	exposed    string // the path of its file, if others can read it
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

// nativeTarget returns the target that the engine's own variables and files name. Warnings are left to native, which is
// asked for every target.
func (o outside) nativeTarget(e Engine) (c Config, found bool, err error) {
	o.logger = slog.New(slog.DiscardHandler)
	c, err = o.native(Config{Engine: e}.tracked(Config{}, "argument"))
	found = c.Host != "" || c.Database != "" || c.User != ""
	return c, found, err
}

// nativePassword returns c with the password that its database's own variables and files have for it. Their warnings were
// given when the configuration was loaded.
func (o outside) nativePassword(c Config) (Config, error) {
	o.logger = slog.New(slog.DiscardHandler)
	full, err := o.native(c)
	before := c
	c.Password = full.Password
	return c.tracked(before, full.source("password")), err
}

// hasHost reports whether a server is named.
func (c *Config) hasHost() bool { return c.Host != "" || len(c.OtherHosts) > 0 }

// hasPort reports whether any server has a port of its own.
func (c *Config) hasPort() bool {
	return slices.ContainsFunc(c.Addresses(), func(a Address) bool { return a.Port != 0 })
}

// postgresNatives returns what libpq would take, in its order: what the service says, and then the variables, those that a
// Config has a place for (https://www.postgresql.org/docs/current/libpq-envars.html).
func (o outside) postgresNatives(c Config) ([]native, error) {
	list, err := o.service(c)
	if err != nil {
		return nil, err
	}
	for _, v := range [...][2]string{
		{"PGHOST", "host"}, {"PGPORT", "port"}, {"PGDATABASE", "dbname"}, {"PGUSER", "user"}, {"PGPASSWORD", "password"},
		{"PGSSLMODE", "sslmode"}, {"PGSSLROOTCERT", "sslrootcert"}, {"PGSSLCERT", "sslcert"}, {"PGSSLKEY", "sslkey"},
		{"PGAPPNAME", "application_name"}, {"PGCONNECT_TIMEOUT", "connect_timeout"}, {"PGOPTIONS", "options"},
		{"PGTARGETSESSIONATTRS", "target_session_attrs"},
	} {
		list = append(list, native{key: v[1], value: o.env(v[0]), source: "environment " + v[0]})
	}
	// A host goes first: a list of ports is one of as many as there are hosts.
	return inFront(list, "host"), nil
}

// inFront returns the natives with those of some keys in front of all others.
func inFront(list []native, keys ...string) []native {
	slices.SortStableFunc(list, func(a, b native) int {
		return cmp.Compare(slices.Index(keys, b.key), slices.Index(keys, a.key))
	})
	return list
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

// trimSpace trims what C calls space, for a password may end with a space of another script.
func trimSpace(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

func fillText(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// mariadbNatives returns what MariaDB's clients take, in their order: the option files, and then the variables
// (https://mariadb.com/kb/en/mariadb-environment-variables/). Behind them come those with which the container images create
// a database and its user (https://mariadb.com/kb/en/mariadb-server-docker-official-image-environment-variables/): in a
// composed application both services have them.
func (o outside) mariadbNatives(c Config) ([]native, error) {
	options, err := o.optionFile()
	if err != nil {
		return nil, err
	}
	list := []native{}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		n := options[key]
		if key == "password" {
			n.user = options["user"].value
			if c.Password.IsZero() && n.exposed != "" {
				o.warn("a file with a password can be read by others", n.exposed, "chmod 600 "+n.exposed)
			}
		}
		list = append(list, n)
	}
	for _, v := range [...][2]string{
		{"MYSQL_HOST", "host"}, {"MYSQL_UNIX_PORT", "socket"}, {"MYSQL_TCP_PORT", "port"}, {"MYSQL_PWD", "password"},
	} {
		list = append(list, native{key: v[1], value: o.env(v[0]), source: "environment " + v[0]})
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
			list = append(list, native{key: key, value: value, source: source, user: user})
			break
		}
	}
	return sortMariaDB(list), nil
}

// sortMariaDB puts a socket in front of a host that isn't another machine, for such a host is reached through the socket.
// Where the first host is one, the sockets say nothing. Users go in front of passwords, which are taken for one user.
func sortMariaDB(list []native) []native {
	find := func(key string) string {
		for _, n := range list {
			if n.key == key && n.value != "" {
				return n.value
			}
		}
		return ""
	}
	host := find("host")
	if host != "" && host != "localhost" || strings.EqualFold(find("protocol"), "tcp") {
		list = slices.DeleteFunc(list, func(n native) bool { return n.key == "socket" })
	}
	return inFront(list, "user", "socket")
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
