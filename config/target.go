package config

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// SameTarget reports whether c and o name the same database for the same user, reached in the same way: their engine,
// addresses, SRV, database, user and driver's parameters are equal as CanonicalTarget writes them. It asks neither for the
// password nor for the settings. An engine serves every Config with its own target, see WithOverride.
func (c Config) SameTarget(o Config) bool {
	c, o = c.CanonicalTarget(), o.CanonicalTarget()
	return c.sameTarget(&o) && c.SRV == o.SRV && maps.EqualFunc(c.Params.byKey(), o.Params.byKey(), func(a, b []Secret) bool {
		return slices.EqualFunc(a, b, Secret.Equal)
	})
}

// CanonicalTarget returns the target of c with its password, and nothing else of c, in the one of the ways to write it by which
// it is compared: with the default host and ports, hosts in lower case, addresses as netip writes them, PostgreSQL's
// parameters, whose names have no case, in lower case, and the path of an SQLite file as it is from the root, for the working
// directory of now. It is for telling targets apart and not for opening them.
//
// Names that may lead to different places stay different: a host with a dot at its end, which is looked up as it is, and one
// without, for which a resolver may try its search domains; and two links to one file.
func (c Config) CanonicalTarget() Config {
	c = Config{
		Engine: c.Engine, Host: c.Host, Port: c.Port, OtherHosts: c.OtherHosts, SRV: c.SRV,
		Database: c.Database, User: c.User, Password: c.Password, Params: c.Params,
	}
	if c.Engine == SQLite {
		c.Database = c.file()
		return c
	}
	c = c.withAddresses()
	addresses := c.Addresses()
	for i, a := range addresses {
		addresses[i].Host = canonicalHost(a.Host)
	}
	c.setAddresses(addresses)
	if c.Engine == PostgreSQL {
		list := slices.Clone(c.Params.list)
		for i, q := range list {
			list[i].key = strings.ToLower(q.key)
		}
		c.Params = Params{list}
	}
	return c
}

func canonicalHost(host string) string {
	if isSocket(host) {
		return host
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(host)
}

// file returns the path of an SQLite file from the root, and the name of a database in memory as it is. What is before a ..
// may be a link, behind which SQLite, as the operating system, takes the .. of where it leads to.
func (c Config) file() string {
	if mode, _ := c.Params.Get("mode"); c.Database == "" || c.Database == memory || mode == "memory" {
		return c.Database
	}
	dir, name := filepath.Split(c.Database)
	here, err := os.Getwd()
	switch {
	case err != nil: // it is gone
		return c.Database
	case !filepath.IsAbs(dir):
		dir = here + string(filepath.Separator) + dir
	}
	if strings.Contains(dir, "..") {
		if led, err := filepath.EvalSymlinks(dir); err == nil {
			dir = led
		}
	}
	return filepath.Join(dir, name)
}

// byKey returns the values of each key, in their order.
func (p Params) byKey() map[string][]Secret {
	m := make(map[string][]Secret, len(p.list))
	for _, q := range p.list {
		m[q.key] = append(m[q.key], q.value)
	}
	return m
}
