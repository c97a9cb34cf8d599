package lang

// Operators marks a bound value, or one in a bound document, as written by the program and not by its users: keys that
// begin with $ act as operators in it, keys may have dots, and in an aggregation expression it is an expression.
// Never wrap what came from outside. Code for the server ($where, $function, $accumulator) is refused even so.
type Operators struct{ Value any }
