//go:build race

package pgvalue

// manyRounds is a fifth of what it is without the race detector, which has nothing to find here and takes its time.
const manyRounds = 20_000
