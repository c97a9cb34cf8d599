package wire

import (
	"errors"
	"fmt"
	"io"
)

// errFile is wrapped by the error of a file that can't be read to its end.
var errFile = errors.New("the local file failed, and the connection was given up so that the server doesn't take a part of it" +
	" for the whole")

// sendFile answers a request for a local file: page packet_local_infile. The name asked for isn't looked at: the
// only file there is was given with the command. After an empty packet, which ends each file, the server tells the outcome.
func (c *Conn) sendFile() error {
	now := &c.pending[0]
	file := now.infile
	now.infile = nil
	if now.command != comQuery {
		return broken("a local file is asked for by a command that loads none")
	}
	if c.flushed > 1 || c.sent > 0 { // which the server takes for the file
		return broken("a local file is asked for while other commands are under way")
	}
	switch {
	case c.refused:
		return broken("a local file is asked for again")
	case file == nil:
		c.refused = true
	default:
		if err := c.copyFile(file); err != nil {
			return err
		}
	}
	return c.writeNow(nil)
}

func (c *Conn) copyFile(file io.Reader) error {
	buf := make([]byte, readSize)
	for {
		n, err := file.Read(buf)
		if n > 0 {
			if err := c.writeNow(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			c.failed = fmt.Errorf("%w: %w", errFile, err)
			_ = c.sock.Close()
			return c.failed
		}
	}
}

// writeNow sends a packet in the middle of an answer. It has no second try.
func (c *Conn) writeNow(payload []byte) error {
	packet := append(make([]byte, 4, 4+len(payload)), payload...)
	packet, c.in.seq = frame(packet, 0, c.in.seq)
	if _, err := c.net.Write(packet); err != nil {
		c.failed = err
	}
	return c.failed
}
