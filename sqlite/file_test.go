package sqlite
const childRole = "PLINTH_SQLITE_TEST_CHILD"
func child(string) int { return 0 }
