package pgvalue

const boxOID = 603

// builtin lists the types of pg_type.dat whose values a client can get: their names, how they are written, and of arrays
// the element. The OIDs never change between versions of PostgreSQL.
func builtin(id uint32) (name string, c class, elem uint32) {
	switch id {
	case 16:
		return "bool", boolean, 0
	case 17:
		return "bytea", bytea, 0
	case 18:
		return "char", char, 0
	case 19:
		return "name", plain, 0
	case 20:
		return "int8", int8, 0
	case 21:
		return "int2", int2, 0
	case 22:
		return "int2vector", vector, 21
	case 23:
		return "int4", int4, 0
	case 24:
		return "regproc", other, 0
	case 25:
		return "text", plain, 0
	case 26:
		return "oid", oid, 0
	case 27:
		return "tid", other, 0
	case 28:
		return "xid", oid, 0
	case 29:
		return "cid", oid, 0
	case 30:
		return "oidvector", vector, 26
	case 114:
		return "json", document, 0
	case 142:
		return "xml", other, 0
	case 194:
		return "pg_node_tree", other, 0
	case 600:
		return "point", other, 0
	case 601:
		return "lseg", other, 0
	case 602:
		return "path", other, 0
	case boxOID:
		return "box", other, 0
	case 604:
		return "polygon", other, 0
	case 628:
		return "line", other, 0
	case 650:
		return "cidr", other, 0
	case 700:
		return "float4", float4, 0
	case 701:
		return "float8", float8, 0
	case 705:
		return "unknown", plain, 0
	case 718:
		return "circle", other, 0
	case 774:
		return "macaddr8", other, 0
	case 790:
		return "money", other, 0
	case 829:
		return "macaddr", other, 0
	case 869:
		return "inet", other, 0
	case 1033:
		return "aclitem", other, 0
	case 1042:
		return "bpchar", plain, 0
	case 1043:
		return "varchar", plain, 0
	case 1082:
		return "date", date, 0
	case 1083:
		return "time", clock, 0
	case 1114:
		return "timestamp", timestamp, 0
	case 1184:
		return "timestamptz", timestamptz, 0
	case 1186:
		return "interval", interval, 0
	case 1266:
		return "timetz", clockZone, 0
	case 1560:
		return "bit", other, 0
	case 1562:
		return "varbit", other, 0
	case 1700:
		return "numeric", numeric, 0
	case 1790:
		return "refcursor", plain, 0
	case 2202:
		return "regprocedure", other, 0
	case 2203:
		return "regoper", other, 0
	case 2204:
		return "regoperator", other, 0
	case 2205:
		return "regclass", other, 0
	case 2206:
		return "regtype", other, 0
	case 2249:
		return "record", other, 0
	case 2275:
		return "cstring", plain, 0
	case 2278:
		return "void", other, 0
	case 2950:
		return "uuid", uuid, 0
	case 2970:
		return "txid_snapshot", other, 0
	case 3220:
		return "pg_lsn", other, 0
	case 3614:
		return "tsvector", other, 0
	case 3615:
		return "tsquery", other, 0
	case 3642:
		return "gtsvector", other, 0
	case 3734:
		return "regconfig", other, 0
	case 3769:
		return "regdictionary", other, 0
	case 3802:
		return "jsonb", jsonb, 0
	case 3904:
		return "int4range", other, 0
	case 3906:
		return "numrange", other, 0
	case 3908:
		return "tsrange", other, 0
	case 3910:
		return "tstzrange", other, 0
	case 3912:
		return "daterange", other, 0
	case 3926:
		return "int8range", other, 0
	case 4072:
		return "jsonpath", other, 0
	case 4089:
		return "regnamespace", other, 0
	case 4096:
		return "regrole", other, 0
	case 4191:
		return "regcollation", other, 0
	case 4451:
		return "int4multirange", other, 0
	case 4532:
		return "nummultirange", other, 0
	case 4533:
		return "tsmultirange", other, 0
	case 4534:
		return "tstzmultirange", other, 0
	case 4535:
		return "datemultirange", other, 0
	case 4536:
		return "int8multirange", other, 0
	case 5038:
		return "pg_snapshot", other, 0
	case 5069:
		return "xid8", xid8, 0
	}
	if elem = elementOf(id); elem != 0 {
		return "array", array, elem
	}
	return "", other, 0
}

// elementOf returns the type of the elements of a built-in array type, or 0.
func elementOf(array uint32) uint32 {
	switch array {
	case 143:
		return 142
	case 199:
		return 114
	case 271:
		return 5069
	case 629:
		return 628
	case 651:
		return 650
	case 719:
		return 718
	case 775:
		return 774
	case 791:
		return 790
	case 1000, 1001, 1002, 1003:
		return array - 984 // bool, bytea, char, name
	case 1005, 1006, 1007, 1008, 1009:
		return array - 984 // int2, int2vector, int4, regproc, text
	case 1010, 1011, 1012, 1013:
		return array - 983 // tid, xid, cid, oidvector
	case 1014:
		return 1042
	case 1015:
		return 1043
	case 1016:
		return 20
	case 1017, 1018, 1019, 1020:
		return array - 417 // point, lseg, path, box
	case 1021, 1022:
		return array - 321 // float4, float8
	case 1027:
		return 604
	case 1028:
		return 26
	case 1034:
		return 1033
	case 1040:
		return 829
	case 1041:
		return 869
	case 1115, 1182, 1183, 1185, 1187, 1231, 1263, 1270:
		return map[uint32]uint32{1115: 1114, 1182: 1082, 1183: 1083, 1185: 1184, 1187: 1186, 1231: 1700, 1263: 2275, 1270: 1266}[array]
	}
	return 0
}
