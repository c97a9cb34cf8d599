package postgres

import (
	"slices"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// Rules returns the classification table: what PostgreSQL's SQLSTATEs mean, and what they say about running the same
// again. The codes and their names are those of https://www.postgresql.org/docs/current/errcodes-appendix.html; where
// none is said to be otherwise, an error has undone the statement, or the whole transaction at COMMIT, and would come
// again. A code that isn't listed counts as its class, the first two characters, if that is; else nothing is known of it,
// and it's never repeated. Of all that the server ends the session with (FATAL) the connection is evicted, too.
func Rules() []driver.Rule {
	return slices.Concat(dataRules(), statementRules(), transactionRules(), serverRules(), otherRules())
}

// each returns a rule like r for each of the codes, which are given with their names, as "23505 unique_violation".
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
func hinted(kind driver.Kind, code, hint string) []driver.Rule {
	return each(driver.Rule{Kind: kind, Hint: hint}, code)
}

// dataRules are what is wrong with values: classes 21 to 23, 27, 44, and what functions raise.
func dataRules() []driver.Rule {
	return slices.Concat(
		// Class 22, data exception.
		never(driver.Invalid, "22", "22000 data_exception", "2202E array_subscript_error", "22021 character_not_in_repertoire",
			"22008 datetime_field_overflow", "22012 division_by_zero", "22005 error_in_assignment", "2200B escape_character_conflict",
			"22022 indicator_overflow", "22015 interval_field_overflow", "2201E invalid_argument_for_logarithm",
			"22014 invalid_argument_for_ntile_function", "22016 invalid_argument_for_nth_value_function",
			"2201F invalid_argument_for_power_function", "2201G invalid_argument_for_width_bucket_function",
			"22018 invalid_character_value_for_cast", "22007 invalid_datetime_format", "22019 invalid_escape_character",
			"2200D invalid_escape_octet", "22025 invalid_escape_sequence", "22P06 nonstandard_use_of_escape_character",
			"22010 invalid_indicator_parameter_value", "22023 invalid_parameter_value", "22013 invalid_preceding_or_following_size",
			"2201B invalid_regular_expression", "2201W invalid_row_count_in_limit_clause",
			"2201X invalid_row_count_in_result_offset_clause", "2202H invalid_tablesample_argument", "2202G invalid_tablesample_repeat",
			"22009 invalid_time_zone_displacement_value", "2200C invalid_use_of_escape_character", "2200G most_specific_type_mismatch",
			"22004 null_value_not_allowed", "22002 null_value_no_indicator_parameter", "22003 numeric_value_out_of_range",
			"2200H sequence_generator_limit_exceeded", "22026 string_data_length_mismatch", "22001 string_data_right_truncation",
			"22011 substring_error", "22027 trim_error", "22024 unterminated_c_string", "2200F zero_length_character_string",
			"22P01 floating_point_exception", "22P02 invalid_text_representation", "22P03 invalid_binary_representation",
			"22P04 bad_copy_file_format", "22P05 untranslatable_character", "2200L not_an_xml_document", "2200M invalid_xml_document",
			"2200N invalid_xml_content", "2200S invalid_xml_comment", "2200T invalid_xml_processing_instruction",
			"22030 duplicate_json_object_key_value", "22031 invalid_argument_for_sql_json_datetime_function", "22032 invalid_json_text",
			"22033 invalid_sql_json_subscript", "22034 more_than_one_sql_json_item", "22035 no_sql_json_item",
			"22036 non_numeric_sql_json_item", "22037 non_unique_keys_in_a_json_object", "22038 singleton_sql_json_item_required",
			"22039 sql_json_array_not_found", "2203A sql_json_member_not_found", "2203B sql_json_number_not_found",
			"2203C sql_json_object_not_found", "2203D too_many_json_array_elements", "2203E too_many_json_object_members",
			"2203F sql_json_scalar_required", "2203G sql_json_item_cannot_be_cast_to_target_type"),
		// Class 23, integrity constraint violation, and those beside it.
		never(driver.Unique, "23505 unique_violation"),
		never(driver.ForeignKey, "23503 foreign_key_violation", "23001 restrict_violation"),
		never(driver.NotNull, "23502 not_null_violation"),
		never(driver.Check, "23", "23000 integrity_constraint_violation", "23514 check_violation", "23P01 exclusion_violation",
			"44000 with_check_option_violation"),
		// What functions and triggers say. RAISE EXCEPTION is a constraint that is written as code.
		never(driver.Check, "P0001 raise_exception", "P0004 assert_failure", "09000 triggered_action_exception"),
		never(driver.Invalid, "P0002 no_data_found", "P0003 too_many_rows", "20000 case_not_found", "21000 cardinality_violation",
			"27000 triggered_data_change_violation", "10608 invalid_argument_for_xquery",
			"2F000 sql_routine_exception", "2F002 modifying_sql_data_not_permitted", "2F003 prohibited_sql_statement_attempted",
			"2F004 reading_sql_data_not_permitted", "2F005 function_executed_no_return_statement",
			"38000 external_routine_exception", "38001 containing_sql_not_permitted", "38002 modifying_sql_data_not_permitted",
			"38003 prohibited_sql_statement_attempted", "38004 reading_sql_data_not_permitted",
			"39000 external_routine_invocation_exception", "39001 invalid_sqlstate_returned", "39004 null_value_not_allowed",
			"39P01 trigger_protocol_violated", "39P02 srf_protocol_violated", "39P03 event_trigger_protocol_violated"),
	)
}

// statementRules are what is wrong with a statement: class 42 and what goes with it.
func statementRules() []driver.Rule {
	const cast = "write the placeholder's type, as in $1::text"
	const pooled = "is there a pooler between here and the server that hands out sessions by transaction? Set pgbouncer=true"
	return slices.Concat(
		// Class 42, syntax error or access rule violation.
		never(driver.Syntax, "42", "42000 syntax_error_or_access_rule_violation", "42601 syntax_error", "42846 cannot_coerce",
			"42803 grouping_error", "42P20 windowing_error", "42P19 invalid_recursion", "42830 invalid_foreign_key",
			"42602 invalid_name", "42622 name_too_long", "42939 reserved_name", "42804 datatype_mismatch", "42P21 collation_mismatch",
			"42P22 indeterminate_collation", "42809 wrong_object_type", "42712 duplicate_alias", "42702 ambiguous_column",
			"42725 ambiguous_function", "42P09 ambiguous_alias", "42P10 invalid_column_reference", "42611 invalid_column_definition",
			"42P11 invalid_cursor_definition", "42P12 invalid_database_definition", "42P13 invalid_function_definition",
			"42P14 invalid_prepared_statement_definition", "42P15 invalid_schema_definition", "42P16 invalid_table_definition",
			"42P17 invalid_object_definition"),
		hinted(driver.Syntax, "42P18 indeterminate_datatype", cast),
		hinted(driver.Syntax, "42P08 ambiguous_parameter", cast),
		never(driver.Invalid, "428C9 generated_always"),
		never(driver.Argument, "42P02 undefined_parameter"),
		never(driver.Permission, "42501 insufficient_privilege", "0L000 invalid_grantor", "0LP01 invalid_grant_operation"),
		never(driver.Undefined, "42703 undefined_column", "42883 undefined_function", "42P01 undefined_table",
			"42704 undefined_object", "3F000 invalid_schema_name", "34000 invalid_cursor_name", "0P000 invalid_role_specification"),
		hinted(driver.Undefined, "26000 invalid_sql_statement_name", pooled),
		never(driver.Undefined, "3D"),
		hinted(driver.Undefined, "3D000 invalid_catalog_name", "create the database, or correct its name in the URL"),
		never(driver.Exists, "42701 duplicate_column", "42P03 duplicate_cursor", "42P04 duplicate_database",
			"42723 duplicate_function", "42P06 duplicate_schema", "42P07 duplicate_table", "42710 duplicate_object"),
		hinted(driver.Exists, "42P05 duplicate_prepared_statement", pooled),
		// Class 2B, dependent objects.
		never(driver.Check, "2B000 dependent_privilege_descriptors_still_exist"),
		hinted(driver.Check, "2BP01 dependent_objects_still_exist", "drop what depends on it first, or add CASCADE"),
		// Class 0A, and objects that aren't ready for it (class 55).
		never(driver.Unsupported, "0A", "0A000 feature_not_supported", "55000 object_not_in_prerequisite_state",
			"55P02 cant_change_runtime_param"),
		hinted(driver.Unsupported, "55P04 unsafe_new_enum_value_usage", "commit the ALTER TYPE before the value is used"),
		// Class 54, program limit exceeded.
		never(driver.TooLarge, "54", "54000 program_limit_exceeded", "54001 statement_too_complex", "54011 too_many_columns",
			"54023 too_many_arguments"),
	)
}

// transactionRules are of transactions and locks.
func transactionRules() []driver.Rule {
	again := driver.Rule{Verdict: driver.Again, Commit: driver.Again}
	with := func(r driver.Rule, kind driver.Kind, hint string) driver.Rule {
		r.Kind, r.Hint = kind, hint
		return r
	}
	dead := again // what is left of the transaction can't be used, not even from a savepoint on
	dead.TxDead = true
	ended := dead // so is the session
	ended.Evict = true
	readOnly := again
	readOnly.Evict = true
	return slices.Concat(
		// Class 40, transaction rollback.
		each(with(dead, driver.Serialization, ""), "40001 serialization_failure"),
		each(with(dead, driver.Deadlock, ""), "40P01 deadlock_detected"),
		each(driver.Rule{Kind: driver.Unavailable, Verdict: driver.IfSafe, Commit: driver.Ambiguous, TxDead: true},
			"40003 statement_completion_unknown"),
		each(driver.Rule{Kind: driver.Check, TxDead: true}, "40002 transaction_integrity_constraint_violation"),
		each(driver.Rule{Kind: driver.TxDone, TxDead: true}, "40", "40000 transaction_rollback"),
		// Locks.
		each(with(again, driver.Locked, "another transaction held the lock for longer than lock_timeout, or NOWAIT doesn't wait"),
			"55P03 lock_not_available"),
		hinted(driver.Locked, "55006 object_in_use", "others use it: end their sessions first"),
		// Class 25, invalid transaction state.
		each(with(readOnly, driver.ReadOnly,
			"the server is a standby, or was made read-only; another connection asks for its role again"),
			"25006 read_only_sql_transaction"),
		each(driver.Rule{Kind: driver.TxDone, Hint: "an earlier statement failed: roll back, or return to a savepoint"},
			"25P02 in_failed_sql_transaction"),
		each(with(ended, driver.Unavailable, "the transaction was idle for longer than idle_in_transaction_session_timeout"),
			"25P03 idle_in_transaction_session_timeout"),
		each(driver.Rule{Kind: driver.Timeout, Evict: true, TxDead: true,
			Hint: "the transaction took longer than the server's transaction_timeout"},
			"25P04 transaction_timeout"),
		never(driver.TxDone, "25P01 no_active_sql_transaction"),
		never(driver.Argument, "25000 invalid_transaction_state", "25001 active_sql_transaction",
			"25002 branch_transaction_already_active",
			"25003 inappropriate_access_mode_for_branch_transaction", "25004 inappropriate_isolation_level_for_branch_transaction",
			"25005 no_active_sql_transaction_for_branch_transaction", "25007 schema_and_data_statement_mixing_not_supported",
			"25008 held_cursor_requires_same_isolation_level", "0B000 invalid_transaction_initiation",
			"24000 invalid_cursor_state", "2D000 invalid_transaction_termination", "3B000 savepoint_exception",
			"3B001 invalid_savepoint_specification"),
		hinted(driver.Serialization, "72000 snapshot_too_old", "the transaction was open for longer than old_snapshot_threshold"),
	)
}

// serverRules are of connections, logins and the server.
func serverRules() []driver.Rule {
	lost := driver.Rule{Kind: driver.Unavailable, Verdict: driver.IfSafe, Commit: driver.Ambiguous, Evict: true, TxDead: true}
	refused := driver.Rule{Kind: driver.Unavailable, Verdict: driver.Again, Commit: driver.Again, Evict: true, TxDead: true}
	// Of resources and the system it is worth another try, but not three: somebody may have made room. At COMMIT nobody trusts it.
	resource := driver.Rule{Verdict: driver.Again, Commit: driver.Ambiguous, Once: true}
	crowded := driver.Rule{Verdict: driver.Again, Commit: driver.Ambiguous, Crowded: true} // said of a login
	with := func(r driver.Rule, kind driver.Kind, hint string) driver.Rule {
		r.Kind, r.Hint = kind, hint
		return r
	}
	return slices.Concat(
		// Class 08, connection exception. 08P01 is also what PgBouncer says of nearly everything.
		each(lost, "08", "08000 connection_exception", "08003 connection_does_not_exist", "08006 connection_failure",
			"08007 transaction_resolution_unknown", "08P01 protocol_violation"),
		each(refused, "08001 sqlclient_unable_to_establish_sqlconnection",
			"08004 sqlserver_rejected_establishment_of_sqlconnection"),
		// Class 28, invalid authorization specification.
		hinted(driver.Auth, "28", ""),
		hinted(driver.Auth, "28000 invalid_authorization_specification",
			"see the server's pg_hba.conf: may this user connect from here to this database, and has it to be with TLS?"),
		hinted(driver.Auth, "28P01 invalid_password", "check the user and the password"),
		// Class 53, insufficient resources.
		each(with(resource, driver.Full, ""), "53", "53000 insufficient_resources", "53200 out_of_memory"),
		each(with(resource, driver.Full, "the server's disk is full"), "53100 disk_full"),
		each(with(resource, driver.Full, "a limit of the server's configuration, such as temp_file_limit"),
			"53400 configuration_limit_exceeded"),
		each(with(crowded, driver.Unavailable,
			"the server has max_connections already: have smaller pools, or a PgBouncer in front of it"),
			"53300 too_many_connections"),
		// Class 57, operator intervention.
		each(with(lost, driver.Unavailable, "the server or an administrator ended the session"), "57P01 admin_shutdown",
			"57P02 crash_shutdown"),
		each(with(refused, driver.Unavailable, "the server is starting, stopping or recovering"), "57P03 cannot_connect_now"),
		each(with(refused, driver.Unavailable, "the session was idle for longer than idle_session_timeout"),
			"57P05 idle_session_timeout"),
		each(driver.Rule{Kind: driver.Undefined, Evict: true, TxDead: true}, "57P04 database_dropped"),
		never(driver.Canceled, "57014 query_canceled"),
		never(driver.Unavailable, "57000 operator_intervention"),
		// Class 58, system error.
		each(with(resource, driver.Unavailable, "the server's disk or system failed: look at its log"), "58", "58000 system_error",
			"58030 io_error", "58P01 undefined_file", "58P02 duplicate_file", "58P03 file_name_too_long"),
		each(driver.Rule{Kind: driver.Corrupt, Commit: driver.Ambiguous,
			Hint: "restore a backup, or rebuild the index by REINDEX"},
			"XX001 data_corrupted", "XX002 index_corrupted"),
	)
}

// otherRules are of codes that say nothing about what was wrong, or aren't errors.
func otherRules() []driver.Rule {
	return slices.Concat(
		never(driver.Unknown, "XX000 internal_error", "P0000 plpgsql_error", "F0000 config_file_error", "F0001 lock_file_exists",
			"03000 sql_statement_not_yet_complete", "0F000 locator_exception", "0F001 invalid_locator_specification",
			"0Z000 diagnostics_exception", "0Z002 stacked_diagnostics_accessed_without_active_handler"),
		// Not errors.
		never(driver.Unknown, "00000 successful_completion", "01000 warning", "01003 null_value_eliminated_in_set_function",
			"01004 string_data_right_truncation", "01006 privilege_not_revoked", "01007 privilege_not_granted",
			"01008 implicit_zero_bit_padding", "0100C dynamic_result_sets_returned", "01P01 deprecated_feature", "02000 no_data",
			"02001 no_additional_dynamic_result_sets_returned"),
		// Class HV, of foreign tables. What the other server did isn't known.
		never(driver.Unavailable, "HV00N fdw_unable_to_establish_connection"),
		never(driver.Undefined, "HV005 fdw_column_name_not_found", "HV00J fdw_option_name_not_found", "HV00P fdw_no_schemas",
			"HV00Q fdw_schema_not_found", "HV00R fdw_table_not_found"),
		never(driver.Unknown, "HV000 fdw_error", "HV001 fdw_out_of_memory", "HV002 fdw_dynamic_parameter_value_needed",
			"HV004 fdw_invalid_data_type", "HV006 fdw_invalid_data_type_descriptors", "HV007 fdw_invalid_column_name",
			"HV008 fdw_invalid_column_number", "HV009 fdw_invalid_use_of_null_pointer", "HV00A fdw_invalid_string_format",
			"HV00B fdw_invalid_handle", "HV00C fdw_invalid_option_index", "HV00D fdw_invalid_option_name", "HV00K fdw_reply_handle",
			"HV00L fdw_unable_to_create_execution", "HV00M fdw_unable_to_create_reply", "HV010 fdw_function_sequence_error",
			"HV014 fdw_too_many_handles", "HV021 fdw_inconsistent_descriptor_information", "HV024 fdw_invalid_attribute_value",
			"HV090 fdw_invalid_string_length_or_buffer_length", "HV091 fdw_invalid_descriptor_field_identifier"),
	)
}
