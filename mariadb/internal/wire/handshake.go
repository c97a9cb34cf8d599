package wire

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// greeting is what the server begins with: page connection#initial-handshake-packet.
type greeting struct {
	version string
	id      uint32
	caps    uint64
	status  uint16
	nonce   []byte // of plugin, without the zero at its end
	plugin  string // "" from servers without CapPluginAuth
}

func parseGreeting(p []byte) (greeting, error) {
	c := cursor{b: p}
	if v := c.u8(); !c.bad && v != 10 {
		return greeting{}, broken("it isn't MariaDB's: it doesn't greet with version 10")
	}
	g := greeting{version: string(c.nul()), id: c.u32()}
	g.nonce = slices.Clone(c.take(8))
	c.u8()
	g.caps = uint64(c.u16())
	c.u8() // its default collation
	g.status = c.u16()
	g.caps |= uint64(c.u16()) << 16
	size := int(c.u8())
	c.take(6)
	if ext := c.u32(); g.caps&CapMySQL == 0 {
		g.caps |= uint64(ext) << 32
	}
	if g.caps&CapSecureConnection != 0 {
		rest := c.take(uint64(max(12, size-9)))
		g.nonce = append(g.nonce, rest...)
		if len(c.b) > 0 {
			c.u8()
		}
	}
	if g.caps&CapPluginAuth != 0 {
		g.plugin = string(untilNul(c.b))
	}
	if c.bad {
		return greeting{}, broken("the greeting ends early")
	}
	g.version = strings.TrimPrefix(g.version, "5.5.5-")
	return g, nil
}

// untilNul is a string<NUL> whose end may be missing, as the end of a greeting from old servers.
func untilNul(p []byte) []byte {
	if i := slices.Index(p, 0); i >= 0 {
		return p[:i]
	}
	return p
}

// required is what every server that can be talked to has: MariaDB 10.2, MySQL 5.7.
const required = CapProtocol41 | CapSecureConnection | CapPluginAuth

// offer returns the capabilities of the session: what c wants of what the server has.
func (c *Config) offer(server uint64, tls bool) uint64 {
	want := required | CapLongFlag | CapTransactions | CapMultiResults | CapPSMultiResults | CapAuthLenenc | CapSessionTrack |
		CapDeprecateEOF | CapBulk | CapExtendedMetadata | CapCacheMetadata | CapBulkUnitResults
	for flag, on := range map[uint64]bool{
		CapTLS: tls, CapFoundRows: c.FoundRows, CapMultiStatements: c.MultiStatements, CapLocalFiles: c.LocalInfile,
		CapConnectWithDB: c.Database != "", CapConnectAttributes: len(c.Attributes) > 0,
	} {
		if on {
			want |= flag
		}
	}
	got := want&server | server&CapMySQL
	if got&CapDeprecateEOF == 0 {
		got &^= CapCacheMetadata // where columns are left out it isn't told whether their end is
	}
	return got
}

// appendHead appends what a request for TLS and a login both begin with: page connection#sslrequest-packet.
func (c *Config) appendHead(dst []byte, caps uint64) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(caps))
	dst = binary.LittleEndian.AppendUint32(dst, maxCommand)
	collation := c.Collation
	if collation == 0 {
		collation = CollationUTF8MB4
	}
	dst = append(dst, collation)
	dst = append(dst, make([]byte, 19)...)
	return binary.LittleEndian.AppendUint32(dst, uint32(caps>>32))
}

// appendLogin appends the answer to the greeting: page connection#handshake-response-packet.
func (c *Config) appendLogin(dst []byte, caps uint64, plugin string, answer []byte) []byte {
	dst = c.appendHead(dst, caps)
	dst = append(append(dst, c.User...), 0)
	if caps&CapAuthLenenc != 0 {
		dst = AppendLenenc(dst, uint64(len(answer)))
	} else {
		dst = append(dst, byte(len(answer)))
	}
	dst = append(dst, answer...)
	if caps&CapConnectWithDB != 0 {
		dst = append(append(dst, c.Database...), 0)
	}
	dst = append(append(dst, plugin...), 0)
	if caps&CapConnectAttributes != 0 {
		var list []byte
		for _, name := range slices.Sorted(maps.Keys(c.Attributes)) {
			list = AppendString(AppendString(list, name), c.Attributes[name])
		}
		dst = AppendString(dst, list)
	}
	return dst
}
