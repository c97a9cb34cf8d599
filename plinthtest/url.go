package plinthtest

import (
	"net/url"
	"strings"
)

// URL returns databaseURL with the proxy's host and port in place of its own, several hosts included, and everything else kept
// as it's written. Parameters that would name a host beside it (host, hostaddr, port, socket) go. The host is 127.0.0.1: a server's
// certificate that is to be verified must have that name.
func (p *Proxy) URL(databaseURL string) string {
	scheme, rest, ok := strings.Cut(databaseURL, "://")
	if !ok {
		scheme, rest, _ = strings.Cut(databaseURL, ":")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	user := rest[:strings.LastIndexByte(rest[:end], '@')+1]
	tail, fragment, hasFragment := strings.Cut(rest[end:], "#")
	path, query, _ := strings.Cut(tail, "?")
	if params := withoutHost(query); params != "" {
		path += "?" + params
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
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		switch name {
		case "", "host", "hostaddr", "port", "socket":
		default:
			kept = append(kept, param)
		}
	}
	return strings.Join(kept, "&")
}
