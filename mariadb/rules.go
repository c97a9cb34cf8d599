package mariadb

import (
	"slices"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// Rules returns the classification table: what MariaDB's error numbers mean, and what they say about running the same
// again. The numbers and names are those of https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference;
// where none is said to be otherwise, an error has undone the statement and would come again. A number that isn't listed
// counts as the class of its SQLSTATE, the first two characters, if that is; else nothing is known of it. It's never repeated.
func Rules() []driver.Rule {
	return slices.Concat(dataRules(), statementRules(), transactionRules(), serverRules())
}

// each returns a rule like r for each of the numbers, which are given with their names, as "1062 ER_DUP_ENTRY".
func each(r driver.Rule, codes ...string) []driver.Rule {
	rules := make([]driver.Rule, len(codes))
	for i, code := range codes {
		r.Code, r.Name, _ = strings.Cut(code, " ")
		rules[i] = r
	}
	return rules
}

// never returns rules for what the same would come of.
func never(kind driver.Kind, codes ...string) []driver.Rule {
	return each(driver.Rule{Kind: kind}, codes...)
}

// hinted returns a rule of the same, and says what to try.
func hinted(kind driver.Kind, hint string, codes ...string) []driver.Rule {
	return each(driver.Rule{Kind: kind, Hint: hint}, codes...)
}

// dataRules are of constraints and values.
func dataRules() []driver.Rule {
	return slices.Concat(
		never(driver.Unique, "1062 ER_DUP_ENTRY", "1022 ER_DUP_KEY", "1169 ER_DUP_UNIQUE", "1291 ER_DUPLICATED_VALUE_IN_TYPE",
			"1586 ER_DUP_ENTRY_WITH_KEY_NAME", "1761 ER_FOREIGN_DUPLICATE_KEY_WITH_CHILD_INFO",
			"1762 ER_FOREIGN_DUPLICATE_KEY_WITHOUT_CHILD_INFO", "1859 ER_DUP_UNKNOWN_IN_INDEX"),
		never(driver.ForeignKey, "1451 ER_ROW_IS_REFERENCED_2", "1452 ER_NO_REFERENCED_ROW_2", "1216 ER_NO_REFERENCED_ROW",
			"1217 ER_ROW_IS_REFERENCED", "1701 ER_TRUNCATE_ILLEGAL_FK", "1834 ER_FK_CANNOT_DELETE_PARENT"),
		never(driver.NotNull, "1048 ER_BAD_NULL_ERROR", "1263 ER_WARN_NULL_TO_NOTNULL"),
		hinted(driver.NotNull, "give the column a value, or a DEFAULT", "1364 ER_NO_DEFAULT_FOR_FIELD",
			"1423 ER_NO_DEFAULT_FOR_VIEW_FIELD"),
		never(driver.Check, "23", "4025 ER_CONSTRAINT_FAILED", "3819 ER_CHECK_CONSTRAINT_VIOLATED", "1369 ER_VIEW_CHECK_FAILED",
			"1644 ER_SIGNAL_EXCEPTION", "45", "1526 ER_NO_PARTITION_FOR_GIVEN_VALUE", "1748 ER_ROW_DOES_NOT_MATCH_GIVEN_PARTITION_SET"),
		never(driver.Invalid, "22", "1264 ER_WARN_DATA_OUT_OF_RANGE", "1265 WARN_DATA_TRUNCATED", "1292 ER_TRUNCATED_WRONG_VALUE",
			"1366 ER_TRUNCATED_WRONG_VALUE_FOR_FIELD", "1365 ER_DIVISION_BY_ZERO", "1406 ER_DATA_TOO_LONG",
			"1411 ER_WRONG_VALUE_FOR_TYPE", "1416 ER_CANT_CREATE_GEOMETRY_OBJECT", "1690 ER_DATA_OUT_OF_RANGE", "1242 ER_SUBQUERY_NO_1_ROW",
			"1241 ER_OPERAND_COLUMNS", "1300 ER_INVALID_CHARACTER_STRING", "1367 ER_ILLEGAL_VALUE_FOR_TYPE",
			"1441 ER_DATETIME_FUNCTION_OVERFLOW", "4038 ER_JSON_SYNTAX", "4037 ER_JSON_EOS", "4078 ER_ILLEGAL_PARAMETER_DATA_TYPES2_FOR_OPERATION",
			"4079 ER_ILLEGAL_PARAMETER_DATA_TYPE_FOR_OPERATION", "1525 ER_WRONG_VALUE", "3140 ER_INVALID_JSON_TEXT",
			"4084 ER_SEQUENCE_RUN_OUT", "1467 ER_AUTOINC_READ_FAILED", "1267 ER_CANT_AGGREGATE_2COLLATIONS",
			"1270 ER_CANT_AGGREGATE_3COLLATIONS", "1271 ER_CANT_AGGREGATE_NCOLLATIONS"),
		never(driver.TooLarge, "1301 ER_WARN_ALLOWED_PACKET_OVERFLOWED", "1118 ER_TOO_BIG_ROWSIZE", "1104 ER_TOO_BIG_SELECT",
			"1390 ER_PS_MANY_PARAM", "1436 ER_STACK_OVERRUN_NEED_MORE", "1119 ER_STACK_OVERRUN", "1074 ER_TOO_BIG_FIELDLENGTH",
			"1071 ER_TOO_LONG_KEY", "1117 ER_TOO_MANY_FIELDS", "1059 ER_TOO_LONG_IDENT"),
		hinted(driver.TooLarge, "raise the server's max_prepared_stmt_count, or lower statement_cache", "1461 ER_MAX_PREPARED_STMT_COUNT_REACHED"),
		each(driver.Rule{Kind: driver.TooLarge, Evict: true, TxDead: true, // the server reads no further, and hangs up
			Hint: "raise the server's max_allowed_packet, or send less at once"}, "1153 ER_NET_PACKET_TOO_LARGE"),
	)
}

// statementRules are what is wrong with a statement, or with what it asks for.
func statementRules() []driver.Rule {
	return slices.Concat(
		never(driver.Syntax, "42", "1064 ER_PARSE_ERROR", "1065 ER_EMPTY_QUERY", "1149 ER_SYNTAX_ERROR", "1052 ER_NON_UNIQ_ERROR",
			"1055 ER_WRONG_FIELD_WITH_GROUP", "1056 ER_WRONG_GROUP_FIELD", "1057 ER_WRONG_SUM_SELECT", "1060 ER_DUP_FIELDNAME",
			"1066 ER_NONUNIQ_TABLE", "1075 ER_WRONG_AUTO_KEY", "1110 ER_FIELD_SPECIFIED_TWICE", "1111 ER_INVALID_GROUP_FUNC_USE",
			"1136 ER_WRONG_VALUE_COUNT_ON_ROW", "1140 ER_MIX_OF_GROUP_FUNC_AND_FIELDS", "1222 ER_WRONG_NUMBER_OF_COLUMNS_IN_SELECT",
			"1230 ER_NO_DEFAULT", "1231 ER_WRONG_VALUE_FOR_VAR", "1232 ER_WRONG_TYPE_FOR_VAR", "1238 ER_INCORRECT_GLOBAL_LOCAL_VAR",
			"1248 ER_DERIVED_MUST_HAVE_ALIAS", "1318 ER_SP_WRONG_NO_OF_ARGS", "1582 ER_WRONG_PARAMCOUNT_TO_NATIVE_FCT"),
		never(driver.Undefined, "1054 ER_BAD_FIELD_ERROR", "1146 ER_NO_SUCH_TABLE", "1051 ER_BAD_TABLE_ERROR",
			"1091 ER_CANT_DROP_FIELD_OR_KEY", "1109 ER_UNKNOWN_TABLE", "1128 ER_FUNCTION_NOT_DEFINED", "1176 ER_KEY_DOES_NOT_EXITS",
			"1193 ER_UNKNOWN_SYSTEM_VARIABLE", "1305 ER_SP_DOES_NOT_EXIST", "1360 ER_TRG_DOES_NOT_EXIST", "1008 ER_DB_DROP_EXISTS",
			"1072 ER_KEY_COLUMN_DOES_NOT_EXITS", "1115 ER_UNKNOWN_CHARACTER_SET", "1273 ER_UNKNOWN_COLLATION", "1286 ER_UNKNOWN_STORAGE_ENGINE",
			"1539 ER_EVENT_DOES_NOT_EXIST", "1630 ER_FUNC_INEXISTENT_NAME_COLLISION", "1932 ER_NO_SUCH_TABLE_IN_ENGINE",
			"4091 ER_UNKNOWN_SEQUENCES", "1298 ER_UNKNOWN_TIME_ZONE"),
		hinted(driver.Undefined, "create the database, or correct its name in the URL", "1049 ER_BAD_DB_ERROR"),
		hinted(driver.Undefined, "name the database in the URL, or in front of the table", "1046 ER_NO_DB_ERROR"),
		never(driver.Undefined, "1243 ER_UNKNOWN_STMT_HANDLER"),
		never(driver.Exists, "1050 ER_TABLE_EXISTS_ERROR", "1007 ER_DB_CREATE_EXISTS", "1061 ER_DUP_KEYNAME", "1304 ER_SP_ALREADY_EXISTS",
			"1359 ER_TRG_ALREADY_EXISTS", "1125 ER_UDF_EXISTS", "1537 ER_EVENT_ALREADY_EXISTS", "1826 ER_DUP_CONSTRAINT_NAME"),
		never(driver.Permission, "1044 ER_DBACCESS_DENIED_ERROR", "1142 ER_TABLEACCESS_DENIED_ERROR", "1143 ER_COLUMNACCESS_DENIED_ERROR",
			"1227 ER_SPECIFIC_ACCESS_DENIED_ERROR", "1370 ER_PROCACCESS_DENIED_ERROR", "1396 ER_CANNOT_USER", "1410 ER_CANT_CREATE_USER_WITH_GRANT",
			"1095 ER_KILL_DENIED_ERROR", "1141 ER_NONEXISTING_GRANT", "1356 ER_VIEW_INVALID", "1449 ER_NO_SUCH_USER",
			"1133 ER_PASSWORD_NO_MATCH", "1698 ER_ACCESS_DENIED_NO_PASSWORD_ERROR"),
		never(driver.Unsupported, "0A", "1235 ER_NOT_SUPPORTED_YET", "1178 ER_CHECK_NOT_IMPLEMENTED", "1214 ER_TABLE_CANT_HANDLE_FT",
			"1295 ER_UNSUPPORTED_PS", "1845 ER_ALTER_OPERATION_NOT_SUPPORTED", "1846 ER_ALTER_OPERATION_NOT_SUPPORTED_REASON",
			"1148 ER_NOT_ALLOWED_COMMAND", "4166 ER_LOAD_INFILE_CAPABILITY_DISABLED",
			"1290 ER_OPTION_PREVENTS_STATEMENT", "1031 ER_ILLEGAL_HA"),
	)
}

// transactionRules are of transactions and locks.
func transactionRules() []driver.Rule {
	again := driver.Rule{Verdict: driver.Again, Commit: driver.Again, TxDead: true}
	with := func(kind driver.Kind, hint string) driver.Rule {
		r := again
		r.Kind, r.Hint = kind, hint
		return r
	}
	readOnly := driver.Rule{Kind: driver.ReadOnly, Verdict: driver.Again, Commit: driver.Again, Evict: true,
		Hint: "the server is a replica, or was made read-only; another connection asks for its role again"}
	return slices.Concat(
		// After a deadlock nothing is left of the transaction. After a wait that was too long all but the statement is, and
		// COMMIT would keep that part of it; so nobody may.
		each(with(driver.Deadlock, ""), "1213 ER_LOCK_DEADLOCK", "1614 ER_XA_RBDEADLOCK"),
		each(with(driver.Locked, "another transaction held the lock for longer than innodb_lock_wait_timeout, or NOWAIT doesn't wait"),
			"1205 ER_LOCK_WAIT_TIMEOUT", "1613 ER_XA_RBTIMEOUT"),
		each(with(driver.Serialization, ""), "1020 ER_CHECKREAD"),
		each(driver.Rule{Kind: driver.Full, TxDead: true}, "1206 ER_LOCK_TABLE_FULL"),
		each(driver.Rule{Kind: driver.Unknown, Verdict: driver.IfSafe, Commit: driver.Ambiguous, TxDead: true}, "1180 ER_ERROR_DURING_COMMIT"),
		each(driver.Rule{Kind: driver.Unknown, TxDead: true, Evict: true}, "1181 ER_ERROR_DURING_ROLLBACK"),
		each(readOnly, "1836 ER_READ_ONLY_MODE", "1792 ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION"),
		never(driver.Argument, "1568 ER_CANT_CHANGE_TX_CHARACTERISTICS", "1179 ER_CANT_DO_THIS_DURING_AN_TRANSACTION"),
		never(driver.TxDone, "1402 ER_XA_RBROLLBACK"),
		hinted(driver.Argument, "LOCK TABLES is in force: lock this table, too, or UNLOCK TABLES", "1100 ER_TABLE_NOT_LOCKED",
			"1099 ER_TABLE_NOT_LOCKED_FOR_WRITE"),
	)
}

// serverRules are of connections, logins and the server.
func serverRules() []driver.Rule {
	lost := driver.Rule{Kind: driver.Unavailable, Verdict: driver.IfSafe, Commit: driver.Ambiguous, Evict: true, TxDead: true}
	refused := driver.Rule{Kind: driver.Unavailable, Verdict: driver.Again, Commit: driver.Again, Evict: true, TxDead: true}
	crowded := refused
	crowded.Crowded = true
	with := func(r driver.Rule, kind driver.Kind, hint string) driver.Rule {
		r.Kind, r.Hint = kind, hint
		return r
	}
	return slices.Concat(
		hinted(driver.Auth, "check the user and the password, and from where this user may log in", "1045 ER_ACCESS_DENIED_ERROR"),
		hinted(driver.Auth, "", "1130 ER_HOST_NOT_PRIVILEGED", "1275 ER_SERVER_IS_IN_SECURE_AUTH_MODE", "1862 ER_MUST_CHANGE_PASSWORD_LOGIN",
			"1820 ER_MUST_CHANGE_PASSWORD", "3118 ER_ACCOUNT_HAS_BEEN_LOCKED", "4151 ER_ACCOUNT_HAS_BEEN_LOCKED", "1251 ER_NOT_SUPPORTED_AUTH_MODE",
			"1524 ER_PLUGIN_IS_NOT_LOADED", "1129 ER_HOST_IS_BLOCKED"),
		each(with(crowded, driver.Unavailable, "the server has max_connections already: have smaller pools"), "1040 ER_CON_COUNT_ERROR"),
		each(with(crowded, driver.Unavailable, "the user has max_user_connections already: have smaller pools"),
			"1203 ER_TOO_MANY_USER_CONNECTIONS"),
		each(with(crowded, driver.Unavailable, "the user has used up a limit of its account, such as MAX_QUERIES_PER_HOUR"),
			"1226 ER_USER_LIMIT_REACHED"),
		each(with(refused, driver.Unavailable, "the node isn't part of a working cluster (wsrep_ready)"), "1047 ER_UNKNOWN_COM_ERROR"),
		each(with(lost, driver.Unavailable, "the server or an administrator ended the session"), "1053 ER_SERVER_SHUTDOWN",
			"1927 ER_CONNECTION_KILLED", "1077 ER_NORMAL_SHUTDOWN"),
		each(lost, "08", "1152 ER_ABORTING_CONNECTION", "1184 ER_NEW_ABORTING_CONNECTION", "1158 ER_NET_READ_ERROR",
			"1159 ER_NET_READ_INTERRUPTED", "1160 ER_NET_ERROR_ON_WRITE", "1161 ER_NET_WRITE_INTERRUPTED", "1156 ER_NET_PACKETS_OUT_OF_ORDER",
			"2006 CR_SERVER_GONE_ERROR", "2013 CR_SERVER_LOST", "1835 ER_MALFORMED_PACKET", "1043 ER_HANDSHAKE_ERROR"),
		never(driver.Canceled, "1317 ER_QUERY_INTERRUPTED"),
		hinted(driver.Timeout, "it ran for longer than the server's max_statement_time", "1969 ER_STATEMENT_TIMEOUT", "3024 ER_QUERY_TIMEOUT"),
		each(driver.Rule{Kind: driver.Full, Commit: driver.Ambiguous, Hint: "the server's disk, or a table's space, is used up"},
			"1114 ER_RECORD_FILE_FULL", "1021 ER_DISK_FULL", "1037 ER_OUTOFMEMORY", "1038 ER_OUT_OF_SORTMEMORY", "1041 ER_OUT_OF_RESOURCES"),
		each(driver.Rule{Kind: driver.Corrupt, Commit: driver.Ambiguous, Hint: "restore a backup, or try CHECK TABLE and REPAIR TABLE"},
			"1034 ER_NOT_KEYFILE", "1194 ER_CRASHED_ON_USAGE", "1195 ER_CRASHED_ON_REPAIR", "1712 ER_INDEX_CORRUPT", "1877 ER_TABLE_CORRUPT"),
		hinted(driver.Locked, "FLUSH TABLES WITH READ LOCK is in force in this session", "1223 ER_CANT_UPDATE_WITH_READLOCK"),
	)
}
