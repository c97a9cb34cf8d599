package mongotest

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Users has the server ask who logs in, by SCRAM-SHA-256: the passwords of the database admin's users by their names. What comes
// before the login it refuses, but for hello.
func Users(passwords map[string]string) Option {
	return func(s *Server) { s.passwords = maps.Clone(passwords) }
}

// LoggedIn is how many connections are a user's. Those that only watch the topology log in as nobody.
func (s *Server) LoggedIn(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, m := range s.members {
		for c := range m.conns {
			if c.login.user == user {
				n++
			}
		}
	}
	return n
}

// login is a connection's SCRAM-SHA-256 (https://www.rfc-editor.org/rfc/rfc5802, https://www.rfc-editor.org/rfc/rfc7677), in the
// commands that https://github.com/mongodb/specifications/blob/master/source/auth/auth.md, "SCRAM-SHA-256", puts it into.
type login struct {
	user string // who has logged in; "": nobody yet

	asks        string // who wants to
	nonce       string // the client's and ours
	salt        []byte
	first, said string // the client's first message without its header, and our answer
}

const (
	scramMechanism = "SCRAM-SHA-256"
	scramRounds    = 4096  // the least that a client takes
	scramHeader    = "n,," // of a client without channel binding
)

// saslStart answers the client's first message: n,,n=user,r=nonce.
func (s *Server) saslStart(r *request) (bson.D, error) {
	if mechanism, _ := r.doc.Lookup("mechanism").StringValueOK(); mechanism != scramMechanism {
		return nil, failure(codeMechanismUnavailable, "mechanism "+mechanism+" isn't offered")
	}
	l := &r.conn.login
	var ok bool
	if l.first, ok = strings.CutPrefix(payload(r), scramHeader); !ok {
		return nil, errNoLogin()
	}
	user, nonce, ok := strings.Cut(l.first, ",r=")
	l.asks = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(strings.TrimPrefix(user, "n="))
	if !ok {
		return nil, errNoLogin()
	}
	l.nonce, l.salt = nonce+rand.Text(), make([]byte, 28)
	if _, err := rand.Read(l.salt); err != nil {
		return nil, err
	}
	l.said = fmt.Sprintf("r=%s,s=%s,i=%d", l.nonce, base64.StdEncoding.EncodeToString(l.salt), scramRounds)
	return spoken(l.said, false), nil
}

// saslContinue answers the client's last message: c=biws,r=nonce,p=proof.
func (s *Server) saslContinue(r *request) (bson.D, error) {
	l := &r.conn.login
	last, proof, ok := strings.Cut(payload(r), ",p=")
	given, err := base64.StdEncoding.DecodeString(proof)
	password, known := s.passwords[l.asks]
	if !ok || err != nil || !known || last != "c="+base64.StdEncoding.EncodeToString([]byte(scramHeader))+",r="+l.nonce {
		return nil, errNoLogin()
	}
	salted, err := pbkdf2.Key(sha256.New, password, l.salt, scramRounds, sha256.Size)
	if err != nil {
		return nil, err
	}
	client := mac(salted, "Client Key")
	stored := sha256.Sum256(client)
	all := l.first + "," + l.said + "," + last
	want := mac(stored[:], all)
	subtle.XORBytes(want, want, client)
	if !hmac.Equal(want, given) {
		return nil, errNoLogin()
	}
	l.user = l.asks
	return spoken("v="+base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), all)), true), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// payload is what the client says.
func payload(r *request) string {
	_, data, _ := r.doc.Lookup("payload").BinaryOK()
	return string(data)
}

func spoken(text string, done bool) bson.D {
	return bson.D{{Key: "conversationId", Value: int32(1)}, {Key: "done", Value: done}, {Key: "payload", Value: bson.Binary{Data: []byte(text)}}}
}

// errNoLogin doesn't say whether it's the name or the password, as MongoDB doesn't.
func errNoLogin() error { return failure(codeAuthenticationFailed, "Authentication failed.") }

// mayAsk refuses what comes before the login.
func (s *Server) mayAsk(r *request) error {
	if s.passwords == nil || r.conn.login.user != "" || r.name == "saslStart" || r.name == "saslContinue" {
		return nil
	}
	return failure(codeUnauthorized, "Command "+r.name+" requires authentication")
}
