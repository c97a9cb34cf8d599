package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// construct makes a *pgconn.PgConn of the connection, which goes on to be used here, too.
func (w *wire) construct() (*pgconn.PgConn, error) {
	if n := w.ReadBufferLen(); n > 0 {
		return nil, fmt.Errorf("%d bytes from the server haven't been read", n)
	}
	config := *w.to.blank
	config.DialFunc, config.LookupFunc = w.to.Dial, func(context.Context, string) ([]string, error) { return []string{w.address}, nil }
	config.Host, config.RuntimeParams = w.address, map[string]string{}
	if w.to.TLS.Direct {
		config.SSLNegotiation = "direct" // of its cancel requests
	}
	return pgconn.Construct(&pgconn.HijackedConn{
		Conn: w.conn, TLSConfig: w.tls, PID: w.pid, SecretKey: w.secret, ParameterStatuses: w.params, TxStatus: w.status,
		Frontend: w.Frontend, Config: &config, CustomData: map[string]any{},
	})
}
