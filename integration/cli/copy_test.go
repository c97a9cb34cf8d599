package cli_test

import (
	"os/exec"
	"regexp"
	"strings"
)

// dump is a pg_dump with a type of each sort.
const dump = `\restrict key
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TYPE public.mood AS ENUM ('sad', 'it''s ok');
CREATE TYPE public.pair AS (a integer, b text);
CREATE TABLE public.item (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "Na me" character varying(5), n numeric(6,1), at timestamp with time zone, b bytea, ok boolean, tags text[], j jsonb,
    x bit(3), c character(3), m public.mood, p public.pair, r int4range, i interval, f double precision, u uuid, ip inet, ch "char", o oid,
    twice integer GENERATED ALWAYS AS (id * 2) STORED
);
COPY public.item (id, "Na me", n, at, b, ok, tags, j, x, c, m, p, r, i, f, u, ip, ch, o) FROM stdin;
1	a\tb\\	1.56	2026-01-02 03:04:05.123456+00	\\xdeadbeef	t	{a,"b c"}	{"a": 1}	101	ab 	it's ok	(1,"x y")	[1,3)	1 day 02:00:00	-1e-300	b5d7a5c4-0000-4000-8000-000000000001	10.0.0.0/8	q	7
5	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
6		NaN	infinity	\\x	f	{}	[]	000	   	sad	(,)	empty	-00:00:01	NaN	00000000-0000-0000-0000-000000000000	::1	\\	0
\.
CREATE TABLE public.bare (a int, b text);
COPY public.bare FROM stdin;
1	größer
\.
\unrestrict key
`

// copied loads dumps, and compares with what PostgreSQL's own programs make of the same.
func copied(s *shell) {
	code, _, errs := s.script(dump)
	if code != 0 || !strings.HasPrefix(errs, "8 statements in ") {
		s.Fatalf("exit code %d\n%s", code, errs)
	}
	s.equal(s.must("query", "-o", "csv", `select id, twice, "Na me", n, b, tags::text, x::text, m, p::text, r::text, i::text, ip::text, ch::text from public.item order by id`),
		"id,twice,Na me,n,b,tags,x,m,p,r,i,ip,ch\n"+
			"1,2,a\tb\\,1.6,\\xdeadbeef,\"{a,\"\"b c\"\"}\",101,it's ok,\"(1,\"\"x y\"\")\",\"[1,3)\",1 day 02:00:00,10.0.0.0/8,q\n"+
			"5,10,,,,,,,,,,,\n"+
			"6,12,,NaN,\\x,{},000,sad,\"(,)\",empty,-00:00:01,::1/128,\\\n")
	if code, _, errs := s.script("create table t (a int, b varchar(2));"); code != 0 {
		s.Fatal(errs)
	}
	for text, says := range map[string][]string{
		"select 1;\nCOPY t FROM stdin;\n1\tx\nthree\ty\n\\.\n":                         {"standard input:4:1: ", "invalid input syntax", "1 statement before it applied; the open transaction was rolled back"},
		"COPY t FROM stdin;\n1\tx\n2\txyz\n\\.\n":                                      {"standard input:3:1: ", "value too long"},
		"COPY t FROM stdin;\n1\tx\n2\n\\.\n":                                           {"standard input:3:1: the row has 1 field, and not 2"},
		"COPY t FROM stdin;\n1\tx\n":                                                   {`standard input:3:1: the rows of COPY … FROM stdin end without a \.`, "nothing was applied"},
		"begin;\ninsert into t values (1);\nCOPY t (b) FROM stdin;\nxyz\n\\.\ncommit;": {"standard input:4:1: ", "nothing was applied; the open transaction was rolled back"},
		"COPY t (nosuch) FROM stdin;\n1\n\\.\n":                                        {"standard input:1:1: the table t has no column nosuch"},
		"COPY nosuch FROM stdin;\n1\n\\.\n":                                            {"standard input:1:1: the table nosuch isn't there"},
		"COPY t FROM stdin WITH (FORMAT csv);\n1\n\\.\n":                               {"standard input:1:1: rows can be read for COPY table (columns) FROM stdin without options"},
	} {
		code, _, errs := s.script(text)
		if code != 1 {
			s.Errorf("%q: exit code %d\n%s", text, code, errs)
		}
		for _, want := range says {
			if !strings.Contains(errs, want) {
				s.Errorf("%q lacks %q:\n%s", text, want, errs)
			}
		}
	}

	program, err := exec.LookPath("pg_dump")
	if err != nil {
		s.Skip("pg_dump isn't installed")
	}
	dumped := func(url string) string {
		s.Helper()
		out, err := exec.CommandContext(s.Context(), program, "--no-owner", url).Output()
		if err != nil {
			s.Fatal(err)
		}
		return regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(string(out), "")
	}
	want := dumped(s.url)
	s.must("exec", "create database copied")
	s.Cleanup(func() { s.must("exec", "drop database copied with (force)") })
	other := s.at("copied")
	if code, _, errs := other.script(want, "-1"); code != 0 {
		s.Fatalf("exit code %d\n%s", code, errs)
	}
	s.equal(dumped(other.url), want)
}
