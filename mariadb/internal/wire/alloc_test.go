package wire

import "testing"

// again says the same over and over.
type again struct {
	data []byte
	at   int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.data[a.at:])
	a.at = (a.at + n) % len(a.data)
	return n, nil
}

func TestAPreparedSelectAllocatesNothing(t *testing.T) { // not parallel: it measures
	st := &Stmt{ID: 9, Columns: []Column{{Name: "a", Type: TypeLong}, {Name: "b", Type: TypeVarString}}}
	st.told = st.Columns
	rows := [][]byte{{2, 0}}
	for range 10 {
		rows = append(rows, []byte("\x00\x00\x2a\x00\x00\x00\x05hello"))
	}
	c := fed(serverCaps, nil)
	c.in.src = &again{data: packets(1, append(rows, endPacket)...)}
	params := int64s(1)
	values := make([][]byte, 2)
	run := func() {
		c.SendExecute(st, params)
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		r, err := c.ReadResult()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; ; n++ {
			row, err := c.ReadRow()
			if err != nil {
				t.Fatal(err)
			}
			if row == nil {
				break
			}
			if err := splitBinary(row, r.Columns, values); err != nil || string(values[1]) != "hello" {
				t.Fatal(err, values)
			}
		}
		if n != 10 {
			t.Fatalf("%d rows", n)
		}
	}
	if n := testing.AllocsPerRun(1000, run); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestATextRowAllocatesNothing(t *testing.T) { // not parallel: it measures
	c := fed(serverCaps, nil)
	c.in.src = &again{data: packets(1, append([][]byte{{1, 1}, column("a", TypeLong)}, []byte("\x0242"), endPacket)...)}
	values := make([][]byte, 1)
	n := testing.AllocsPerRun(1000, func() {
		c.SendQuery("SELECT a")
		_ = c.Flush()
		if _, err := c.ReadResult(); err != nil {
			t.Fatal(err)
		}
		for {
			row, err := c.ReadRow()
			if err != nil || row != nil && SplitText(row, values) != nil {
				t.Fatal(err)
			}
			if row == nil {
				break
			}
		}
	})
	if n > 2 { // the slice of columns, and their strings
		t.Errorf("%v allocations, want 2", n)
	}
}
