package plinthtest

import (
	"net/url"
	"strings"
)

// URL returns databaseURL (scheme://user:password@host:port/…) with the proxy's host and port in place of its own,
// several hosts included, and everything else as it's written. Parameters that name a host beside it (host, hostaddr,
// port, socket) go. The host is 127.0.0.1: a server's certificate that is to be verified must have that name. It panics
// if databaseURL isn't a server's, because a test that silently went past the proxy would test nothing.
func (p *Proxy) URL(databaseURL string) string {
	scheme, rest, ok := strings.Cut(databaseURL, "://")
	if !ok || strings.HasPrefix(scheme, "sqlite") || scheme == "file" {
		panic("plinthtest: Proxy.URL: this isn't the URL of a server, such as postgres://user@host:5432/database")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	user := rest[:strings.LastIndexByte(rest[:end], '@')+1]
	path, query, _ := strings.Cut(rest[end:], "?")
	query, fragment, hasFragment := strings.Cut(query, "#")
	if query = withoutHost(query); query != "" {
		path += "?" + query
	}
	if hasFragment {
		path += "#" + fragment
	}
	return scheme + "://" + user + p.Addr() + path
}

func withoutHost(query string) string {
	var kept []string
	for param := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(param, "=")
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		switch name {
		case "", "host", "hostaddr", "port", "socket", "unix_socket", "socketPath", "localSocket":
		default:
			kept = append(kept, param)
		}
	}
	return strings.Join(kept, "&")
}
