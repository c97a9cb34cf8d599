package wire

import (
	"bytes"
	"encoding/binary"
)

// cursor reads the data types of page protocol-data-types from a packet. What isn't there makes it bad, and
// from then on it returns zeros; so a parser checks once, at its end. It copies nothing.
type cursor struct {
	b   []byte
	bad bool
}

// take returns the next n bytes.
func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) u8() byte {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if p := c.take(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if p := c.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

// lenenc returns an int<lenenc>. The marks of NULL and of an error are none.
func (c *cursor) lenenc() uint64 {
	switch first := c.u8(); first {
	default:
		return uint64(first)
	case 0xfc:
		return uint64(c.u16())
	case 0xfd:
		if p := c.take(3); p != nil {
			return uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16
		}
	case 0xfe:
		if p := c.take(8); p != nil {
			return binary.LittleEndian.Uint64(p)
		}
	case 0xfb, 0xff:
		c.bad, c.b = true, nil
	}
	return 0
}

// bytes returns a string<lenenc>.
func (c *cursor) bytes() []byte { return c.take(c.lenenc()) }

// nul returns a string<NUL> without its end.
func (c *cursor) nul() []byte {
	i := bytes.IndexByte(c.b, 0)
	if c.bad || i < 0 {
		c.bad, c.b = true, nil
		return nil
	}
	p := c.b[:i:i]
	c.b = c.b[i+1:]
	return p
}

// AppendLenenc appends n as an int<lenenc>.
func AppendLenenc(dst []byte, n uint64) []byte {
	switch {
	case n < 0xfb:
		return append(dst, byte(n))
	case n < 1<<16:
		return append(dst, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		return append(dst, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), n)
}

// AppendString appends s as a string<lenenc>, as the values of parameters and of bulk rows are written.
func AppendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(AppendLenenc(dst, uint64(len(s))), s...)
}
