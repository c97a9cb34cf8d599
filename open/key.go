package open

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"strconv"

	"github.com/plinthdb/plinth/config"
)

// key tells targets apart. It is a keyed hash, so that no password lies in memory as part of a map, nor can be guessed
// from a key that got out.
type key [sha256.Size]byte

// key returns the key of c's target.
func (s *Set) key(c config.Config) (k key) {
	s.mu.Lock()
	if s.seed == nil {
		s.seed = make([]byte, sha256.Size)
		_, _ = rand.Read(s.seed) // never fails, as its documentation says
	}
	seed := s.seed
	s.mu.Unlock()
	h := hmac.New(sha256.New, seed)
	writeTexts(h, strconv.FormatBool(c.ReadOnly))
	c = c.CanonicalTarget()
	writeTexts(h, string(c.Engine), c.Database, c.User, c.Password.Reveal(), strconv.FormatBool(c.SRV))
	for _, a := range c.Addresses() {
		writeTexts(h, "address", a.Host, strconv.Itoa(a.Port))
	}
	var params [][2]string
	for name, value := range c.Params.All() {
		params = append(params, [2]string{name, value})
	}
	// The order of what is repeated counts, as in Config.SameTarget.
	slices.SortStableFunc(params, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
	for _, p := range params {
		writeTexts(h, "param", p[0], p[1])
	}
	h.Sum(k[:0])
	return k
}

// writeTexts hashes texts so that no others give the same.
func writeTexts(h hash.Hash, texts ...string) {
	var size [8]byte
	for _, text := range texts {
		binary.BigEndian.PutUint64(size[:], uint64(len(text)))
		h.Write(size[:])
		h.Write([]byte(text))
	}
}
