package mongodb_test

import (
	"testing"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/mongodb"
)

// optionsOf returns those of a URL.
func optionsOf(t testing.TB, url string) mongodb.Options {
	t.Helper()
	c, err := config.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	o := mongodb.Options{Database: c.Database, User: c.User, Password: c.Password}
	for _, a := range c.Addresses() {
		o.Hosts = append(o.Hosts, mongodb.Host{Name: a.Host, Port: a.Port})
	}
	return o
}
