//go:build !race

package pgvalue

// manyRounds is how many random values of each type are compared with what pgtype makes of them.
const manyRounds = 100_000
