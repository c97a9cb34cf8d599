package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

func TestNativeAnswerIsWhatTheServerChecks(t *testing.T) {
	t.Parallel()
	// A server knows SHA1(SHA1(password)), here PASSWORD('secret') of the manual, and takes back what was XORed.
	const stored = "14E65567ABDB5135D0CFD9A70B3032C179A49EE7"
	answer := nativeAnswer("secret", []byte(testNonce))
	known, _ := hex.DecodeString(stored)
	mask := sha1.Sum(append([]byte(testNonce), known...))
	subtle.XORBytes(answer, answer, mask[:])
	if got := sha1.Sum(answer); !bytes.Equal(got[:], known) {
		t.Errorf("got %X, want %s", got, stored)
	}
}

func TestCachingAnswerIsAsMySQLsDriversTestIt(t *testing.T) {
	t.Parallel()
	nonce := []byte{10, 47, 74, 111, 75, 73, 34, 48, 88, 76, 114, 74, 37, 13, 3, 80, 82, 2, 23, 21}
	for password, want := range map[string]string{
		"secret":  "f490e76f66d9d86665ce54d98c78d0acfe2fb0b08b423da807144873d30b312c",
		"secret2": "abc3934a012cf342e876071c8ee202de51785b430258a7a0138bc79c4d800bc6",
	} {
		if got := hex.EncodeToString(cachingAnswer(password, nonce)); got != want {
			t.Errorf("%s: got %s, want %s", password, got, want)
		}
	}
}

func TestEd25519AnswerIsASignatureByTheDocumentedKey(t *testing.T) {
	t.Parallel()
	// What ed25519_password("secret") returns in https://mariadb.com/kb/en/authentication-plugin-ed25519/.
	public, err := base64.RawStdEncoding.DecodeString("ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY")
	if err != nil {
		t.Fatal(err)
	}
	nonce := []byte("0123456789abcdef0123456789ABCDEF")
	answer, err := ed25519Answer("secret", nonce)
	if err != nil || !ed25519.Verify(public, nonce, answer) {
		t.Errorf("%x isn't its signature (%v)", answer, err)
	}
}

func TestAPluginsFirstAnswer(t *testing.T) {
	t.Parallel()
	nonce := []byte(strings.Repeat("n", 32))
	for _, test := range []struct {
		plugin, password string
		nonce            []byte
		tls              bool
		want             string // "*": any
		err              error
	}{
		{pluginNative, "", nonce, false, "", nil},
		{pluginNative, "secret", nonce[:19], false, "", ErrProtocol},
		{pluginNative, "secret", nil, false, "", ErrProtocol},
		{pluginCaching, "", nonce, false, "", nil},
		{pluginCaching, "secret", nonce[:19], false, "", ErrProtocol},
		{pluginEd25519, "secret", nonce[:31], false, "", ErrProtocol},
		{pluginEd25519, "secret", nonce, false, "*", nil},
		{pluginSHA256, "", nonce, false, "\x00", nil},
		{pluginSHA256, "secret", nonce, true, "secret\x00", nil},
		{pluginSHA256, "secret", nonce, false, "", ErrAuth},
		{pluginClear, "secret", nonce, true, "", ErrAuth},
		{pluginOld, "secret", nonce, true, "", ErrAuth},
		{"dialog", "secret", nonce, true, "", ErrAuth},
	} {
		got, err := (&Config{Password: test.password}).answer(test.plugin, test.nonce, test.tls)
		if !errors.Is(err, test.err) || string(got) != test.want && (test.want != "*" || len(got) == 0) {
			t.Errorf("%s, %q, tls %v: got %q, %v", test.plugin, test.password, test.tls, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v tells the password", err)
		}
	}
}

// login lets a client log in at the scripted server and returns Connect's error.
func login(t *testing.T, cfg *Config, server func(p *peer)) error {
	t.Helper()
	serve(t, cfg, server)
	c, err := Connect(t.Context(), cfg)
	if err == nil {
		err = c.Close()
	}
	if err != nil && cfg.Password != "" && strings.Contains(err.Error(), cfg.Password) {
		t.Errorf("%v tells the password", err)
	}
	return err
}

func serverKey(t *testing.T) (*rsa.PrivateKey, []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// reveal decrypts what a client sent for key.
func reveal(key *rsa.PrivateKey, sent []byte) string {
	plain, err := rsa.DecryptOAEP(sha1.New(), nil, key, sent, nil)
	if err != nil {
		return err.Error()
	}
	for i := range plain {
		plain[i] ^= testNonce[i%20]
	}
	return string(plain)
}

func TestCachingSHA2LogsIn(t *testing.T) {
	t.Parallel()
	key, text := serverKey(t)
	password := strings.Repeat("long secret ", 9) // longer than the nonce, which is repeated then
	fast := func(p *peer) {
		p.send(greet(serverCaps, pluginCaching))
		if r := p.receive(); !bytes.Contains(r, cachingAnswer(password, []byte(testNonce))) {
			t.Errorf("it answers %q", r)
		}
		p.send([]byte{1, cachingFast})
		p.send(okPacket)
	}
	full := func(ask bool) func(p *peer) {
		return func(p *peer) {
			p.send(greet(serverCaps, pluginCaching))
			p.receive()
			p.send([]byte{1, cachingProceed})
			sent := p.receive()
			if ask {
				if !bytes.Equal(sent, []byte{cachingAskKey}) {
					t.Errorf("it asks %q for the key", sent)
				}
				p.send([]byte{1}, text)
				sent = p.receive()
			}
			if got := reveal(key, sent); got != password+"\x00" {
				t.Errorf("it sends %q", got)
			}
			p.send(okPacket)
		}
	}
	switched := func(p *peer) {
		p.send(greet(serverCaps, pluginNative))
		p.receive()
		p.send([]byte{0xfe}, []byte(pluginCaching+"\x00"), []byte(testNonce), []byte{0})
		if r := p.receive(); !bytes.Equal(r, cachingAnswer(password, []byte(testNonce))) {
			t.Errorf("it answers %q", r)
		}
		p.send([]byte{1, cachingFast})
		p.send(okPacket)
	}
	unix := func(p *peer) {
		p.send(greet(serverCaps, pluginCaching))
		p.receive()
		p.send([]byte{1, cachingProceed})
		if r := p.receive(); string(r) != password+"\x00" {
			t.Errorf("it sends %q", r)
		}
		p.send(okPacket)
	}
	for name, test := range map[string]struct {
		cfg    Config
		server func(p *peer)
	}{
		"fast":               {Config{}, fast},
		"after a switch":     {Config{}, switched},
		"by a known key":     {Config{ServerKey: &key.PublicKey}, full(false)},
		"by a fetched key":   {Config{FetchServerKey: true}, full(true)},
		"on a local socket":  {Config{Network: "unix"}, unix},
		"known, not fetched": {Config{ServerKey: &key.PublicKey, FetchServerKey: true}, full(false)},
	} {
		test.cfg.Password = password
		if err := login(t, &test.cfg, test.server); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSHA256LogsIn(t *testing.T) {
	t.Parallel()
	key, text := serverKey(t)
	for _, ask := range []bool{false, true} {
		cfg := &Config{Password: "a secret", FetchServerKey: ask}
		if !ask {
			cfg.ServerKey = &key.PublicKey
		}
		err := login(t, cfg, func(p *peer) {
			p.send(greet(serverCaps, pluginNative))
			p.receive()
			p.send([]byte{0xfe}, []byte(pluginSHA256+"\x00"), []byte(testNonce), []byte{0})
			sent := p.receive()
			if ask {
				if !bytes.Equal(sent, []byte{sha256AskKey}) {
					t.Errorf("it asks %q for the key", sent)
				}
				p.send([]byte{1}, text)
				sent = p.receive()
			}
			if got := reveal(key, sent); got != "a secret\x00" {
				t.Errorf("it sends %q", got)
			}
			p.send(okPacket)
		})
		if err != nil {
			t.Errorf("ask %v: %v", ask, err)
		}
	}
}

func TestThePasswordStaysWhereNothingHidesIt(t *testing.T) {
	t.Parallel()
	_, text := serverKey(t)
	change := func(plugin string, more ...[]byte) func(p *peer) {
		return func(p *peer) {
			p.send(greet(serverCaps, pluginNative))
			p.receive()
			p.send([]byte{0xfe}, []byte(plugin), []byte(testNonce), []byte{0})
			for _, m := range more {
				p.receive()
				p.send(m)
			}
			if asked := p.receive(); asked != nil {
				t.Errorf("it says %q to %q", asked, plugin)
			}
		}
	}
	for name, test := range map[string]struct {
		server func(p *peer)
		err    error
	}{
		"clear text":        {change(pluginClear + "\x00"), ErrAuth},
		"the old hash":      {change(pluginOld + "\x00"), ErrAuth},
		"an unknown plugin": {change("dialog\x00"), ErrAuth},
		"a plugin without an end": {func(p *peer) {
			p.welcomeTo([]byte("\xfe" + pluginNative))
			if r := p.receive(); r != nil {
				t.Errorf("it says %q", r)
			}
		}, ErrProtocol},
		"the password":            {change(pluginCaching+"\x00", []byte{1, cachingProceed}), ErrAuth},
		"the password, SHA256":    {change(pluginSHA256 + "\x00"), ErrAuth},
		"a key that wasn't asked": {change(pluginCaching+"\x00", append([]byte{1}, text...)), ErrProtocol},
		"more, of native":         {change(pluginNative+"\x00", []byte{1, cachingProceed}), ErrProtocol},
		"a file":                  {change(pluginNative+"\x00", []byte("\xfb/etc/passwd")), ErrProtocol},
	} {
		if err := login(t, &Config{Password: "a secret"}, test.server); !errors.Is(err, test.err) {
			t.Errorf("%s: got %v, want %v", name, err, test.err)
		}
	}
}

// welcomeTo greets, reads the login and sends answer.
func (p *peer) welcomeTo(answer []byte) {
	p.send(greet(serverCaps, pluginNative))
	p.receive()
	p.send(answer)
}

func TestServersFromBefore41AreRefused(t *testing.T) {
	t.Parallel()
	err := login(t, &Config{Password: "a secret"}, func(p *peer) { p.welcomeTo([]byte{0xfe}); p.receive() })
	if !errors.Is(err, ErrAuth) {
		t.Errorf("got %v, want %v", err, ErrAuth)
	}
}

func TestClearTextIsSentWhereItsAllowed(t *testing.T) {
	t.Parallel()
	err := login(t, &Config{Password: "a secret", Cleartext: true}, func(p *peer) {
		p.welcomeTo([]byte("\xfe" + pluginClear + "\x00"))
		if r := p.receive(); string(r) != "a secret\x00" {
			t.Errorf("it sends %q", r)
		}
		p.send(okPacket)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestALoginThatGoesOnForeverEnds(t *testing.T) {
	t.Parallel()
	for name, packet := range map[string][]byte{
		"more":   {1, cachingFast},
		"switch": []byte("\xfe" + pluginCaching + "\x00" + testNonce + "\x00"),
	} {
		err := login(t, &Config{Password: "a secret"}, func(p *peer) {
			p.send(greet(serverCaps, pluginCaching))
			p.receive()
			for range 1000 {
				p.send(packet)
				if p.gone || name == "switch" && p.receive() == nil {
					return
				}
			}
			t.Errorf("%s: it listens for 1000 packets", name)
		})
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %v, want %v", name, err, ErrProtocol)
		}
	}
}

func TestParsecLogsIn(t *testing.T) {
	t.Parallel()
	nonce := strings.Repeat("0123456789abcdef", 2)
	seed, err := pbkdf2.Key(sha512.New, "a secret", []byte("salt of 18 bytes.."), 2048, 32)
	if err != nil {
		t.Fatal(err)
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	server := func(mark string, salts ...string) func(p *peer) {
		return func(p *peer) {
			p.welcomeTo([]byte("\xfe" + pluginParsec + "\x00" + nonce))
			if r := p.receive(); r == nil || len(r) > 0 {
				t.Errorf("it asks for the salt by %q", r)
			}
			for _, salt := range salts {
				p.send([]byte(mark + salt))
				r := p.receive()
				if r == nil {
					return
				}
				if len(r) != 96 || !ed25519.Verify(public, append([]byte(nonce), r[:32]...), r[32:]) {
					t.Errorf("%q isn't signed", r)
				}
			}
			p.send(okPacket)
		}
	}
	const salt = "P\x01salt of 18 bytes.."
	for name, test := range map[string]struct {
		server func(p *peer)
		err    error
	}{
		"marked":         {server("\x01", salt), nil},
		"not marked":     {server("", salt), nil},
		"twice":          {server("\x01", salt, salt), ErrProtocol},
		"short":          {server("\x01", "P\x01"), ErrProtocol},
		"another hash":   {server("\x01", "Q\x01salt"), ErrProtocol},
		"too much work":  {server("\x01", "P\x0bsalt"), ErrAuth},
		"of another one": {func(p *peer) { p.welcomeTo([]byte(salt)); p.receive() }, ErrProtocol},
	} {
		if err := login(t, &Config{Password: "a secret"}, test.server); !errors.Is(err, test.err) {
			t.Errorf("%s: got %v, want %v", name, err, test.err)
		}
	}
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	curve, err := x509.MarshalPKIXPublicKey(ed25519.NewKeyFromSeed(make([]byte, 32)).Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"nothing":       nil,
		"no PEM":        []byte("a key"),
		"not one":       pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}),
		"another kind":  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: curve}),
		"the end of it": []byte("-----BEGIN PUBLIC KEY-----\nMII"),
	} {
		if key, err := parseKey(text); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %v, %v", name, key, err)
		}
	}
	key, _ := serverKey(t)
	long := &Config{Password: strings.Repeat("x", 300)}
	if _, err := long.encrypt(&key.PublicKey, []byte(testNonce)); !errors.Is(err, ErrAuth) {
		t.Errorf("a password longer than the key: got %v", err)
	}
	if _, err := long.encrypt(&key.PublicKey, []byte("short")); !errors.Is(err, ErrProtocol) {
		t.Errorf("a short nonce: got %v", err)
	}
}
