package wire

// SplitText reads a row of the text protocol, page resultset-row: dst[i] becomes the i-th value's bytes, which are part of
// row, and nil where it's NULL (an empty text isn't nil). dst has as many elements as the result has columns. It allocates
// nothing.
func SplitText(row []byte, dst [][]byte) error {
	c := cursor{b: row}
	for i := range dst {
		if len(c.b) > 0 && c.b[0] == 0xfb {
			c.u8()
			dst[i] = nil
			continue
		}
		if dst[i] = c.bytes(); c.bad {
			return broken("a row ends early")
		}
	}
	if len(c.b) > 0 {
		return broken("a row has more values than columns")
	}
	return nil
}

// SplitBinary is SplitText for the binary protocol. A number's bytes are as wide as its type says (1, 2, 4 or 8,
// little-endian; TypeInt24 takes 4, TypeYear 2); dates and times come without the byte that tells their length, which may
// be 0; all else is text or bytes.
func SplitBinary(row []byte, columns []Column, dst [][]byte) error {
	c := cursor{b: row}
	c.u8()
	nulls := c.take(uint64(len(columns)+9) / 8)
	if c.bad || len(dst) < len(columns) {
		return broken("a row ends early")
	}
	for i := range columns {
		if bit := i + 2; nulls[bit/8]&(1<<(bit%8)) != 0 {
			dst[i] = nil
			continue
		}
		switch columns[i].Type {
		case TypeTiny:
			dst[i] = c.take(1)
		case TypeShort, TypeYear:
			dst[i] = c.take(2)
		case TypeLong, TypeInt24, TypeFloat:
			dst[i] = c.take(4)
		case TypeLongLong, TypeDouble:
			dst[i] = c.take(8)
		case TypeDate, TypeTime, TypeDateTime, TypeTimestamp:
			dst[i] = c.take(uint64(c.u8()))
		case TypeNull:
			dst[i] = nil
		default:
			dst[i] = c.bytes()
		}
		if c.bad {
			return broken("a row ends early")
		}
	}
	if len(c.b) > 0 {
		return broken("a row has more values than columns")
	}
	return nil
}
