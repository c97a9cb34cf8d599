package cli

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/plinthdb/plinth"
)

type tablesCmd struct {
	Format string `name:"output" short:"o" enum:"table,vertical,csv,json,jsonl,markdown" default:"table" placeholder:"FORMAT" help:"One of ${enum}. Default: table."`
	Table  string `arg:"" optional:"" name:"TABLE" help:"A table, or a pattern with * and ?, whose columns are printed."`
}

// Help is what kong prints below the usage.
func (tablesCmd) Help() string {
	return `Examples:

  plinth tables
  plinth tables track
  plinth tables 'invoice*'
  plinth tables -o json '*'

Without TABLE every table, view and collection is a row, with it every column: its type, whether it may be NULL, its default,
and the keys and indexes that it is part of.

A table outside of where the database looks by itself (PostgreSQL's search_path, the database of MariaDB's URL, SQLite's own
file) is called schema.table.

MongoDB's collections have no columns: what is printed are the fields of 100 documents, those of documents within them as
address.city, with every type that was found; null is true where one of them lacks the field, or has null in it.`
}

// tableColumn is a column as a database describes it.
type tableColumn struct {
	Table, Kind, Column, Type string
	Null                      bool
	Default, Key              *string
}

// Run lists tables, or their columns.
func (c *tablesCmd) Run(ctx context.Context, a *app) error {
	return a.engine(ctx, existing, func(db *plinth.Engine) error {
		columns, err := describeTables(ctx, db)
		if err != nil {
			return err
		}
		if c.Table == "" {
			return printAll(newWriter(c.Format, a.out), []string{"table", "kind", "columns", "primary_key"}, overview(columns))
		}
		if columns, err = columnsOf(c.Table, columns); err != nil {
			return err
		}
		rows := make([][]any, len(columns))
		for i, c := range columns {
			rows[i] = []any{c.Table, c.Column, c.Type, c.Null, orNull(c.Default), orNull(c.Key)}
		}
		return printAll(newWriter(c.Format, a.out), []string{"table", "column", "type", "null", "default", "key"}, rows)
	})
}

// describeTables lists the columns of all tables, those of a table one after the other. A table without any has one without a name.
func describeTables(ctx context.Context, db *plinth.Engine) ([]tableColumn, error) {
	switch db.Name() {
	case "sqlite":
		return plinth.All[tableColumn](ctx, db, sqliteTables)
	case "postgres":
		return plinth.All[tableColumn](ctx, db, postgresTables)
	case "mariadb":
		return plinth.All[tableColumn](ctx, db, mariadbTables)
	case "mongodb":
		return collections(ctx, db)
	}
	return nil, usagef("", "the tables of %s can't be listed", db.Name())
}

// overview returns a row for each table.
func overview(columns []tableColumn) (rows [][]any) {
	for len(columns) > 0 {
		of := columns
		if end := slices.IndexFunc(columns, func(c tableColumn) bool { return c.Table != columns[0].Table }); end > 0 {
			of = columns[:end]
		}
		columns = columns[len(of):]
		named := int64(0)
		var keys []string
		for _, c := range of {
			if c.Column != "" {
				named++
			}
			if c.Key != nil && strings.HasPrefix(*c.Key, primaryKey) {
				keys = append(keys, c.Column)
			}
		}
		var key any
		if keys != nil {
			key = strings.Join(keys, ", ")
		}
		rows = append(rows, []any{of[0].Table, of[0].Kind, named, key})
	}
	return rows
}

// columnsOf returns the columns of the tables that a name or a pattern means.
func columnsOf(name string, columns []tableColumn) ([]tableColumn, error) {
	var tables []string
	for _, c := range columns {
		tables = append(tables, c.Table)
	}
	tables = slices.Compact(tables)
	var wanted func(table string) bool
	if strings.ContainsAny(name, `*?[`) {
		if _, err := path.Match(name, ""); err != nil {
			return nil, usagef("[ and ] enclose characters, and \\ takes the next one as it is", "%s is no pattern", name)
		}
		wanted = func(table string) bool { ok, _ := path.Match(name, table); return ok }
	} else {
		at, err := match(name, tables, func(t string) string { return t })
		if err != nil {
			return nil, err
		}
		wanted = func(table string) bool { return at >= 0 && table == tables[at] }
	}
	columns = slices.DeleteFunc(columns, func(c tableColumn) bool { return !wanted(c.Table) })
	if len(columns) == 0 {
		return nil, &hinted{err: fmt.Errorf("there is no table %s", name), hint: "plinth tables lists those that there are"}
	}
	return slices.DeleteFunc(columns, func(c tableColumn) bool { return c.Column == "" }), nil
}

// printAll prints rows that are there already.
func printAll(w writer, names []string, rows [][]any) error {
	if err := w.Columns(names); err != nil {
		return err
	}
	for _, row := range rows {
		if err := w.Row(row); err != nil {
			return err
		}
	}
	return w.Close()
}

func orNull(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

// primaryKey is how the statements below begin the keys of a column that is part of one. A key or an index of several columns
// has their names behind it.
const primaryKey = "primary key"

const sqliteTables = `
with tables as (
	select schema, name, iif(schema = 'main', name, schema || '.' || name) as title, iif(type = 'virtual', 'virtual table', type) as kind
	from pragma_table_list where type <> 'shadow' and name not like 'sqlite\_%' escape '\'
), indexes as (
	select t.schema, t.name as on_table, x.name, x."unique", x.seq, count(*) as n, group_concat(i.name, ', ' order by i.seqno) as names
	from tables t, pragma_index_list(t.name, t.schema) x, pragma_index_info(x.name, t.schema) i where x.origin <> 'pk' group by 1, 2, 3, 4, 5
), primaries as (
	select t.schema, t.name as on_table, count(*) as n, group_concat(c.name, ', ' order by c.pk) as names
	from tables t, pragma_table_info(t.name, t.schema) c where c.pk > 0 group by 1, 2
)
select t.title as "table", t.kind, coalesce(c.name, '') as "column", coalesce(c.type, '') as type,
	coalesce(c."notnull" = 0 and not (c.pk = 1 and p.n = 1 and upper(c.type) = 'INTEGER'), 0) as "null",
	coalesce(c.dflt_value, iif(c.hidden in (2, 3), 'generated', null)) as "default",
	nullif(concat_ws(', ', iif(c.pk > 0, 'primary key' || iif(p.n > 1, ' (' || p.names || ')', ''), null),
		(select group_concat(iif(x."unique", 'unique', 'index') || iif(x.n > 1, ' (' || x.names || ')', ''), ', ' order by x."unique" desc, x.seq desc)
			from indexes x where x.schema = t.schema and x.on_table = t.name
				and exists (select 1 from pragma_index_info(x.name, t.schema) i where i.name = c.name)),
		(select group_concat('references ' || f."table" || coalesce(' (' || f."to" || ')', ''), ', ')
			from pragma_foreign_key_list(t.name, t.schema) f where f."from" = c.name)), '') as key
from tables t left join pragma_table_xinfo(t.name, t.schema) c on c.hidden <> 1
	left join primaries p on p.schema = t.schema and p.on_table = t.name
order by t.schema <> 'main', t.title, c.cid`

const postgresTables = `
select case when pg_table_is_visible(c.oid) then c.relname::text else n.nspname || '.' || c.relname end as "table",
	case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end as kind,
	coalesce(a.attname::text, '') as "column", coalesce(format_type(a.atttypid, a.atttypmod), '') as type,
	coalesce(not a.attnotnull, false) as "null",
	case when a.attidentity = 'a' then 'generated always as identity' when a.attidentity = 'd' then 'generated by default as identity'
		when a.attgenerated <> '' then 'generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ')'
		else pg_get_expr(d.adbin, d.adrelid) end as "default",
	nullif(concat_ws(', ',
		(select string_agg(case when i.indisprimary then 'primary key' when i.indisunique then 'unique' else 'index' end ||
				case when i.indnkeyatts > 1 then ' (' || (select string_agg(pg_get_indexdef(i.indexrelid, k, true), ', ' order by k)
					from generate_series(1, i.indnkeyatts::int) k) || ')' else '' end ||
				coalesce(' where ' || pg_get_expr(i.indpred, i.indrelid), ''),
				', ' order by not i.indisprimary, not i.indisunique, i.indexrelid)
			from pg_index i where i.indrelid = c.oid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])),
		(select string_agg('references ' || k.confrelid::regclass || ' (' || there.attname || ')', ', ' order by k.oid)
			from pg_constraint k join pg_attribute there
				on there.attrelid = k.confrelid and there.attnum = k.confkey[array_position(k.conkey, a.attnum)]
			where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any (k.conkey))), '') as key
from pg_class c join pg_namespace n on n.oid = c.relnamespace
	left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
	left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
order by pg_table_is_visible(c.oid) desc, 1, a.attnum`

const mariadbTables = "" +
	"with here as (select table_schema, table_name, if(table_schema <=> database(), table_name, concat(table_schema, '.', table_name)) as title, " +
	"if(table_type = 'BASE TABLE', 'table', lower(table_type)) as kind from information_schema.tables where table_schema = database() " +
	"or database() is null and table_schema not in ('information_schema', 'mysql', 'performance_schema', 'sys')), " +
	"parts as (select table_schema, table_name, index_name, non_unique, column_name, seq_in_index from information_schema.statistics), " +
	"indexes as (select table_schema, table_name, index_name, concat(case when index_name = 'PRIMARY' then 'primary key' when non_unique = 0 then 'unique' else 'index' end, " +
	"if(count(*) > 1, concat(' (', group_concat(column_name order by seq_in_index separator ', '), ')'), '')) as what from parts group by 1, 2, 3, non_unique), " +
	"ks as (select p.table_schema, p.table_name, p.column_name, group_concat(i.what order by p.index_name <> 'PRIMARY', p.non_unique, p.index_name separator ', ') as what " +
	"from parts p join indexes i using (table_schema, table_name, index_name) group by 1, 2, 3), " +
	"refs as (select table_schema, table_name, column_name, group_concat(concat('references ', referenced_table_name, ' (', referenced_column_name, ')') " +
	"order by constraint_name separator ', ') as what from information_schema.key_column_usage where referenced_table_name is not null group by 1, 2, 3) " +
	"select here.title as `table`, here.kind, c.column_name as `column`, c.column_type as type, c.is_nullable = 'YES' as `null`, " +
	"nullif(concat_ws(' ', nullif(c.column_default, 'NULL'), if(c.generation_expression is null, nullif(c.extra, ''), " +
	"concat('generated always as (', c.generation_expression, ')'))), '') as `default`, " +
	"nullif(concat_ws(', ', ks.what, refs.what), '') as `key` " +
	"from here join information_schema.columns c using (table_schema, table_name) " +
	"left join ks using (table_schema, table_name, column_name) left join refs using (table_schema, table_name, column_name) " +
	"order by here.title, c.ordinal_position"
