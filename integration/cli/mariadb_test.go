package cli_test

import (
	"net/url"
	"os"
	"os/exec"
	"strings"
)

func pingAndHealthOnMariaDB(s *shell) {
	out := s.must("ping")
	if !strings.HasPrefix(out, "mariadb://") || !strings.HasSuffix(out, ", primary, writable)\n") {
		s.Error(out)
	}
	s.has(out, "(MariaDB 1")
	out = s.must("health")
	if !strings.HasPrefix(out, "state    healthy\n") {
		s.Error(out)
	}
	s.has(out, "\nserver   MariaDB 1")
	s.has(s.must("config", "explain"), "| [redacted]", "| environment APP_DATABASE_URL\n")
}

// madeAndUsed runs a script of the same shape as Chinook's, with the same data in little, and with what may go wrong on the way.
func madeAndUsed(s *shell) {
	server := s.at("")
	s.Cleanup(func() { server.must("exec", "drop database if exists `Cli Music`") })
	const script = "/* a comment */\nDROP DATABASE IF EXISTS `Cli Music`;\n\nCREATE DATABASE `Cli Music`;\n\nUSE `Cli Music`;\n" + `
CREATE TABLE ` + "`Artist` (`ArtistId` INT NOT NULL, `Name` NVARCHAR(120), CONSTRAINT `PK_Artist` PRIMARY KEY (`ArtistId`))" + `;
CREATE TABLE Album (AlbumId INT NOT NULL PRIMARY KEY, Title NVARCHAR(160) NOT NULL, ArtistId INT NOT NULL);
ALTER TABLE Album ADD CONSTRAINT FK_AlbumArtistId FOREIGN KEY (ArtistId) REFERENCES Artist (ArtistId) ON DELETE NO ACTION ON UPDATE NO ACTION;
CREATE INDEX IFK_AlbumArtistId ON Album (ArtistId);
INSERT INTO Artist (ArtistId, Name) VALUES (1, N'AC/DC'), (2, N'Antônio Carlos Jobim; "Tom"'), (3, N'Guns N'' Roses');
INSERT INTO Album (AlbumId, Title, ArtistId) VALUES (1, N'For Those About To Rock', 1), (2, N'Warner 25 Anos', 2);
`
	for range 2 {
		code, out, errs := server.script(script)
		if code != 0 || out != "" || !strings.HasPrefix(errs, "9 statements in ") {
			s.Fatalf("exit code %d, %q, %q", code, out, errs)
		}
	}
	music := s.at("Cli%20Music")
	s.equal(music.must("query", "-o", "csv", "select Title, Name from Album join Artist using (ArtistId) order by AlbumId"),
		"Title,Name\nFor Those About To Rock,AC/DC\nWarner 25 Anos,\"Antônio Carlos Jobim; \"\"Tom\"\"\"\n")

	code, _, errs := server.script("use `Cli Music`;\ninsert into Artist values (4, 'D');\nuse nosuch;\ninsert into Artist values (5, 'E');")
	if code != 1 {
		s.Errorf("exit code %d", code)
	}
	s.has(errs, "standard input:3:1: ", "nosuch", "2 statements before it applied")
	code, _, errs = server.script("create table lost (n int)")
	if code != 1 {
		s.Errorf("exit code %d", code)
	}
	s.has(errs, "standard input:1:1: ", "No database selected", "nothing was applied", "hint: ")
	s.equal(music.must("query", "-o", "csv", "select max(ArtistId) as last from Artist"), "last\n4\n")
}

// chinookOnMariaDB runs a script that drops, creates and uses its database, on a connection without one.
func chinookOnMariaDB(s *shell) {
	file := s.scriptOfChinook("Chinook_MySql.sql")
	server := s.at("")
	s.Cleanup(func() { server.must("exec", "drop database if exists Chinook") })
	for range 2 {
		code, out, errs := server.run("exec", "-f", file)
		if code != 0 || out != "" || !strings.HasPrefix(errs, "60 statements in ") {
			s.Fatalf("exit code %d, %q, %q", code, out, errs)
		}
	}
	s.equal(s.at("Chinook").must("query", "-o", "csv", `select
		(select count(*) from Album) as albums, (select count(*) from Artist) as artists, (select count(*) from Customer) as customers,
		(select count(*) from Employee) as employees, (select count(*) from Invoice) as invoices, (select sum(Total) from Invoice) as total,
		(select count(*) from InvoiceLine) as line_items, (select count(*) from PlaylistTrack) as on_playlists, (select count(*) from Track) as tracks,
		(select Name from Artist where ArtistId = 6) as name`),
		"albums,artists,customers,employees,invoices,total,line_items,on_playlists,tracks,name\n"+
			"347,275,59,8,412,2328.60,2240,8715,3503,Antônio Carlos Jobim\n")
}

// dumpedOnMariaDB loads what mariadb-dump writes, and compares with a dump of that.
func dumpedOnMariaDB(s *shell) {
	program, err := exec.LookPath("mariadb-dump")
	if err != nil {
		s.Skip("mariadb-dump isn't installed")
	}
	code, _, errs := s.script(`create table item (id int auto_increment primary key, name varchar(9) unique, n decimal(6,1), at datetime(6), b blob, ok boolean,
		j json, x bit(3), u uuid, e enum('a','it''s'), larger decimal(6,1) as (n * 2) stored) comment 'has; one';
insert into item (name, n, at, b, ok, j, x, u, e) values
	('größer', 1.5, '2026-01-02 03:04:05.123456', x'00ff27', true, '{"a": "\\""}', b'101', 'b5d7a5c4-0000-4000-8000-000000000001', 'it''s'),
	(null, null, null, null, null, null, null, null, null);
create view larger as select name from item where n > 1;
`)
	if code != 0 {
		s.Fatal(errs)
	}
	dumped := func(link string) string {
		s.Helper()
		u, err := url.Parse(link)
		if err != nil {
			s.Fatal(err)
		}
		password, _ := u.User.Password()
		cmd := exec.CommandContext(s.Context(), program, "--no-defaults", "--skip-dump-date", "--skip-comments", "--hex-blob", "--host", u.Hostname(),
			"--port", u.Port(), "--user", u.User.Username(), strings.TrimPrefix(u.Path, "/"))
		cmd.Env = append(os.Environ(), "MYSQL_PWD="+password)
		out, err := cmd.Output()
		if err != nil {
			s.Fatal(err)
		}
		return string(out)
	}
	want := dumped(s.url)
	s.must("exec", "create database copied")
	s.Cleanup(func() { s.must("exec", "drop database copied") })
	other := s.at("copied")
	if code, _, errs := other.script(want); code != 0 {
		s.Fatalf("exit code %d\n%s\n%s", code, errs, want)
	}
	s.equal(dumped(other.url), want)
}
