package sqlite

import (
	"testing"

	"github.com/plinthdb/plinth/driver"
)

func TestColumnsTellWhatTheyWereDeclaredAs(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	ctx := t.Context()
	run(t, s, "CREATE TABLE stay (id INTEGER PRIMARY KEY, since TIMESTAMP, price DECIMAL(10, 2), plain)")
	run(t, s, "INSERT INTO stay VALUES (1, '2024-05-06', 1, 1)")
	for text, want := range map[string][]driver.Column{
		"SELECT since, price, plain, price + 1 AS more FROM stay": {
			{Name: "since", Type: "TIMESTAMP"}, {Name: "price", Type: "DECIMAL(10, 2)"}, {Name: "plain"}, {Name: "more"},
		},
		"SELECT id, since AS id FROM stay":    {{Name: "id", Type: "INTEGER"}, {Name: "id", Type: "TIMESTAMP"}},
		"SELECT since FROM stay WHERE id > 1": {{Name: "since", Type: "TIMESTAMP"}},
	} {
		rows, err := s.Query(ctx, request(text))
		if err != nil {
			t.Fatal(text, err)
		}
		for i, c := range rows.Columns() {
			if c != want[i] {
				t.Errorf("%s: column %d is %+v, want %+v", text, i, c, want[i])
			}
		}
		rows.Close(ctx)
	}
}
