package mariadb

import (
	"strings"
	"testing"

	"github.com/plinthdb/plinth/internal/sqltext"
)

func TestASetThatReachesBeyondItsSessionIsNotKeptFromWriting(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"set @a = 1":                                                                      true,
		"set @global = 1":                                                                 true,
		"set @password = 'global'":                                                        true,
		"set names utf8mb4":                                                               true,
		"set @@session.sort_buffer_size = default":                                        true,
		"set session transaction read only /* not global */":                              true,
		"set role admin":                                                                  true,
		"set statement max_statement_time = 1 for select 1":                               true,
		"set global max_connections = 1":                                                  false,
		"set @a = 1, GLOBAL max_connections = 1":                                          false,
		"set @@global.max_connections = 1":                                                false,
		"set @@ global . max_connections = 1":                                             false,
		"set /*!50001 global */ max_connections = 1":                                      false,
		"set /* ' */ global max_connections = 1 -- '":                                     false,
		"set password = 'x'":                                                              false,
		"set password for a@b = password('x')":                                            false,
		"set default role admin for a@b":                                                  false,
		"set statement max_statement_time = 1 for drop table t":                           false,
		"set statement a = (select 1 for update) for drop role r":                         false,
		"set @a = 1" + strings.Repeat(", @abc = 1", 200):                                  false, // whatever comes at its end isn't looked at
		"set @a = 1" + strings.Repeat(", @abc = 1", 200) + ", global max_connections = 1": false,
	} {
		stmt, err := sqltext.Compile(text, sqltext.MariaDB())
		if err != nil {
			t.Fatal(err)
		}
		if got := guardable(stmt); got != want {
			t.Errorf("%.60s: %v, want %v", text, got, want)
		}
	}
}
