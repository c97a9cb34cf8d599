--
-- PostgreSQL database dump
--

\restrict 3oT9mXv

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE FUNCTION public.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
BEGIN
  NEW.changed := now(); -- it's "late"; $1
  RETURN NEW;
END;
$_$;

CREATE FUNCTION public.twice(n integer) RETURNS integer
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT CASE WHEN (n IS NULL) THEN 0 ELSE (2 * n) END AS "case";
END;

CREATE TABLE public.album (
    id integer NOT NULL,
    title character varying(160) DEFAULT ';'::character varying
);

INSERT INTO public.album VALUES (1, 'It''s; \');

CREATE TRIGGER touch BEFORE UPDATE ON public.album FOR EACH ROW EXECUTE FUNCTION public.touch();

\unrestrict 3oT9mXv
