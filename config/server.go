package config

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// refuseStrayAt refuses an @ behind the part with the user, password and hosts. It would most likely mean that a / or ?
// of the password has ended that part too early, and what follows would be shown as a name.
func (p *problems) refuseStrayAt(rest, query string) {
	_, path, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	if strings.Contains(path, "@") || strings.Contains(query, "@") {
		p.add("url", "has an @ behind the host", "in a user, password or parameter write %40 for @, %2F for / and %3F for ?")
	}
}

// readServer reads //user:password@host:port,host:port/database.
func readServer(c *Config, p *problems, rest string) {
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok {
		p.add("url", "has no // behind the scheme", "write "+string(c.Engine)+"://user:password@host/database")
		return
	}
	authority, path, _ := strings.Cut(rest, "/")
	hosts := authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		hosts = authority[i+1:]
		user, password, _ := strings.Cut(authority[:i], ":")
		c.User, _ = p.unescape("user", user)
		password, _ = p.unescape("password", password)
		c.Password = NewSecret(password)
	}
	if hosts != "" {
		list := strings.Split(hosts, ",")
		addresses := make([]Address, len(list))
		for i, text := range list {
			addresses[i] = p.address(text)
			if len(list) > 1 && addresses[i].Host == "" {
				p.add("host", "is empty in a list of several", "")
			}
		}
		c.setAddresses(addresses)
	}
	if strings.Contains(path, "/") {
		p.add("database", "has a / in it", "write %2F if that belongs to its name")
		return
	}
	c.Database, _ = p.unescape("database", path)
}

// address reads host:port, either of which may be missing.
func (p *problems) address(text string) (a Address) {
	var host, port string
	if inner, ok := strings.CutPrefix(text, "["); ok {
		var behind string
		host, behind, ok = strings.Cut(inner, "]")
		if !ok || behind != "" && behind[0] != ':' {
			p.add("host", "has brackets that don't end before the port", "write [::1]:5432")
			return a
		}
		port = strings.TrimPrefix(behind, ":")
		host, _ = p.unescape("host", host)
		if ip, err := netip.ParseAddr(host); err != nil || ip.Is4() {
			p.add("host", "has brackets around what isn't an IPv6 address", "")
			return a
		}
	} else {
		host, port, _ = strings.Cut(text, ":")
		if strings.Contains(port, ":") {
			p.add("host", "has more than one colon", "write an IPv6 address in brackets: [::1]:5432; "+
				"in a user or password write %3A for : and %40 for @")
			return a
		}
		host, ok = p.unescape("host", host)
		if !ok {
			return a
		}
		if strings.Contains(host, ":") {
			p.add("host", "has a colon in it", "")
			return a
		}
	}
	a.Host = p.host(host)
	a.Port = p.port(port)
	return a
}

// host returns text if it can be a host: a name, an address or the path of a socket.
func (p *problems) host(text string) string {
	ok := text == "" || isSocket(text) && !strings.ContainsAny(text, ",")
	if !ok {
		if ip, err := netip.ParseAddr(text); err == nil {
			ok = ip.Zone() == "" || isName(ip.Zone())
		} else {
			ok = utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
				return r < 0x80 && !isNameByte(byte(r))
			})
		}
	}
	if !ok {
		p.add("host", "isn't a name, an address or the path of a socket", "")
		return ""
	}
	return text
}

// port returns the number of a port, 0 for an empty text.
func (p *problems) port(text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		p.add("port", "isn't a number from 1 to 65535",
			"if a password is in the way, write its @ as %40, : as %3A, / as %2F and ? as %3F")
		return 0
	}
	return int(n)
}

// isSocket reports whether host is the path of a Unix socket, or the name of an abstract one, which begins with an @ as
// libpq writes it.
func isSocket(host string) bool { return host != "" && (host[0] == '/' || host[0] == '@') }

// writeServer writes scheme://user:password@hosts/database.
func writeServer(c *Config, scheme, password string, hosts []Address) string {
	var b strings.Builder
	b.WriteString(scheme + "://")
	if c.User != "" || password != "" {
		b.WriteString(escape(c.User, ""))
		if password != "" {
			b.WriteString(":" + password)
		}
		b.WriteByte('@')
	}
	for i, a := range hosts {
		if i > 0 {
			b.WriteByte(',')
		}
		if ip, err := netip.ParseAddr(a.Host); err == nil && ip.Is6() {
			b.WriteString("[" + escape(a.Host, ":") + "]")
		} else {
			b.WriteString(escape(a.Host, ""))
		}
		if a.Port != 0 {
			b.WriteString(":" + strconv.Itoa(a.Port))
		}
	}
	if c.Database != "" {
		b.WriteString("/" + escape(c.Database, ""))
	}
	return b.String()
}
