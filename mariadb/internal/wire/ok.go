package wire

// parseOK reads an OK packet, its first byte included, and what it tells of the session into t (nil: not wanted):
// page ok_packet.
func parseOK(p []byte, tracks bool, t *Tracked) (OK, error) {
	c := cursor{b: p}
	c.u8()
	ok := OK{AffectedRows: c.lenenc(), LastInsertID: c.lenenc(), Status: c.u16(), Warnings: c.u16()}
	switch {
	case !tracks:
		ok.Info = c.b
	case len(c.b) > 0:
		ok.Info = c.bytes()
		if ok.Status&StatusSessionState != 0 && !c.bad {
			if err := t.update(c.bytes()); err != nil {
				return ok, err
			}
		}
	}
	if c.bad {
		return ok, broken("an OK packet ends early")
	}
	return ok, nil
}

// parseEOF reads the end of columns or rows of a server without CapDeprecateEOF: page eof_packet.
func parseEOF(p []byte) (OK, error) {
	c := cursor{b: p}
	if c.u8() != replyEOF || len(p) > 9 {
		return OK{}, broken("columns or rows don't end where they should")
	}
	ok := OK{Warnings: c.u16(), Status: c.u16()}
	if c.bad {
		return ok, broken("an EOF packet ends early")
	}
	return ok, nil
}

// Kinds of session state, from page ok_packet#session-change-type.
const (
	trackVariables       = 0
	trackSchema          = 1
	trackGTID            = 3
	trackCharacteristics = 4
	trackTransaction     = 5
)

// update takes a packet's changes over. Kinds it doesn't know it passes over.
func (t *Tracked) update(p []byte) error {
	t.Changes++
	c := cursor{b: p}
	for len(c.b) > 0 {
		kind := c.u8()
		d := cursor{b: c.bytes()}
		switch kind {
		case trackVariables:
			for len(d.b) > 0 {
				name, value := d.bytes(), d.bytes()
				if !d.bad {
					t.set(string(name), string(value))
				}
			}
		case trackSchema:
			t.Schema = string(d.bytes())
		case trackGTID:
			d.u8() // the encoding, always 0
			t.GTID = string(d.bytes())
		case trackCharacteristics:
			t.Characteristics = string(d.bytes())
		case trackTransaction:
			t.Transaction = string(d.bytes())
		}
		if d.bad {
			c.bad = true
		}
	}
	if c.bad {
		return broken("a change of the session's state ends early")
	}
	return nil
}

// set notes a system variable. MariaDB tells the last GTID as one.
func (t *Tracked) set(name, value string) {
	if t.Variables == nil {
		t.Variables = map[string]string{}
	}
	t.Variables[name] = value
	if name == "last_gtid" {
		t.GTID = value
	}
}
