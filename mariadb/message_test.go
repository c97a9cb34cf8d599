package mariadb

import (
	"strings"
	"testing"
)

// TestMessagesTellThePlace takes messages as MariaDB 10.11 and MySQL 8 write them.
func TestMessagesTellThePlace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		number                    int
		message                   string
		constraint, table, column string
	}{
		{1062, "Duplicate entry '1' for key 'PRIMARY'", "PRIMARY", "", ""},
		{1062, "Duplicate entry 'a' for key 'b' for key 'name'", "name", "", ""},
		{1062, "Duplicate entry 'x' for key 'items.name'", "name", "items", ""},
		{1062, "Duplicate entry", "", "", ""},
		{1452, "Cannot add or update a child row: a foreign key constraint fails (`a`.`albums`, CONSTRAINT `of_an_artist` FOREIGN KEY (`artist`) REFERENCES `artists` (`id`))",
			"of_an_artist", "a.albums", ""},
		{1451, "Cannot delete or update a parent row: a foreign key constraint fails (`a``b`.`c.d`, CONSTRAINT `x``` FOREIGN KEY (`e`) REFERENCES `f` (`g`))",
			"x`", "a`b.c.d", ""},
		{1451, "Cannot delete or update a parent row: a foreign key constraint fails", "", "", ""},
		{1451, "Cannot delete (`unended", "", "", ""},
		{4025, "CONSTRAINT `not_free` failed for `a`.`albums`", "not_free", "a.albums", ""},
		{3819, "Check constraint 'not_free' is violated.", "not_free", "", ""},
		{1048, "Column 'name' cannot be null", "", "", "name"},
		{1364, "Field 'name' doesn't have a default value", "", "", "name"},
		{1406, "Data too long for column 'name' at row 1", "", "", "name"},
		{1146, "Table 'a.songs' doesn't exist", "", "a.songs", ""},
		{1054, "Unknown column 'x' in 'field list'", "", "", "x"},
		{1366, "Incorrect integer value: 'for column `a`' for column `db`.`t`.`n` at row 1", "", "db.t", "n"},
		{1292, "Truncated incorrect INTEGER value: 'x'", "", "", ""},
		{1213, "Deadlock found when trying to get lock; try restarting transaction", "", "", ""},
	} {
		constraint, table, column := place(&ServerError{Number: test.number, Message: test.message})
		if constraint != test.constraint || table != test.table || column != test.column {
			t.Errorf("%d %s: %q, %q, %q", test.number, test.message, constraint, table, column)
		}
	}
}

func TestMessagesShowNoValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		number         int
		state, message string
		want           string
	}{
		{1062, "23000", "Duplicate entry 'hunter2' for key 'name'", "Duplicate entry '…' for key 'name'"},
		{1062, "23000", "Duplicate entry 'it's hunter2' for key 'x' for key 'name'", "Duplicate entry '…' for key 'name'"},
		{1062, "23000", "Duplicate entry 'hunter2", "Duplicate entry '…"},
		{1366, "22007", "Incorrect integer value: 'hunter2' for column `a`.`b`.`c` at row 1", "Incorrect integer value: '…' for column `a`.`b`.`c` at row 1"},
		{1292, "22007", "Truncated incorrect INTEGER value: 'hunter2'", "Truncated incorrect INTEGER value: '…'"},
		{1690, "22003", "BIGINT value is out of range in '(hunter2 + 1)'", "BIGINT value is out of range in '…'"},
		{1064, "42000", "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near ''hunter2'' at line 1",
			"You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near '…' at line 1"},
		{1064, "42000", "You have an error in your SQL syntax; … near 'from from x' at line 1", "You have an error in your SQL syntax; … near 'from from x' at line 1"},
		{1406, "22001", "Data too long for column 'name' at row 1", "Data too long for column 'name' at row 1"},
		{1644, "45000", "no 'beer' here", "no 'beer' here"},
	} {
		if got := shownMessage(&ServerError{test.number, test.state, test.message}); got != test.want {
			t.Errorf("%s: %s", test.message, got)
		}
	}
}

func TestASyntaxErrorsPositionIsWhereItsQuoteIs(t *testing.T) {
	t.Parallel()
	const message = "… near '"
	for _, test := range []struct {
		statement, near string
		want            int
	}{
		{"slect 1", "slect 1", 1},
		{"select 'ä', 1 from from x", "from x", 20},
		{"select 'a' 'a' from 'a'", "'a'", 21},
		{"select 1 +", "", 0},
		{"select 1", "something else", 0},
		{"select from where " + strings.Repeat("x", 100), "from where " + strings.Repeat("x", 69), 8},
	} {
		if got := position(test.statement, message+test.near+"' at line 1"); got != test.want {
			t.Errorf("%.30s near %.30s: %d, want %d", test.statement, test.near, got, test.want)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(1062, "23000", "Duplicate entry 'it's hunter2' for key 'x' for key 'name'")
	f.Add(1452, "23000", "(`a`.`b`, CONSTRAINT `c` FOREIGN KEY (`d`) REFERENCES `e` (`f`))")
	f.Add(1366, "22007", "Incorrect integer value: 'x' for column `a`.`b`.`c` at row 1")
	f.Add(1064, "42000", "near 'x' at line 1")
	f.Fuzz(func(_ *testing.T, number int, state, message string) { // nothing a server says makes it panic
		e := &ServerError{number, state, message}
		place(e)
		_ = e.Error()
		position("select x", message)
	})
}
