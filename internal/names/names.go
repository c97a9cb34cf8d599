// Package names has what several packages need to know of names: how a Go field's becomes a column's, and how alike two are.
package names

import (
	"strings"
	"unicode"
)

// Snake returns a Go name as a column name: AlbumID is album_id, HTTPServer http_server.
func Snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 {
			afterWord := !unicode.IsUpper(runes[i-1]) && runes[i-1] != '_'
			beforeWord := i+1 < len(runes) && unicode.IsLower(runes[i+1]) && runes[i-1] != '_'
			if afterWord || beforeWord {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// longest is how long a name may be to be compared; the rows of the table are on the stack.
const longest = 64

// Distance counts the bytes to change, add, leave out or swap with their neighbour to make b of a (optimal string
// alignment). Names longer than 64 bytes are 64 apart.
func Distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var before, row, next [longest + 1]int
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
