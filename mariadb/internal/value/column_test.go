package value

import (
	"strings"
	"testing"
)

// TestAColumnIsCalledAsInAStatement has the definitions as MariaDB 10.11 sends them.
func TestAColumnIsCalledAsInAStatement(t *testing.T) {
	t.Parallel()
	const utf8mb4 = 45
	for _, c := range []struct {
		d    Definition
		want string
	}{
		{Definition{Type: typeTiny, Charset: 63, Length: 1}, "tinyint(1)"},
		{Definition{Type: typeTiny, Charset: 63, Length: 1, Flags: flagUnsigned}, "tinyint unsigned"},
		{Definition{Type: typeTiny, Charset: 63, Length: 4}, "tinyint"},
		{Definition{Type: typeShort, Charset: 63, Length: 5, Flags: flagUnsigned}, "smallint unsigned"},
		{Definition{Type: typeInt24, Charset: 63, Length: 9}, "mediumint"},
		{Definition{Type: typeLong, Charset: 63, Length: 11}, "int"},
		{Definition{Type: typeLongLong, Charset: 63, Length: 20, Flags: flagUnsigned}, "bigint unsigned"},
		{Definition{Type: typeFloat, Charset: 63, Length: 12}, "float"},
		{Definition{Type: typeDouble, Charset: 63, Length: 22}, "double"},
		{Definition{Type: typeNewDecimal, Charset: 63, Length: 12}, "decimal"},
		{Definition{Type: typeBit, Charset: 63, Length: 1, Flags: flagUnsigned}, "bit"},
		{Definition{Type: typeBit, Charset: 63, Length: 64, Flags: flagUnsigned}, "bit"},
		{Definition{Type: typeYear, Charset: 63, Length: 4, Flags: flagUnsigned | 1<<6}, "year"},
		{Definition{Type: typeDate, Charset: 63, Length: 10}, "date"},
		{Definition{Type: typeTime, Charset: 63, Length: 17}, "time"},
		{Definition{Type: typeDateTime, Charset: 63, Length: 26}, "datetime"},
		{Definition{Type: typeTimestamp, Charset: 63, Length: 19}, "timestamp"},
		{Definition{Type: typeString, Charset: utf8mb4, Length: 12}, "char"},
		{Definition{Type: typeString, Charset: 63, Length: 3}, "binary"},
		{Definition{Type: typeVarString, Charset: utf8mb4, Length: 80}, "varchar"},
		{Definition{Type: typeVarString, Charset: 63, Length: 20}, "varbinary"},
		{Definition{Type: typeVarchar, Charset: utf8mb4, Length: 20}, "varchar"},
		{Definition{Type: typeBlob, Charset: utf8mb4, Length: 1020}, "tinytext"},
		{Definition{Type: typeBlob, Charset: utf8mb4, Length: 262140}, "text"},
		{Definition{Type: typeBlob, Charset: utf8mb4, Length: 67108860}, "mediumtext"},
		{Definition{Type: typeBlob, Charset: utf8mb4, Length: 4294967295}, "longtext"},
		{Definition{Type: typeBlob, Charset: 63, Length: 255}, "tinyblob"},
		{Definition{Type: typeBlob, Charset: 63, Length: 65535}, "blob"},
		{Definition{Type: typeBlob, Charset: 63, Length: 16777215}, "mediumblob"},
		{Definition{Type: typeBlob, Charset: 63, Length: 4294967295}, "longblob"},
		{Definition{Type: typeLongBlob, Charset: utf8mb4, Length: 4294967295}, "longtext"},
		{Definition{Type: typeMediumBlob, Charset: 63}, "mediumblob"},
		{Definition{Type: typeTinyBlob, Charset: utf8mb4}, "tinytext"},
		{Definition{Type: typeString, Charset: utf8mb4, Length: 4, Flags: flagEnum}, "enum"},
		{Definition{Type: typeString, Charset: utf8mb4, Length: 12, Flags: flagSet}, "set"},
		{Definition{Type: typeEnum, Charset: utf8mb4}, "enum"}, {Definition{Type: typeSet, Charset: utf8mb4}, "set"},
		{Definition{Type: typeBlob, Charset: utf8mb4, Length: 4294967295, ExtFormat: "json"}, "json"},
		{Definition{Type: typeString, Charset: utf8mb4, Length: 144, ExtType: "uuid"}, "uuid"},
		{Definition{Type: typeString, Charset: utf8mb4, Length: 156, ExtType: "inet6"}, "inet6"},
		{Definition{Type: typeString, Charset: utf8mb4, Length: 60, ExtType: "inet4"}, "inet4"},
		{Definition{Type: typeGeometry, Charset: 63, Length: 4294967295}, "geometry"},
		{Definition{Type: typeGeometry, Charset: 63, Length: 4294967295, ExtType: "point"}, "point"},
		{Definition{Type: typeJSON, Charset: 63, Length: 4294967295}, "json"},
		{Definition{Type: typeNull, Charset: 63}, "null"},
		{Definition{Type: 0x70, Charset: utf8mb4}, "varchar"}, // of a server to come
	} {
		if got := NewColumn(c.d, ZeroIsError).Type; got != c.want {
			t.Errorf("%+v is %s, want %s", c.d, got, c.want)
		}
	}
}

func TestEveryTypeHasAName(t *testing.T) {
	t.Parallel()
	for typ := range 256 {
		if c := NewColumn(Definition{Type: byte(typ)}, ZeroIsError); c.Type == "" || strings.ContainsAny(c.Type, "ABC") {
			t.Errorf("type %#x is %q", typ, c.Type)
		}
	}
}
