package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// hasRole asks a new session for its role, by the rules of libpq (fe-connect.c): servers from version 14 on have told both
// settings by themselves.
func hasRole(ctx context.Context, pg *pgconn.PgConn, role Role) error {
	if role == RoleAny {
		return nil
	}
	standby, known := pg.ParameterStatus("in_hot_standby"), true
	readOnly := pg.ParameterStatus("default_transaction_read_only")
	if standby == "" || readOnly == "" {
		known = false
	}
	ask := func(query string) (string, error) {
		results, err := pg.Exec(ctx, query).ReadAll()
		if err != nil {
			return "", err
		}
		if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 1 {
			return "", fmt.Errorf("%s: the answer isn't one value", query)
		}
		return string(results[0].Rows[0][0]), nil
	}
	is := false
	switch role {
	case RoleReadWrite, RoleReadOnly:
		can := standby == "on" || readOnly == "on"
		if !known {
			answer, err := ask("SHOW transaction_read_only")
			if err != nil {
				return err
			}
			can = answer == "on"
		}
		is = can == (role == RoleReadOnly)
	case RolePrimary, RoleStandby:
		replica := standby == "on"
		if standby == "" {
			answer, err := ask("SELECT pg_catalog.pg_is_in_recovery()")
			if err != nil {
				return err
			}
			replica = answer == "t"
		}
		is = replica == (role == RoleStandby)
	}
	if !is {
		return &netdriver.RoleError{Text: "isn't " + map[Role]string{RoleReadWrite: "one that sessions can write to",
			RoleReadOnly: "read-only", RolePrimary: "the primary", RoleStandby: "a standby"}[role]}
	}
	return nil
}
