package config

import (
	"io/fs"
	"runtime"
)

// ClientKey returns what the file of a private key holds, with which a client proves who it is (sslkey, ssl_key,
// tlsCertificateKeyFile). A key that others may read is refused by libpq's rule
// (https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CLIENTCERT): nobody but its owner may have any
// permission, but where root owns it, its group may read it. The error is a *FieldError with the chmod to run. On Windows
// permissions aren't looked at.
//
// It reads from the files that c was loaded from. A driver should call it for each new connection, so that a key may be
// replaced while the program runs.
func (c Config) ClientKey(path string) ([]byte, error) {
	p := problems{source: "file " + path}
	text, info, err := c.around().readFile(path)
	switch {
	case err != nil:
		p.add("client key", "can't be read: "+err.Error(), "")
	case !info.Mode().IsRegular():
		p.add("client key", "isn't in a plain file", "")
	case runtime.GOOS != "windows":
		allowed, hint := fs.FileMode(0o700), "chmod 600 "+path
		if ownedByRoot(info) {
			allowed, hint = 0o740, "chmod 640 "+path
		}
		if info.Mode().Perm()&^allowed != 0 {
			p.add("client key", "is in a file that others can use", hint)
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return []byte(text), nil
}
