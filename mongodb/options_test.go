package mongodb

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
)

func targetOf(t *testing.T, url string) (*target, error) {
	t.Helper()
	c, err := config.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	o, err := fromConfig(c)
	if err != nil {
		return nil, err
	}
	return o.resolve()
}

func TestWordsOfAURLAreOptions(t *testing.T) {
	t.Parallel()
	to, err := targetOf(t, "mongodb://app:pw@localhost:1,localhost:2/shop?replicaSet=rs0&readPreference=secondaryPreferred"+
		"&readPreferenceTags=dc:ny,rack:1&readPreferenceTags=&maxStalenessSeconds=120&w=majority&journal=true&retryWrites=false"+
		"&authsource=admin&compressors=zlib,snappy&serverSelectionTimeoutMS=1500&appName=x&MAXPOOLSIZE=3")
	if err != nil {
		t.Fatal(err)
	}
	if to.ReplicaSet != "rs0" || to.Read.Preference != "secondaryPreferred" || len(to.Read.Tags) != 2 || to.Read.Tags[0]["rack"] != "1" ||
		to.Read.MaxStaleness != 2*time.Minute || to.Write.W != "majority" || !*to.Write.Journal || !to.NoRetryWrites || to.NoRetryReads ||
		to.Auth.Source != "admin" || len(to.Compressors) != 2 || to.SelectTimeout != 1500*time.Millisecond || to.ApplicationName != "x" {
		t.Errorf("%+v", to.Options)
	}
	if label := to.label(); label != "mongodb://localhost:1,localhost:2/shop" {
		t.Errorf("label %q", label)
	}
}

func TestAWrongWordIsRefusedAndTheRightOneNamed(t *testing.T) {
	t.Parallel()
	for word, hint := range map[string]string{
		"replicSet=a": "did you mean replicaSet?", "tlsCAFil=a": "did you mean tlsCAFile?", "socketTimeoutMS=5": "timeout=5s", "w=0": "w=1",
		"readPreference=first": "", "retryWrites=maybe": "", "tls=false&tlsCAFile=ca.pem": "", "readConcernLevel=x": "", "maxStalenessSeconds=90": "",
		"directConnection=true&loadBalanced=true": "", "compressors=lz4": "",
	} {
		_, err := targetOf(t, "mongodb://localhost/a?"+word)
		f, ok := errors.AsType[*driver.Fault](err)
		if !ok || f.Kind != driver.Argument || !strings.Contains(f.Hint, hint) {
			t.Errorf("%s: %v (%+v)", word, err, f)
		}
	}
}

func TestTLSVerifiesUnlessTheURLSaysOtherwise(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"mongodb://localhost/a": "", "mongodb://127.0.0.1/a": "", "mongodb://[::1]/a": "", "mongodb://db.example/a": tlsVerified,
		"mongodb://localhost,db.example/a": tlsVerified, "mongodb+srv://db.example/a": tlsVerified, "mongodb://db.example/a?tls=false": tlsOff,
		"mongodb://localhost/a?tls=true": tlsVerified, "mongodb://db.example/a?tlsInsecure=true": tlsUnverified,
		"mongodb://db.example/a?tlsAllowInvalidHostnames=true": tlsAnyName, "mongodb://db.example/a?ssl=true&tlsAllowInvalidCertificates=true": tlsUnverified,
		"mongodb://db.example/a?tlsInsecure=false": tlsVerified,
	} {
		to, err := targetOf(t, url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		c, err := to.tlsConfig()
		if to.TLS.Mode != want || err != nil || (c == nil) == to.encrypts() {
			t.Errorf("%s: mode %q, want %q (%v)", url, to.TLS.Mode, want, err)
		}
	}
}

func TestWithoutTLSNoOtherMachineIsDialled(t *testing.T) {
	t.Parallel()
	to, err := targetOf(t, "mongodb://localhost/a")
	if err != nil {
		t.Fatal(err)
	}
	_, err = dialer{to}.DialContext(t.Context(), "tcp", net.JoinHostPort("192.0.2.1", "27017"))
	f := &driver.Fault{Err: err}
	to.explain(f)
	if _, ok := errors.AsType[*elsewhereError](err); !ok || !strings.Contains(f.Hint, "tls=true") {
		t.Errorf("error %v, hint %q", err, f.Hint)
	}
}

func TestARefusedConnectionHasAHint(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	to, err := targetOf(t, "mongodb://localhost/a")
	if err != nil {
		t.Fatal(err)
	}
	foreign := errors.New("cannot decode result from <invalid opcode>")
	for hint, causes := range map[string][]error{
		"is the server running":     {refused},
		"is it a MongoDB server":    {context.DeadlineExceeded, foreign},
		"nothing answers: check":    {context.DeadlineExceeded},
		"the server closed the con": {context.DeadlineExceeded, io.EOF},
	} {
		f := &driver.Fault{Err: &selectionError{text: "no server will do", cause: causes}}
		to.explain(f)
		if !strings.HasPrefix(f.Hint, hint) {
			t.Errorf("%v: hint %q", causes, f.Hint)
		}
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "client.pem")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	_, err := targetOf(t, "mongodb://db.example/a?tlsCertificateKeyFile="+file)
	if f, ok := errors.AsType[*driver.Fault](err); !ok || !strings.Contains(f.Hint, "chmod 600") {
		t.Errorf("error %v", err)
	}
}

func TestNoPasswordIsShown(t *testing.T) {
	t.Parallel()
	const secret = "hunter2secret"
	for _, url := range []string{
		"mongodb://app:" + secret + "@localhost/a?replicSet=b", "mongodb://app:" + secret + "@db.example/a?tls=" + secret,
		"mongodb://app@localhost/a?authMechanism=MONGODB-AWS&authMechanismProperties=" + secret, "mongodb://app:" + secret + "@localhost/a?w=0",
	} {
		if _, err := targetOf(t, url); err == nil || strings.Contains(err.Error(), secret[:4]) {
			t.Errorf("error %v", err)
		}
	}
}

func TestTheRulesListEachCodeOnce(t *testing.T) {
	t.Parallel()
	table := driver.NewTable(Rules()...) // panics otherwise
	for code, want := range map[string]driver.Kind{"11000": driver.Unique, "121": driver.Check, "13": driver.Permission, "18": driver.Auth,
		"26": driver.Undefined, "48": driver.Exists, "50": driver.Timeout, "112": driver.Serialization, "10107": driver.Unavailable, "4242": driver.Unknown} {
		if got := table.Lookup(code); got.Kind != want {
			t.Errorf("%s is %q, want %q", code, got.Kind, want)
		}
	}
	if r := table.Lookup("4242"); r.Verdict != driver.Never || r.Commit != driver.Never {
		t.Error("an unlisted code may be repeated")
	}
}
