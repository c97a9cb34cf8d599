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
