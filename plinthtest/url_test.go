package plinthtest

import (
	"strings"
	"testing"

	"github.com/plinthdb/plinth/config"
)

func TestURLReplacesTheHostAndNothingElse(t *testing.T) {
	t.Parallel()
	p := &Proxy{port: &port{number: 999}}
	for in, want := range map[string]string{
		"postgres://me:p%40ss@db:5432/shop?sslmode=require": "postgres://me:p%40ss@127.0.0.1:999/shop?sslmode=require",
		"postgres://db/shop":                                 "postgres://127.0.0.1:999/shop",
		"postgres://db":                                      "postgres://127.0.0.1:999",
		"postgres://db?sslmode=disable":                      "postgres://127.0.0.1:999?sslmode=disable",
		"postgres://me@a:1,b:2,[::1]:3/shop":                 "postgres://me@127.0.0.1:999/shop",
		"postgres://me@/shop?host=/run/pg&port=5433":         "postgres://me@127.0.0.1:999/shop",
		"postgres:///shop?a=1&host=h&b=2&hostaddr=::1":       "postgres://127.0.0.1:999/shop?a=1&b=2",
		"mysql://me@%2Frun%2Fmysqld.sock/shop":               "mysql://me@127.0.0.1:999/shop",
		"mariadb://me:x@/shop?socket=/run/mysqld.sock":       "mariadb://me:x@127.0.0.1:999/shop",
		"mongodb://a,b,c/shop?replicaSet=rs0&appName=a%2Fb?": "mongodb://127.0.0.1:999/shop?replicaSet=rs0&appName=a%2Fb?",
		"postgres://db/shop?a=1&port=1#f":                    "postgres://127.0.0.1:999/shop?a=1#f",
	} {
		if got := p.URL(in); got != want {
			t.Errorf("%s\n gives %s\nwant   %s", in, got, want)
		}
	}
}

func TestURLRefusesWhatWouldGoPastTheProxy(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "sqlite:app.db", "sqlite:///app.db", "file:///app.db", "host=db password=secret"} {
		func() {
			defer func() {
				if text, _ := recover().(string); text == "" || strings.Contains(text, "secret") {
					t.Errorf("%q: panic %q", in, text)
				}
			}()
			t.Errorf("%q gives %q", in, (&Proxy{port: &port{}}).URL(in))
		}()
	}
}

// What package config takes for a server's URL names the proxy afterwards, and is otherwise the same.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"postgres://me:p%40ss@db:5432/shop?sslmode=verify-full&x=1+2",
		"postgres:///shop?host=/run/pg,b&port=1,2", "mariadb://u@/d?socket=/s",
		"mongodb://u:p@a:1,b:2/d?replicaSet=rs0", "postgres://[::1]/d?max_open_conns=3&%68ost=x", "mysql://u@%2Fs/d?user=me",
	} {
		f.Add(seed)
	}
	p := &Proxy{port: &port{number: 999}}
	f.Fuzz(func(t *testing.T, raw string) {
		before, err := config.Parse(raw)
		if err != nil || !strings.Contains(raw, "://") || before.Engine == config.SQLite || strings.Contains(raw, "+srv") {
			return
		}
		after, err := config.Parse(p.URL(raw))
		if err != nil {
			t.Fatal(err)
		}
		if after.Host != "127.0.0.1" || after.Port != 999 || len(after.OtherHosts) > 0 {
			t.Errorf("it names %v", after.Addresses())
		}
		before.Host, before.Port, before.OtherHosts = after.Host, after.Port, nil
		before.Params = before.Params.Del("hostaddr")
		if !before.Equal(after) {
			t.Errorf("more than the host is different")
		}
	})
}
