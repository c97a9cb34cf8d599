package config

import (
	"strings"
	"testing"
)

// documented are the examples of connection strings in the databases' own documentation. An example is followed by what its Config is
// written as, "" where that is the example itself, or by "refused: " and why.
var documented = []struct {
	source   string
	examples [][2]string
}{
	{"https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS", [][2]string{ // 34.1.1.2; the shorter scheme is written
		{"postgresql://", "postgres://"},
		{"postgresql://localhost", "postgres://localhost"},
		{"postgresql://localhost:5433", "postgres://localhost:5433"},
		{"postgresql://localhost/mydb", "postgres://localhost/mydb"},
		{"postgresql://user@localhost", "postgres://user@localhost"},
		{"postgresql://user:secret@localhost", "postgres://user:secret@localhost"},
		{"postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp", "postgres://other@localhost/otherdb?connect_timeout=10&application_name=myapp"},
		{"postgresql://host1:123,host2:456/somedb?target_session_attrs=any&application_name=myapp", "postgres://host1:123,host2:456/somedb?target_session_attrs=any&application_name=myapp"},
		{"postgresql:///mydb?host=localhost&port=5433", "postgres://localhost:5433/mydb"},
		{"postgresql://user@localhost:5433/mydb?options=-c%20synchronous_commit%3Doff", "postgres://user@localhost:5433/mydb?options=-c%20synchronous_commit%3Doff"},
		{"postgresql://[2001:db8::1234]/database", "postgres://[2001:db8::1234]/database"},
		{"postgresql:///dbname?host=/var/lib/postgresql", "postgres:///dbname?host=/var/lib/postgresql"},
		{"postgresql://%2Fvar%2Flib%2Fpostgresql/dbname", "postgres:///dbname?host=/var/lib/postgresql"},
		{"postgresql://localhost/mydb?ssl=true", "postgres://localhost/mydb?sslmode=require"}, // “improved compatibility with JDBC”
	}},
	{"https://github.com/postgres/postgres/blob/master/src/interfaces/libpq/t/001_uri.pl", [][2]string{
		{"postgresql://uri-user:secret@host:12345/db", "postgres://uri-user:secret@host:12345/db"},
		{"postgresql://uri-user@host:12345/", "postgres://uri-user@host:12345"},
		{"postgresql://uri-user@", "postgres://uri-user@"},
		{"postgresql://?hostaddr=127.0.0.1", "postgres://?hostaddr=127.0.0.1"},
		{"postgresql://example.com?hostaddr=63.1.2.4", "postgres://example.com?hostaddr=63.1.2.4"},
		{"postgresql://%68ost/", "postgres://host"},
		{"postgresql://host/db?user=uri-user&port=12345", "postgres://uri-user@host:12345/db"},
		{"postgresql://host?", "postgres://host"},
		{"postgresql://[::1]:12345/db", "postgres://[::1]:12345/db"},
		{"postgres://", ""},
		{"postgres:///", "postgres://"},
		{"postgres:///db", ""},
		{"postgres://uri-user@/db", ""},
		{"postgres://@host", "postgres://host"},
		{"postgres://host:/", "postgres://host"},
		{"postgres://:12345/", "postgres://:12345"},
		{"postgres://?host=/path/to/socket/dir", "postgres:///?host=/path/to/socket/dir"},
		{"postgres://otheruser@/?host=/no/such/directory", ""},
		{"postgres://otheruser@:12345/db?host=/path/to/socket", "postgres://otheruser@/db?host=/path/to/socket&port=12345"},
		{"postgresql://host?uzer=", "postgres://host?uzer="}, // the driver refuses it by its name, as libpq does
		{"postgresql://host/db?u%73er=someotheruser&port=12345", "refused: has a parameter whose name isn't made of letters"},
		{"postgresql://[200z:db8::1234]/", "refused: has brackets around what isn't an IPv6 address"},
		{"postgre://", "refused: did you mean postgres?"},
		{"postgres://[::1", "refused: has brackets that don't end"},
		{"postgres://[]", "refused: has brackets around what isn't an IPv6 address"},
		{"postgres://[::1]z", "refused: has brackets that don't end before the port"},
		{"postgresql://host?zzz", "refused: has a parameter that isn't name=value"},
		{"postgres://host?dbname=%XXfoo", "refused: has a % without two hexadecimal digits"},
		{"postgresql://a%00b", "refused: has a zero byte"},
		{"postgresql://%", "refused: has a % without two hexadecimal digits"},
	}},
	{"https://mariadb.com/docs/connectors/mariadb-connector-j/about-mariadb-connector-j", [][2]string{
		{"jdbc:mariadb://192.0.2.1/", "refused: leave out jdbc:"}, // and then:
		{"mariadb://192.0.2.1/", "mariadb://192.0.2.1"},
		{"mariadb://192.0.2.1/?user=db_user&password=db_user_password", "mariadb://db_user:db_user_password@192.0.2.1"},
		{"mariadb://192.0.2.1:3307/database?user=db_user&password=db_user_password", "mariadb://db_user:db_user_password@192.0.2.1:3307/database"},
		{"mariadb://mariadb.example.com/database?user=db_user&password=db_user_password", "mariadb://db_user:db_user_password@mariadb.example.com/database"},
		{"mariadb://localhost/database?localSocket=/var/lib/mysql/mysql.sock&user=db_user&password=db_user_password", "mariadb://db_user:db_user_password@/database?socket=/var/lib/mysql/mysql.sock"},
		{"mariadb:replication://192.0.2.1/", "refused: has no // behind the scheme"}, // replicas are databases of their own: replica: true
		{"mariadb://address=(host=host1)(port=3306)/db", "refused: isn't a name, an address or the path of a socket"},
	}},
	{"https://github.com/mariadb-corporation/mariadb-connector-nodejs", [][2]string{
		{"mariadb://user:pass@localhost:3306/db?metaAsArray=false&ssl=true&dateStrings=true", ""},
	}},
	{"https://docs.sqlalchemy.org/en/20/dialects/mysql.html", [][2]string{
		{"mariadb+mariadbconnector://app_user:Password123!@127.0.0.1:3306/company", "refused: did you mean mariadb?"},
	}},
	{"https://github.com/go-sql-driver/mysql#examples", [][2]string{ // no URLs: a password may hold anything, unescaped, and so tells nobody where it ends
		{"user@unix(/path/to/socket)/dbname", "refused: is a DSN of go-sql-driver/mysql"},
		{"root:pw@unix(/tmp/mysql.sock)/myDatabase?loc=Local", "refused: is a DSN of go-sql-driver/mysql"},
		{"user:password@tcp(localhost:5555)/dbname?tls=skip-verify&autocommit=true", "refused: is a DSN of go-sql-driver/mysql"},
		{"user:password@tcp([de:ad:be:ef::ca:fe]:80)/dbname?timeout=90s&collation=utf8mb4_unicode_ci", "refused: is a DSN of go-sql-driver/mysql"},
		{"user:password@/dbname?sql_mode=TRADITIONAL", "refused: has no scheme"},
		{"user:password@cloudsql(project-id:instance-name)/dbname", "refused: has no scheme"},
		{"user:password@tcp/dbname?charset=utf8mb4,utf8&sys_var=esc%40ped", "refused: has no scheme"},
		{"user:password@/", "refused: has no scheme"},
		{"/", "refused: has no scheme"},
	}},
	{"https://www.sqlite.org/c3ref/open.html#urifilenameexamples and https://www.sqlite.org/inmemorydb.html", [][2]string{ // our own scheme is written
		{"file:data.db", "sqlite:data.db"},
		{"file:/home/fred/data.db", "sqlite:///home/fred/data.db"},
		{"file:///home/fred/data.db", "sqlite:///home/fred/data.db"},
		{"file://localhost/home/fred/data.db", "sqlite:///home/fred/data.db"},
		{"file://darkstar/home/fred/data.db", "refused: is given for a file"}, // there it is an error, too
		{"file:///C:/Documents%20and%20Settings/fred/Desktop/data.db", "sqlite:///C%3A/Documents%20and%20Settings/fred/Desktop/data.db"},
		{"file:data.db?mode=ro&cache=private", "sqlite:data.db?cache=private&read_only=true"},
		{"file:/home/fred/data.db?vfs=unix-dotfile", "sqlite:///home/fred/data.db?vfs=unix-dotfile"},
		{"file:data.db?mode=readonly", "refused: has a wrong value; one of ro, rw, rwc, memory"}, // there, too
		{"file::memory:", "sqlite::memory:"},
		{"file::memory:?cache=shared", "sqlite::memory:?cache=shared"},
		{"file:memdb1?mode=memory&cache=shared", "sqlite:memdb1?mode=memory&cache=shared"},
	}},
	{"https://www.mongodb.com/docs/manual/reference/connection-string-examples/ and …/connection-string-options/", [][2]string{
		{"mongodb+srv://myDatabaseUser:D1fficultP%40ssw0rd@cluster0.example.mongodb.net/?retryWrites=true&w=majority", ""},
		{"mongodb+srv://myDatabaseUser:D1fficultP%40ssw0rd@mongodb0.example.com/?authSource=admin&replicaSet=myRepl", ""},
		{"mongodb+srv://cluster0.example.com/testdb?authSource=$external&authMechanism=MONGODB-AWS", "mongodb+srv://cluster0.example.com/testdb?authSource=%24external&authMechanism=MONGODB-AWS"},
		{"mongodb+srv://key:secret@cluster0.example.com/testdb?authSource=%24external&authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:token", ""},
		{"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@localhost", "mongodb://myDatabaseUser:D1fficultP%40ssw0rd@localhost/"},
		{"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@localhost/records", ""},
		{"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@%2Ftmp%2Fmongodb-27017.sock", "mongodb://myDatabaseUser:D1fficultP%40ssw0rd@%2Ftmp%2Fmongodb-27017.sock/"},
		{"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@db1.example.net,db2.example.com/?replicaSet=test", ""},
		{"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@localhost:27017,localhost:27018,localhost:27019/?replicaSet=myRepl", ""},
		{"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@mongodb0.example.com:27017,mongodb1.example.com:27017,mongodb2.example.com:27017/?replicaSet=myRepl&readPreference=secondary", ""},
		{"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@mongodb0.example.com:27017,mongodb1.example.com:27017,mongodb2.example.com:27017/?replicaSet=myRepl&w=majority&wtimeoutMS=2000", ""},
		{"mongodb://myDatabaseUser:D1fficultP%40ssw0rd@router1.example.com:27017,router2.example2.com:27017,router3.example3.com:27017/", ""},
		{"mongodb://host1,host2,host3/?readPreference=secondary&readPreferenceTags=dc:ny,rack:1&readPreferenceTags=dc:ny&readPreferenceTags=", ""},
	}},
}

func TestTheExamplesOfTheDocumentationSurviveConfigAndBack(t *testing.T) {
	t.Parallel()
	for _, page := range documented {
		for _, example := range page.examples {
			url, want := example[0], example[1]
			c, err := Parse(url)
			if why, refused := strings.CutPrefix(want, "refused: "); refused {
				if err == nil || !strings.Contains(err.Error(), why) {
					t.Errorf("%s (%s): got %s, %v", url, page.source, says(c), err)
				}
				continue
			}
			if want == "" {
				want = url
			}
			if err != nil || c.URL().Reveal() != want {
				t.Errorf("%s (%s): is written %s, %v", url, page.source, c.URL().Reveal(), err)
				continue
			}
			if lost := lostOfURL(url, c); lost != nil {
				t.Errorf("%s: is read as %s, which has lost %q", url, says(c), lost)
			}
			if again, err := Parse(want); err != nil || !again.Equal(c) {
				t.Errorf("%s: was read as %s, and then as %s, %v", url, says(c), says(again), err)
			}
		}
	}
}
