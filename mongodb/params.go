package mongodb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/names"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// A word is an option of the connection string. The value is checked by resolve where that knows more.
type word struct {
	name string
	set  func(o *Options, value string) error
}

// words are the options of MongoDB's connection strings
// (https://www.mongodb.com/docs/manual/reference/connection-string-options/). As there, their case doesn't matter.
func words() []word {
	return []word{
		{"replicaSet", netdriver.Text(func(o *Options) *string { return &o.ReplicaSet })},
		{"directConnection", truth(func(o *Options, yes bool) { o.Direct = yes })},
		{"loadBalanced", truth(func(o *Options, yes bool) { o.LoadBalanced = yes })},
		{"srvServiceName", netdriver.Text(func(o *Options) *string { return &o.SRVService })},
		{"srvMaxHosts", netdriver.Number(func(o *Options, n int) { o.SRVMax = n })},

		{"tls", tlsMode},
		{"tlsCAFile", netdriver.Text(func(o *Options) *string { return &o.TLS.RootCert })},
		{"tlsCertificateKeyFile", netdriver.Text(func(o *Options) *string { return &o.TLS.CertKey })},
		{"tlsAllowInvalidCertificates", truth(func(o *Options, yes bool) { o.TLS.weaken(yes, tlsUnverified) })},
		{"tlsAllowInvalidHostnames", truth(func(o *Options, yes bool) { o.TLS.weaken(yes, tlsAnyName) })},
		{"tlsInsecure", truth(func(o *Options, yes bool) { o.TLS.weaken(yes, tlsUnverified) })},
		{"tlsDisableOCSPEndpointCheck", truth(func(o *Options, yes bool) { o.TLS.NoOCSPEndpoint = yes })},
		{"tlsDisableCertificateRevocationCheck", truth(func(o *Options, yes bool) { o.TLS.NoRevocationCheck = yes })},

		{"authSource", netdriver.Text(func(o *Options) *string { return &o.Auth.Source })},
		{"authMechanism", choice(func(o *Options, v string) { o.Auth.Mechanism = v },
			"SCRAM-SHA-256", "SCRAM-SHA-1", "MONGODB-X509", "PLAIN", "MONGODB-AWS")},
		{"authMechanismProperties", properties},

		{"readPreference", choice(func(o *Options, v string) { o.Read.Preference = v },
			"primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest")},
		{"readPreferenceTags", tags},
		{"maxStalenessSeconds", seconds(func(o *Options, d time.Duration) { o.Read.MaxStaleness = max(0, d) })},
		{"readConcernLevel", choice(func(o *Options, v string) { o.Read.Concern = v },
			"local", "available", "majority", "linearizable", "snapshot")},
		{"w", netdriver.Text(func(o *Options) *string { return &o.Write.W })},
		{"journal", truth(func(o *Options, yes bool) { o.Write.Journal = &yes })},
		{"retryWrites", truth(func(o *Options, yes bool) { o.NoRetryWrites = !yes })},
		{"retryReads", truth(func(o *Options, yes bool) { o.NoRetryReads = !yes })},

		{"connectTimeoutMS", millis(func(o *Options, d time.Duration) { o.ConnectTimeout = d })},
		{"serverSelectionTimeoutMS", millis(func(o *Options, d time.Duration) { o.SelectTimeout = d })},
		{"heartbeatFrequencyMS", millis(func(o *Options, d time.Duration) { o.Heartbeat = d })},
		{"localThresholdMS", millis(func(o *Options, d time.Duration) { o.LocalThreshold = d })},
		{"serverMonitoringMode", choice(func(o *Options, v string) { o.MonitoringMode = v }, "auto", "stream", "poll")},
		{"maxConnecting", netdriver.Number(func(o *Options, n int) { o.MaxConnecting = n })},
		{"compressors", compressors},
		{"zlibCompressionLevel", func(o *Options, value string) error {
			n, err := strconv.Atoi(value)
			if err != nil || n < -1 || n > 9 {
				return fmt.Errorf("write a number from -1 to 9")
			}
			o.ZlibLevel = &n
			return nil
		}},
		{"appName", netdriver.Text(func(o *Options) *string { return &o.ApplicationName })},
	}
}

// aliases are other names of the words: older ones, and those of mongosh.
func aliases() map[string]string {
	return map[string]string{
		"ssl": "tls", "sslcertificateauthorityfile": "tlscafile", "sslclientcertificatekeyfile": "tlscertificatekeyfile",
		"sslclientcertificatekeypassword": "tlscertificatekeyfilepassword", "sslinsecure": "tlsinsecure",
		"heartbeatintervalms": "heartbeatfrequencyms", "maxstaleness": "maxstalenessseconds",
	}
}

// pooled are the options that package config has made settings of the engine.
func pooled() []string {
	return []string{"maxpoolsize", "minpoolsize", "maxidletimems", "waitqueuetimeoutms", "timeoutms"}
}

// foreign are options that mean something else here, and what to write.
func foreign() map[string]string {
	const own = "the calls' own deadline ends them: write timeout=5s"
	const unsupported = "it isn't supported"
	return map[string]string{
		"sockettimeoutms": own, "serverselectiontryonce": "leave it out: servers are looked for until the deadline",
		"uuidrepresentation": "leave it out: a UUID is binary of subtype 4", "gssapiservicename": unsupported, "proxyhost": unsupported,
		"proxyport": unsupported, "proxyusername": unsupported, "proxypassword": unsupported,
		"tlscertificatefile": "write both into one file: tlsCertificateKeyFile", "tlsprivatekeyfile": "write both into one file: tlsCertificateKeyFile",
		"zstdcompressionlevel": unsupported, "maxadaptiveretries": "leave it out: the engine repeats what an overloaded server refused",
		"enableoverloadretargeting": "leave it out: the engine repeats what an overloaded server refused",
		"connect":                   "write directConnection=true for one host", "fsync": "write journal=true", "slaveok": "write readPreference=secondaryPreferred",
		"tlscertificatekeyfilepassword": "write the key without a passphrase by openssl pkey -in KEY -out NEW",
		"wtimeout":                      own, "wtimeoutms": own, "user": "write it in front of the host", "password": "write it in front of the host",
	}
}

// fromConfig returns the options that a configuration stands for.
func fromConfig(c config.Config) (Options, error) {
	o := Options{Database: c.Database, User: c.User, Password: c.Password, ReadOnly: c.ReadOnly, SRV: c.SRV}
	for _, a := range c.Addresses() {
		o.Hosts = append(o.Hosts, Host{Name: a.Host, Port: a.Port})
	}
	known, hints, other := words(), foreign(), aliases()
	for name, value := range c.Params.All() {
		called := strings.ToLower(name)
		if alias, ok := other[called]; ok {
			called = alias
		}
		i := slices.IndexFunc(known, func(w word) bool { return strings.ToLower(w.name) == called })
		switch {
		case i >= 0:
			if err := known[i].set(&o, value); err != nil {
				return o, driver.Faultf(driver.Argument, "the option %s: %w", name, err)
			}
		case slices.Contains(pooled(), called):
		default:
			f := driver.Faultf(driver.Argument, "the option %s isn't one of a MongoDB connection", name)
			if f.Hint = hints[called]; f.Hint == "" {
				if near := nearest(called, known); near != "" {
					f.Hint = "did you mean " + near + "?"
				}
			}
			return o, f
		}
	}
	return o, nil
}

// nearest returns the word that name is most likely a slip of the pen for, or "".
func nearest(name string, known []word) string {
	best, distance := "", 100
	for _, w := range known {
		d := names.Distance(name, strings.ToLower(w.name))
		if d < distance && d <= max(1, min(3, len(w.name)/4)) {
			best, distance = w.name, d
		}
	}
	return best
}

// tlsMode reads tls=true and false. What weakens it (tlsInsecure, …) may stand on either side.
func tlsMode(o *Options, value string) error {
	return truth(func(o *Options, yes bool) {
		switch {
		case !yes:
			o.TLS.Mode = tlsOff
		case o.TLS.Mode == "" || o.TLS.Mode == tlsOff:
			o.TLS.Mode = tlsVerified
		}
	})(o, value)
}

// properties reads NAME:VALUE,NAME:VALUE. They may hold secrets: errors show none.
func properties(o *Options, value string) error {
	o.Auth.Properties = map[string]string{}
	for pair := range strings.SplitSeq(value, ",") {
		key, v, ok := strings.Cut(pair, ":")
		if !ok {
			return fmt.Errorf("write NAME:VALUE, and a comma between two")
		}
		o.Auth.Properties[key] = v
	}
	return nil
}

// tags reads dc:ny,rack:1, one set of tags; empty means any server.
func tags(o *Options, value string) error {
	set := map[string]string{}
	if value != "" {
		for pair := range strings.SplitSeq(value, ",") {
			key, v, ok := strings.Cut(pair, ":")
			if !ok {
				return fmt.Errorf("write name:value, and a comma between two")
			}
			set[key] = v
		}
	}
	o.Read.Tags = append(o.Read.Tags, set)
	return nil
}

func compressors(o *Options, value string) error {
	o.Compressors = nil
	for name := range strings.SplitSeq(value, ",") {
		if !slices.Contains([]string{"zstd", "zlib", "snappy"}, name) {
			return fmt.Errorf("write a list of zstd, zlib and snappy")
		}
		o.Compressors = append(o.Compressors, name)
	}
	return nil
}

// choice takes one of the values, in any case.
func choice(set func(*Options, string), values ...string) func(*Options, string) error {
	return func(o *Options, value string) error {
		for _, v := range values {
			if strings.EqualFold(v, value) {
				set(o, v)
				return nil
			}
		}
		return fmt.Errorf("write one of %s", strings.Join(values, ", "))
	}
}

func truth(set func(*Options, bool)) func(*Options, string) error {
	return func(o *Options, value string) error {
		switch strings.ToLower(value) {
		case "true":
			set(o, true)
		case "false":
			set(o, false)
		default:
			return fmt.Errorf("write true or false")
		}
		return nil
	}
}

// millis takes a number of milliseconds.
func millis(set func(*Options, time.Duration)) func(*Options, string) error {
	return func(o *Options, value string) error {
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("write a number of milliseconds")
		}
		set(o, time.Duration(n)*time.Millisecond)
		return nil
	}
}

// seconds takes a number of seconds; -1 stands for none.
func seconds(set func(*Options, time.Duration)) func(*Options, string) error {
	return func(o *Options, value string) error {
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < -1 {
			return fmt.Errorf("write a number of seconds")
		}
		set(o, time.Duration(n)*time.Second)
		return nil
	}
}
