package mariadb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mariadb"
)

const errorSchema = `
create table artists (id int primary key, name varchar(50) not null unique);
create table albums (
	id int primary key,
	artist int,
	title varchar(5) not null,
	price decimal(4, 2),
	released date,
	constraint of_an_artist foreign key (artist) references artists (id),
	constraint not_free check (price > 0)
);
delimiter //
create procedure fail(what text) begin signal sqlstate '45000' set message_text = what; end//
delimiter ;
insert into artists values (1, 'AC/DC');
insert into albums values (1, 1, 'Jam', 1, null);
`

func TestServersErrorsHaveTheirKinds(t *testing.T) {
	url := servers.MariaDB(t).Database(t)
	e := openURL(t, url, poolOf(1))
	if err := e.ExecuteScript(t.Context(), strings.NewReader(errorSchema)); err != nil {
		t.Fatal(err)
	}
	database, err := plinth.One[string](t.Context(), e, "select database()")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text                      string
		args                      []any
		kind                      plinth.Kind
		code                      string
		table, column, constraint string
		position                  int
	}{
		{"insert into artists values (1, 'hunter2')", nil, plinth.ErrUnique, "1062", "", "", "PRIMARY", 0},
		{"insert into artists values (2, 'AC/DC')", nil, plinth.ErrUnique, "1062", "", "", "name", 0},
		{"insert into artists values (2, ?), (3, ?)", []any{"it's hunter2' for key 'x", "it's hunter2' for key 'x"}, plinth.ErrUnique, "1062", "", "", "name", 0},
		{"insert into albums values (2, 7, 'Jam', 1, null)", nil, plinth.ErrForeignKey, "1452", database + ".albums", "", "of_an_artist", 0},
		{"delete from artists where id = 1", nil, plinth.ErrForeignKey, "1451", database + ".albums", "", "of_an_artist", 0},
		{"insert into albums values (2, 1, null, 1, null)", nil, plinth.ErrNotNull, "1048", "", "title", "", 0},
		{"insert into albums (id) values (2)", nil, plinth.ErrNotNull, "1364", "", "title", "", 0},
		{"insert into albums values (2, 1, 'Jam', 0, null)", nil, plinth.ErrCheck, "4025", database + ".albums", "", "not_free", 0},
		{"insert into albums values (2, 1, ?, 1, null)", []any{"hunter2"}, plinth.ErrInvalid, "1406", "", "title", "", 0},
		{"insert into albums values (2, 1, 'Jam', ?, null)", []any{"100.00"}, plinth.ErrInvalid, "1264", "", "price", "", 0},
		{"insert into albums values (2, 1, 'Jam', ?, null)", []any{"hunter2"}, plinth.ErrInvalid, "1366", database + ".albums", "price", "", 0},
		{"insert into albums values (2, 1, 'Jam', 1, ?)", []any{"hunter2"}, plinth.ErrInvalid, "1292", database + ".albums", "released", "", 0},
		{"select (select seq from seq_1_to_2)", nil, plinth.ErrInvalid, "1242", "", "", "", 0},
		{"slect 1", nil, plinth.ErrSyntax, "1064", "", "", "", 1},
		{"select 'ä', 1 from from x", nil, plinth.ErrSyntax, "1064", "", "", "", 20},
		{"select 'hunter2' 'x' from 'hunter2'", nil, plinth.ErrSyntax, "1064", "", "", "", 27},
		{"select * from songs", nil, plinth.ErrUndefined, "1146", database + ".songs", "", "", 0},
		{"select tittle from albums", nil, plinth.ErrUndefined, "1054", "", "tittle", "", 0},
		{"select nothing()", nil, plinth.ErrUndefined, "1305", "", "", "", 0},
		{"drop table songs", nil, plinth.ErrUndefined, "1051", database + ".songs", "", "", 0},
		{"create table artists (id int)", nil, plinth.ErrExists, "1050", "artists", "", "", 0},
		{"create database " + database, nil, plinth.ErrExists, "1007", "", "", "", 0},
		{"drop table artists", nil, plinth.ErrForeignKey, "1451", "", "", "", 0},
		{"call fail('no')", nil, plinth.ErrCheck, "1644", "", "", "", 0},
		{"set no_such_thing = 1", nil, plinth.ErrUndefined, "1193", "", "", "", 0},
		{"load data local infile '/etc/passwd' into table artists", nil, plinth.ErrUnsupported, "", "", "", "", 0},
	} {
		_, err := e.Execute(t.Context(), test.text, test.args...)
		suite.Tells(t, test.text, err, &plinth.Error{
			Kind: test.kind, Code: test.code, Table: test.table, Column: test.column, Constraint: test.constraint, Position: test.position,
		})
		if native, ok := errors.AsType[*mariadb.ServerError](err); test.code != "" && (!ok || native.Message == "") {
			t.Errorf("%.60s: the native error is %v", test.text, native)
		}
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

func TestPermissionsAreClassified(t *testing.T) {
	s := servers.MariaDB(t)
	admin := openURL(t, s.Database(t))
	execute(t, admin, "create database if not exists forbidden", "create table if not exists forbidden.t (id int)")
	t.Cleanup(func() { _, _ = openURL(t, s.URL()).Execute(t.Context(), "drop database forbidden") })
	app := openURL(t, s.URLAs("app", "test"))
	for text, code := range map[string]string{"select * from forbidden.t": "1142", "create database forbidden2": "1044", "set global read_only = 1": "1227"} {
		_, err := app.Execute(t.Context(), text)
		if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrPermission || pe.Code != code {
			t.Errorf("%s: %v, want %s", text, err, code)
		}
	}
}

func TestServerLimitsEndStatements(t *testing.T) {
	e := openURL(t, servers.MariaDB(t).Database(t)+"&max_statement_time=50ms")
	_, err := e.Execute(t.Context(), "select count(*) from seq_1_to_10000000000 where seq + 0 < 0")
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrTimeout || pe.Code != "1969" || !strings.Contains(pe.Hint, "max_statement_time") {
		t.Errorf("max_statement_time: %v", err)
	}
}

func TestAStatementBeyondMaxAllowedPacketIsNotSent(t *testing.T) {
	s := servers.MariaDB(t, servers.Flags("--max-allowed-packet=1M"))
	e := openURL(t, s.Database(t), poolOf(1))
	execute(t, e, "create table t (x longtext)")
	_, err := e.Execute(t.Context(), "insert into t values (?)", strings.Repeat("x", 2<<20))
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrTooLarge || !strings.Contains(pe.Hint, "max_allowed_packet") {
		t.Errorf("error %v", err)
	}
	if _, err := e.Execute(t.Context(), "insert into t values (?)", strings.Repeat("x", 1<<19)); err != nil {
		t.Error(err)
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}
