package wire

// splitBinary is SplitText for the binary protocol, of which package value reads a row in one pass. A number's bytes are as
// wide as its type says (1, 2, 4 or 8, little-endian; TypeInt24 takes 4, TypeYear 2); dates and times come without the byte
// that tells their length, which may be 0; all else is text or bytes.
func splitBinary(row []byte, columns []Column, dst [][]byte) error {
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
