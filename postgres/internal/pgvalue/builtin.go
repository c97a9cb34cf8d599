package pgvalue

// builtin lists the types of PostgreSQL's pg_type.dat that a client can meet: their names, how they are written, and of
// arrays the type of the elements. These OIDs are the same in every version. The name is "" for what isn't listed.
func builtin(id uint32) (name string, c class, elem *Type) {
	switch id {
	case 16:
		return "bool", boolean, nil
	case 17:
		return "bytea", bytea, nil
	case 18:
		return "char", char, nil
	case 19:
		return "name", plain, nil
	case 20:
		return "int8", integer8, nil
	case 21:
		return "int2", integer2, nil
	case 23:
		return "int4", integer4, nil
	case 24:
		return "regproc", other, nil
	case 25:
		return "text", plain, nil
	case 26:
		return "oid", oid, nil
	case 27:
		return "tid", other, nil
	case 28:
		return "xid", oid, nil
	case 29:
		return "cid", oid, nil
	case 114:
		return "json", document, nil
	case 142:
		return "xml", other, nil
	case 194:
		return "pg_node_tree", other, nil
	case 600:
		return "point", other, nil
	case 601:
		return "lseg", other, nil
	case 602:
		return "path", other, nil
	case 603:
		return "box", other, nil
	case 604:
		return "polygon", other, nil
	case 628:
		return "line", other, nil
	case 650:
		return "cidr", other, nil
	case 700:
		return "float4", float4, nil
	case 701:
		return "float8", float8, nil
	case 705:
		return "unknown", plain, nil
	case 718:
		return "circle", other, nil
	case 774:
		return "macaddr8", other, nil
	case 790:
		return "money", other, nil
	case 829:
		return "macaddr", other, nil
	case 869:
		return "inet", other, nil
	case 1033:
		return "aclitem", other, nil
	case 1042:
		return "bpchar", plain, nil
	case 1043:
		return "varchar", plain, nil
	case 1082:
		return "date", date, nil
	case 1083:
		return "time", clock, nil
	case 1114:
		return "timestamp", timestamp, nil
	case 1184:
		return "timestamptz", timestamptz, nil
	case 1186:
		return "interval", interval, nil
	case 1266:
		return "timetz", clockZone, nil
	case 1560:
		return "bit", other, nil
	case 1562:
		return "varbit", other, nil
	case 1700:
		return "numeric", numeric, nil
	case 1790:
		return "refcursor", plain, nil
	case 2202:
		return "regprocedure", other, nil
	case 2203:
		return "regoper", other, nil
	case 2204:
		return "regoperator", other, nil
	case 2205:
		return "regclass", other, nil
	case 2206:
		return "regtype", other, nil
	case 2249:
		return "record", other, nil
	case 2275:
		return "cstring", plain, nil
	case 2278:
		return "void", other, nil
	case 2950:
		return "uuid", uuid, nil
	case 2970:
		return "txid_snapshot", other, nil
	case 3220:
		return "pg_lsn", other, nil
	case 3614:
		return "tsvector", other, nil
	case 3615:
		return "tsquery", other, nil
	case 3642:
		return "gtsvector", other, nil
	case 3734:
		return "regconfig", other, nil
	case 3769:
		return "regdictionary", other, nil
	case 3802:
		return "jsonb", jsonb, nil
	case 3904:
		return "int4range", other, nil
	case 3906:
		return "numrange", other, nil
	case 3908:
		return "tsrange", other, nil
	case 3910:
		return "tstzrange", other, nil
	case 3912:
		return "daterange", other, nil
	case 3926:
		return "int8range", other, nil
	case 4072:
		return "jsonpath", other, nil
	case 4089:
		return "regnamespace", other, nil
	case 4096:
		return "regrole", other, nil
	case 4191:
		return "regcollation", other, nil
	case 4451:
		return "int4multirange", other, nil
	case 4532:
		return "nummultirange", other, nil
	case 4533:
		return "tsmultirange", other, nil
	case 4534:
		return "tstzmultirange", other, nil
	case 4535:
		return "datemultirange", other, nil
	case 4536:
		return "int8multirange", other, nil
	case 5038:
		return "pg_snapshot", other, nil
	case 5069:
		return "xid8", xid8, nil
	case 22:
		return "int2vector", vector, Builtin(21)
	case 30:
		return "oidvector", vector, Builtin(26)
	}
	if of := elementOf(id); of != 0 {
		elem = Builtin(of)
		return elem.Name + "[]", array, elem
	}
	return "", other, nil
}

// elementOf returns the OID of the elements of an array type, 0 for what isn't listed.
func elementOf(array uint32) uint32 {
	for _, pair := range [...][2]uint32{
		{143, 142}, {199, 114}, {271, 5069}, {629, 628}, {651, 650}, {719, 718}, {775, 774}, {791, 790},
		{1000, 16}, {1001, 17}, {1002, 18}, {1003, 19}, {1005, 21}, {1006, 22}, {1007, 23}, {1008, 24},
		{1009, 25}, {1010, 27}, {1011, 28}, {1012, 29}, {1013, 30}, {1014, 1042}, {1015, 1043}, {1016, 20},
		{1017, 600}, {1018, 601}, {1019, 602}, {1020, 603}, {1021, 700}, {1022, 701}, {1027, 604}, {1028, 26},
		{1034, 1033}, {1040, 829}, {1041, 869}, {1115, 1114}, {1182, 1082}, {1183, 1083}, {1185, 1184},
		{1187, 1186}, {1231, 1700}, {1263, 2275}, {1270, 1266}, {1561, 1560}, {1563, 1562}, {2201, 1790},
		{2207, 2202}, {2208, 2203}, {2209, 2204}, {2210, 2205}, {2211, 2206}, {2287, 2249}, {2949, 2970},
		{2951, 2950}, {3221, 3220}, {3643, 3614}, {3644, 3642}, {3645, 3615}, {3735, 3734}, {3770, 3769},
		{3807, 3802}, {3905, 3904}, {3907, 3906}, {3909, 3908}, {3911, 3910}, {3913, 3912}, {3927, 3926},
		{4073, 4072}, {4090, 4089}, {4097, 4096}, {4192, 4191}, {5039, 5038}, {6150, 4451}, {6151, 4532},
		{6152, 4533}, {6153, 4534}, {6155, 4535}, {6157, 4536},
	} {
		if pair[0] == array {
			return pair[1]
		}
	}
	return 0
}
