package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/postgres/internal/pgvalue"
)

// typesOf returns the types of the OIDs, in their order. Those that aren't the same on each server are asked for once a
// backend.
func (s *session) typesOf(ctx context.Context, oids []uint32) ([]*pgvalue.Type, *driver.Fault) {
	types := make([]*pgvalue.Type, len(oids))
	var missing []uint32
	for i, oid := range oids {
		if types[i] = s.back.knownType(oid); types[i] == nil && !slices.Contains(missing, oid) {
			missing = append(missing, oid)
		}
	}
	if len(missing) == 0 {
		return types, nil
	}
	found, f := s.askTypes(ctx, missing)
	if f != nil {
		return nil, f
	}
	for i, oid := range oids {
		if types[i] == nil {
			types[i] = found.typeOf(s.back, oid, 0)
		}
	}
	return types, nil
}

// knownType returns a type that needn't be asked for, or nil.
func (b *backend) knownType(oid uint32) *pgvalue.Type {
	if t, ok := b.types.Load(oid); ok {
		return t.(*pgvalue.Type)
	}
	t := pgvalue.Builtin(oid)
	if t != nil {
		b.types.Store(oid, t)
	}
	return t
}

// catalogType is a row of pg_type.
type catalogType struct {
	name                         string
	typtype, category, delimiter byte
	of                           uint32 // the elements' type of an array, the base of a domain
}

type catalogTypes map[uint32]catalogType

// maxTypeDepth bounds how deep domains and arrays are followed into each other.
const maxTypeDepth = 16

// askTypes reads types from the catalog, and those they are made of. It's part of the transaction that is open, if one is.
func (s *session) askTypes(ctx context.Context, oids []uint32) (catalogTypes, *driver.Fault) {
	found := make(catalogTypes)
	for range maxTypeDepth {
		if len(oids) == 0 {
			break
		}
		var list []string
		for _, oid := range oids {
			list = append(list, strconv.FormatUint(uint64(oid), 10))
		}
		rows, f := s.ask(ctx, driver.Prepare, "SELECT oid, typname, typtype, typcategory, typdelim, "+
			"CASE WHEN typtype = 'd' THEN typbasetype WHEN typcategory = 'A' THEN typelem ELSE 0 END "+
			"FROM pg_catalog.pg_type WHERE oid IN ("+strings.Join(list, ", ")+")")
		if f != nil {
			return nil, f
		}
		oids = oids[:0:0]
		for _, row := range rows {
			if len(row) != 6 || row[2] == "" || row[3] == "" || row[4] == "" {
				return nil, driver.Faultf(driver.Unknown, "the catalog's answer about types can't be read")
			}
			oid, err := strconv.ParseUint(row[0], 10, 32)
			of, err2 := strconv.ParseUint(row[5], 10, 32)
			if err != nil || err2 != nil {
				return nil, driver.Faultf(driver.Unknown, "the catalog's answer about types can't be read")
			}
			found[uint32(oid)] = catalogType{name: row[1], typtype: row[2][0], category: row[3][0], delimiter: row[4][0], of: uint32(of)}
			if _, known := found[uint32(of)]; of != 0 && !known && s.back.knownType(uint32(of)) == nil {
				oids = append(oids, uint32(of))
			}
		}
	}
	return found, nil
}

// typeOf makes a type of what the catalog said, and has the backend keep it. One that the catalog doesn't know is text.
func (c catalogTypes) typeOf(b *backend, oid uint32, depth int) *pgvalue.Type {
	if t := b.knownType(oid); t != nil {
		return t
	}
	row, ok := c[oid]
	if !ok || depth > maxTypeDepth {
		return pgvalue.Named(oid, fmt.Sprintf("type %d", oid), 'b', 'X', nil)
	}
	var of *pgvalue.Type
	if row.of != 0 {
		of = c.typeOf(b, row.of, depth+1)
	}
	t := pgvalue.Named(oid, row.name, row.typtype, row.category, of)
	if row.delimiter != ',' && row.category != 'A' {
		t = t.WithDelimiter(row.delimiter)
	}
	b.types.Store(oid, t)
	return t
}

// ask runs one of the driver's own queries, which has no arguments, and returns its rows as text. NULL is "".
func (s *session) ask(ctx context.Context, phase driver.Phase, text string) ([][]string, *driver.Fault) {
	s.out = appendQuery(s.out[:0], text)
	s.running = running{phase: phase}
	if f := s.flush(ctx, 1); f != nil {
		return nil, f
	}
	var rows [][]string
	for {
		row, f := s.answer(ctx)
		if f != nil {
			return nil, f
		}
		if row == nil {
			return rows, nil
		}
		rows = append(rows, texts(row))
	}
}

func texts(row *pgproto3.DataRow) []string {
	t := make([]string, len(row.Values))
	for i, v := range row.Values {
		t[i] = string(v)
	}
	return t
}
