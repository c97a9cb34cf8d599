package postgres

import (
	"github.com/plinthdb/plinth/config"
)

// fromConfig returns the options that a configuration stands for.
func fromConfig(c config.Config) (Options, error) {
	o := Options{Database: c.Database, User: c.User, Password: c.Password, ReadOnly: c.ReadOnly}
	for _, a := range c.Addresses() {
		o.Hosts = append(o.Hosts, Host{Name: a.Host, Port: a.Port})
	}
	return o, nil
}
