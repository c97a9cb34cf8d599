package wire

// parseColumn reads a column definition: page result-set-packets#column-definition-packet. It copies the packet once,
// for all its strings.
func parseColumn(p []byte, extended bool) (Column, error) {
	c := cursor{b: p}
	text := string(p)
	field := func() string {
		n := len(c.bytes())
		end := len(p) - len(c.b)
		if c.bad {
			return ""
		}
		return text[end-n : end]
	}
	field() // the catalog, always "def"
	col := Column{Schema: field(), Table: field(), OrgTable: field(), Name: field(), OrgName: field()}
	if extended {
		e := cursor{b: c.bytes()}
		for len(e.b) > 0 {
			kind, value := e.u8(), e.bytes()
			switch kind {
			case 0:
				col.ExtType = string(value)
			case 1:
				col.ExtFormat = string(value)
			}
		}
		c.bad = c.bad || e.bad
	}
	c.lenenc() // how many bytes follow: 12
	col.Charset, col.Length, col.Type, col.Flags, col.Decimals = c.u16(), c.u32(), c.u8(), c.u16(), c.u8()
	if c.bad {
		return Column{}, broken("a column's description ends early")
	}
	return col, nil
}
