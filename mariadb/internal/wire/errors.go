package wire

import (
	"errors"
	"fmt"
)

// ErrProtocol is what every error wraps that says that the server broke the protocol. The connection is of no more use.
var ErrProtocol = errors.New("the server broke the protocol")

// ErrNoTLS says that TLS is required and the server has none. No user name or password was sent.
var ErrNoTLS = errors.New("TLS is required, but the server doesn't offer it")

// ErrAuth is what every error wraps that says that this client refuses to log in the way the server asks for.
var ErrAuth = errors.New("login refused by the client")

// ErrInfileRefused says that the server asked for a local file and got none. The connection goes on.
var ErrInfileRefused = errors.New("the server asked for a local file, which is only sent where the call gives one" +
	" (LOAD DATA LOCAL INFILE)")

// ErrTooLarge says that a command is longer than any server takes (1 GiB). Nothing of what was queued was sent.
var ErrTooLarge = errors.New("a command of more than 1 GiB")

// ErrNotAwaited says that the caller reads an answer to nothing, or by the wrong method: a mistake of the caller's.
var ErrNotAwaited = errors.New("no such answer is awaited")

// ServerError is an error packet: page err_packet. The connection goes on unless the server ends it.
type ServerError struct {
	Number  uint16 // such as 1062, a duplicate key
	State   string // SQLSTATE, five characters; empty before the login
	Message string
}

// Error implements error.
func (e *ServerError) Error() string {
	if e.State == "" {
		return fmt.Sprintf("%s (error %d)", e.Message, e.Number)
	}
	return fmt.Sprintf("%s (error %d, SQLSTATE %s)", e.Message, e.Number, e.State)
}

// broken describes what is wrong with a packet.
func broken(what string) error { return fmt.Errorf("%w: %s", ErrProtocol, what) }

// parseError reads an error packet, its first byte included.
func parseError(p []byte) (*ServerError, error) {
	c := cursor{b: p}
	c.u8()
	e := &ServerError{Number: c.u16()}
	if len(c.b) >= 6 && c.b[0] == '#' {
		e.State = string(c.b[1:6])
		c.b = c.b[6:]
	}
	e.Message = string(c.b)
	if c.bad {
		return nil, broken("an error packet ends early")
	}
	return e, nil
}

// isProgress tells a progress report, which looks like an error: page err_packet.
func isProgress(p []byte) bool {
	return len(p) >= 3 && p[0] == replyError && p[1] == 0xff && p[2] == 0xff
}
