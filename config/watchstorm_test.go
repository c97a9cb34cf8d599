package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWatchEndsWhereTheFilesDo changes files, directories and links at random, and then waits until what was last told is
// what Load returns; sooner than the slow look would find it.
func TestWatchEndsWhereTheFilesDo(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	in := func(names ...string) string { return filepath.Join(append([]string{root}, names...)...) }
	path := in("mount", "conf", "plinth.yaml")
	count, rng := 0, rand.New(rand.NewPCG(1, 2))
	text := func() string {
		count++
		if rng.IntN(5) == 0 {
			return fmt.Sprintf("broken%d: x", count)
		}
		return fileFor(fmt.Sprint(count, ".db"))
	}
	put := func(path string) {
		if rng.IntN(2) == 0 {
			_ = os.WriteFile(path, []byte(text()), 0o600)
			return
		}
		_ = os.WriteFile(in("tmp"), []byte(text()), 0o600)
		_ = os.Rename(in("tmp"), path)
	}
	spares := []string{in("spare1"), in("spare2")}
	changes := []func(){ // each may fail, as it does where another has gone before
		func() { put(path) },
		func() { put(path) },
		func() { _ = os.Remove(path) },
		func() { _ = os.RemoveAll(filepath.Dir(path)) },
		func() { _ = os.MkdirAll(filepath.Dir(path), 0o700); put(path) },
		func() { _ = os.Rename(filepath.Dir(path), spares[rng.IntN(2)]) },
		func() { _ = os.Rename(spares[rng.IntN(2)], filepath.Dir(path)) },
		func() { _ = os.RemoveAll(filepath.Dir(path)); _ = os.Symlink(spares[rng.IntN(2)], filepath.Dir(path)) },
		func() {
			_ = os.Remove(in("link"))
			_ = os.Symlink("../spare1", in("link"))
			_ = os.Rename(in("link"), filepath.Dir(path))
		},
		func() { _ = os.Remove(path); _ = os.Symlink("../../spare2/plinth.yaml", path) },
		func() {
			spare := spares[rng.IntN(2)]
			_ = os.MkdirAll(spare, 0o700)
			put(filepath.Join(spare, "plinth.yaml"))
		},
		func() { _ = os.RemoveAll(spares[rng.IntN(2)]) },
		func() {
			_ = os.Rename(in("mount"), in("mount2"))
			_ = os.MkdirAll(filepath.Dir(path), 0o700)
			put(path)
		},
		func() { _ = os.RemoveAll(in("mount")); _ = os.Rename(in("mount2"), in("mount")) },
	}
	write(t, path, fileFor("0.db"))
	c, news := watched(t, nil, WithFile(path))
	state := told{c: c}
	for round := range 40 {
		for range 1 + rng.IntN(12) {
			changes[rng.IntN(len(changes))]()
		}
		c, err := Load(t.Context(), WithFile(path), environ())
		same := func() bool {
			if err != nil {
				return state.err != nil && state.err.Error() == err.Error()
			}
			return state.err == nil && state.c.Equal(c)
		}
		late := time.After(15 * time.Second)
		for !same() {
			select {
			case state = <-news:
			case <-late:
				t.Fatalf("round %d ends with %s, %v; what was told last is %s, %v", round, c, err, state.c, state.err)
			}
		}
	}
}
