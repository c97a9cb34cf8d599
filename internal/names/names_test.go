package names_test

import (
	"strings"
	"testing"

	"github.com/plinthdb/plinth/internal/names"
)

func TestSnakeIsTheColumnOfAField(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"ID": "id", "AlbumID": "album_id", "HTTPServer": "http_server", "A": "a", "Already_Split": "already_split", "Ünï": "ünï",
		"Address2": "address2", "": "",
	} {
		if got := names.Snake(field); got != want {
			t.Errorf("Snake(%q) = %q, want %q", field, got, want)
		}
	}
}

func TestDistanceCountsEdits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"name", "name", 0}, {"abcd", "acbd", 1}, {"name", "names", 1}, {"name", "nme", 1}, {"name", "game", 1},
		{"", "abc", 3}, {"journal", "jurnal", 1}, {strings.Repeat("x", 65), "x", 64},
	} {
		if got := names.Distance(test.a, test.b); got != test.want || got != names.Distance(test.b, test.a) {
			t.Errorf("Distance(%q, %q) = %d and %d, want %d", test.a, test.b, got, names.Distance(test.b, test.a), test.want)
		}
	}
}
