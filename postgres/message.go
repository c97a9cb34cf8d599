package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/plinthdb/plinth/driver"
)

// The messages a session sends (https://www.postgresql.org/docs/current/protocol-message-formats.html), written straight
// into its buffer.

// begin appends a message's head, and end fills in its length, which begins at start.
func begin(dst []byte, kind byte) (out []byte, start int) {
	dst = append(dst, kind, 0, 0, 0, 0)
	return dst, len(dst) - 4
}

func end(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

func appendText(dst []byte, s string) []byte {
	dst = append(dst, s...)
	return append(dst, 0)
}

func appendQuery(dst []byte, text string) []byte {
	dst, start := begin(dst, 'Q')
	return end(appendText(dst, text), start)
}

func appendParse(dst []byte, name, text string, types []uint32) []byte {
	dst, start := begin(dst, 'P')
	dst = appendText(appendText(dst, name), text)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(types)))
	for _, oid := range types {
		dst = binary.BigEndian.AppendUint32(dst, oid)
	}
	return end(dst, start)
}

// appendDescribe asks for a description of a statement ('S') or portal ('P').
func appendDescribe(dst []byte, what byte, name string) []byte {
	dst, start := begin(dst, 'D')
	return end(appendText(append(dst, what), name), start)
}

// appendClose forgets a prepared statement.
func appendClose(dst []byte, name string) []byte {
	dst, start := begin(dst, 'C')
	return end(appendText(append(dst, 'S'), name), start)
}

// appendExecute runs the unnamed portal to its end.
func appendExecute(dst []byte) []byte {
	dst, start := begin(dst, 'E')
	return end(append(dst, 0, 0, 0, 0, 0), start)
}

func appendSync(dst []byte) []byte { return append(dst, 'S', 0, 0, 0, 4) }

// appendBare runs a statement that has neither arguments nor rows, up to the Sync.
func appendBare(dst []byte, text string) []byte {
	dst = appendParse(dst, "", text, nil)
	dst, start := begin(dst, 'B')
	dst = end(append(dst, 0, 0, 0, 0, 0, 0, 0, 0), start)
	return appendExecute(dst)
}

// appendCopyFail ends a COPY FROM STDIN.
func appendCopyFail(dst []byte) []byte {
	dst, start := begin(dst, 'f')
	return end(appendText(dst, "no data is sent this way"), start)
}

// maxMessage is how long a message may be: PQ_LARGE_MESSAGE_LIMIT of PostgreSQL's libpq.h, less some room.
const maxMessage = math.MaxInt32/2 - 1<<10

// appendBind binds arguments to a prepared statement, as the unnamed portal. The fault is of kind Argument.
func appendBind(dst []byte, st *prepared, args []any) ([]byte, *driver.Fault) {
	if len(args) != len(st.params) {
		return dst, driver.Faultf(driver.Argument, "the statement takes %d arguments as the server reads it, and was given %d", len(st.params), len(args))
	}
	dst, start := begin(dst, 'B')
	dst = append(dst, 0) // the unnamed portal
	dst = appendText(dst, st.name)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(args)))
	formats := len(dst)
	for range args {
		dst = append(dst, 0, 0)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(args)))
	for i, arg := range args {
		length := len(dst)
		dst = append(dst, 0xff, 0xff, 0xff, 0xff)
		if arg == nil {
			continue
		}
		out, format, err := st.params[i].Encode(dst, arg)
		if err != nil {
			return dst, wrongArgument(i, err)
		}
		if out == nil {
			continue
		}
		dst = out
		if len(dst)-start > maxMessage {
			return dst, driver.Faultf(driver.TooLarge, "the arguments are longer than the gigabyte that PostgreSQL takes")
		}
		binary.BigEndian.PutUint32(dst[length:], uint32(len(dst)-length-4))
		binary.BigEndian.PutUint16(dst[formats+2*i:], uint16(format))
	}
	return end(append(dst, st.formats...), start), nil
}

// wrongArgument says which argument a fault is about.
func wrongArgument(i int, err error) *driver.Fault {
	var f *driver.Fault
	if !errors.As(err, &f) {
		return driver.Faultf(driver.Argument, "argument %d: %w", i+1, err)
	}
	named := *f
	named.Phase, named.Sent = driver.Prepare, false
	named.Err = fmt.Errorf("argument %d: %w", i+1, f.Err)
	return &named
}
