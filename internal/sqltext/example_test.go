package sqltext_test

import (
	"fmt"
	"strings"

	"github.com/plinthdb/plinth/internal/sqltext"
)

func ExampleCompile() {
	st, err := sqltext.Compile("SELECT name FROM album WHERE id IN (:ids) AND artist = :artist", sqltext.PostgreSQL())
	if err != nil {
		fmt.Println(err)
		return
	}
	native, args, err := st.Binder.Bind([]any{map[string]any{"ids": []int{3, 5, 8}, "artist": "AC/DC"}})
	fmt.Println(native, args, err)
	fmt.Println(st.Binder.Fingerprint())
	// Output:
	// SELECT name FROM album WHERE id IN ($1, $2, $3) AND artist = $4 [3 5 8 AC/DC] <nil>
	// SELECT name FROM album WHERE id IN (?) AND artist = ?
}

func ExampleStatements() {
	script := `-- The log.
CREATE TABLE log (line TEXT);
CREATE TRIGGER keep AFTER DELETE ON log BEGIN
  INSERT INTO log VALUES ('deleted;');
END;
SELECT 'to the end`
	for st, err := range sqltext.Statements(strings.NewReader(script), sqltext.SQLite()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("line %d: %q\n", st.Line, st.Text)
	}
	// Output:
	// line 2: "CREATE TABLE log (line TEXT)"
	// line 3: "CREATE TRIGGER keep AFTER DELETE ON log BEGIN\n  INSERT INTO log VALUES ('deleted;');\nEND"
	// line 6, column 8: the string that begins here never ends
}
