package wire

import (
	"errors"
)

// state is what comes next of the answer that is being read, so that a read that timed out can go on.
type state uint8

const (
	idle       state = iota // nothing is read yet of pending[0]
	head                    // the first packet of a result
	columns                 // a column of a result
	columnsEOF              // the end of the columns, from servers without CapDeprecateEOF
	rows                    // a row
	prepHead                // as above, of a prepare
	prepParams
	prepParamsEOF
	prepColumns
	prepColumnsEOF
)

// ReadResult reads the next answer, or after Result.More the next result of the same answer, up to its rows:
// page result-set-packets. The result is valid until the next read of an answer. With a *ServerError the answer is
// over; with ErrInfileRefused Drain reads what is left of it; any other error but a time-out ends the connection.
func (c *Conn) ReadResult() (*Result, error) {
	if c.state == idle && c.failed == nil {
		if c.flushed == 0 || c.pending[0].command == comStmtPrepare {
			return nil, ErrNotAwaited
		}
		c.state, c.further, c.in.seq = head, false, c.pending[0].seq
	}
	for {
		if c.failed != nil {
			return nil, c.failed
		}
		switch c.state {
		case head, columns, columnsEOF:
		default:
			return nil, ErrNotAwaited
		}
		p, err := c.read()
		if err != nil {
			return nil, err
		}
		switch c.state {
		case columns:
			err = c.addColumn(p)
			if len(c.cols) == c.count {
				c.state = columnsEOF
			}
		case columnsEOF:
			_, err = parseEOF(p)
			c.result.Columns, c.state = c.cols, rows
		default:
			var over bool
			if over, err = c.readHead(p); over && err == nil {
				return &c.result, nil
			}
			if err == ErrInfileRefused {
				return nil, err
			}
		}
		if err != nil {
			return nil, c.fail(err)
		}
		if c.state == columnsEOF && c.caps&CapDeprecateEOF != 0 {
			c.state = rows
		}
		if c.state == rows {
			c.tellColumns()
			return &c.result, nil
		}
	}
}

// readHead reads the first packet of a result. over says that there's nothing to read but this.
func (c *Conn) readHead(p []byte) (over bool, err error) {
	now := &c.pending[0]
	c.result = Result{Binary: now.command == comStmtExecute || now.command == comStmtBulk}
	switch p[0] {
	case replyOK:
		if now.command == comResetConnection {
			c.hasLast = c.preparing()
			c.tracked = Tracked{Schema: c.tracked.Schema, Changes: c.tracked.Changes + 1}
		}
		if err := c.finish(p); err != nil || !c.refused {
			return true, err
		}
		c.refused = false
		return true, ErrInfileRefused
	case replyInfile:
		return false, c.sendFile()
	}
	if now.command != comQuery && now.command != comStmtExecute && now.command != comStmtBulk {
		return false, broken("rows came where there can be none")
	}
	cur := cursor{b: p}
	n := cur.lenenc()
	told := true
	if c.caps&CapCacheMetadata != 0 {
		told = cur.u8() != 0
	}
	switch {
	case cur.bad || n == 0 || n > 1<<16-1:
		return false, broken("a result has an impossible number of columns")
	case told:
		c.count, c.cols, c.state = int(n), make([]Column, 0, min(n, 32)), columns
	default:
		if now.stmt == nil || c.further || len(now.stmt.told) != int(n) {
			return false, broken("a result leaves out columns that were never told")
		}
		c.cols, c.state = now.stmt.told, rows
	}
	return false, nil
}

// tellColumns gives the columns to the result, and to the statement: what was told last is what the server leaves out next.
func (c *Conn) tellColumns() {
	c.result.Columns = c.cols
	if now := &c.pending[0]; now.stmt != nil && !c.further {
		now.stmt.told = c.cols
		if now.command == comStmtExecute {
			now.stmt.Columns = c.cols
		}
	}
	c.cols = nil
}

func (c *Conn) addColumn(p []byte) error {
	col, err := parseColumn(p, c.caps&CapExtendedMetadata != 0)
	c.cols = append(c.cols, col)
	return err
}

// ReadRow returns the next row of the result that ReadResult returned, valid until the next read; nil after the last, when
// Result.OK and More are filled. It allocates nothing, but where a row is longer than all before. SplitText reads a row of
// the text protocol, package value one of the binary protocol. With a *ServerError the answer is over.
func (c *Conn) ReadRow() ([]byte, error) {
	if c.failed != nil {
		return nil, c.failed
	}
	if c.state != rows {
		return nil, ErrNotAwaited
	}
	p, err := c.read()
	if err != nil {
		return nil, err
	}
	if p[0] == replyEOF && len(p) < maxFrame {
		if err := c.finish(p); err != nil {
			return nil, c.fail(err)
		}
		return nil, nil
	}
	if c.result.Binary && p[0] != 0 {
		return nil, c.fail(broken("a row doesn't begin as one"))
	}
	return p, nil
}

// finish reads the OK, or end of rows, with which a result ends, and looks whether another follows.
func (c *Conn) finish(p []byte) error {
	var ok OK
	var err error
	if p[0] == replyEOF && c.caps&CapDeprecateEOF == 0 {
		ok, err = parseEOF(p)
	} else {
		ok, err = parseOK(p, c.caps&CapSessionTrack != 0, &c.tracked)
	}
	if err != nil {
		return err
	}
	c.status = ok.Status
	c.result.OK, c.result.More = ok, ok.Status&StatusMoreResults != 0
	if c.result.More {
		c.state, c.further = head, true
	} else {
		c.over()
	}
	return nil
}

// over takes the answer that has been read from those that are awaited.
func (c *Conn) over() {
	n := copy(c.pending, c.pending[1:])
	c.pending[n] = pending{}
	c.pending = c.pending[:n]
	c.flushed--
	c.state, c.cols, c.prep = idle, nil, nil
}

// read returns the next packet of an answer, which isn't empty and no error packet: that becomes a *ServerError.
func (c *Conn) read() ([]byte, error) {
	for {
		p, unasked, err := c.in.packet()
		switch {
		case err != nil:
			return nil, c.fail(err)
		case len(p) == 0:
			return nil, c.fail(broken("a packet is empty"))
		case p[0] != replyError:
			return p, nil
		case isProgress(p): // not asked for; harmless
			continue
		}
		failure, err := parseError(p)
		if err != nil {
			return nil, c.fail(err)
		}
		if unasked {
			return nil, c.fail(failure)
		}
		failed := c.pending[0]
		c.over()
		if failed.command == comStmtPrepare && !c.preparing() {
			c.hasLast = c.hasLast && failed.older
		}
		if c.refused {
			c.refused = false
			return nil, ErrInfileRefused
		}
		return nil, failure
	}
}

// ReadPrepared reads the answer to SendPrepare: page com_stmt_prepare#com_stmt_prepare_ok. With a *ServerError the
// answer is over, and that to an execution sent along still has to be read.
func (c *Conn) ReadPrepared() (*Stmt, error) {
	if c.failed != nil {
		return nil, c.failed
	}
	if c.state == idle {
		if c.flushed == 0 || c.pending[0].command != comStmtPrepare {
			return nil, ErrNotAwaited
		}
		c.state, c.in.seq = prepHead, c.pending[0].seq
	}
	for c.state >= prepHead {
		p, err := c.read()
		if err != nil {
			return nil, err
		}
		switch c.state {
		case prepHead:
			err = c.prepareHead(p)
		case prepParams, prepColumns:
			err = c.addColumn(p)
		default:
			_, err = parseEOF(p)
		}
		if err != nil {
			return nil, c.fail(err)
		}
		if st := c.prepareNext(); st != nil {
			c.over()
			c.lastID = st.ID
			if len(c.pending) > 0 && c.pending[0].command == comStmtExecute && c.pending[0].stmt == nil {
				c.pending[0].stmt = st
			}
			return st, nil
		}
	}
	return nil, ErrNotAwaited
}

// prepareHead reads the first packet of a prepare's answer. The number of columns waits in count for those of the
// parameters.
func (c *Conn) prepareHead(p []byte) error {
	cur := cursor{b: p}
	if cur.u8() != replyOK {
		return broken("a prepare is answered by something else")
	}
	c.prep = &Stmt{ID: cur.u32()}
	c.prepCols, c.count = int(cur.u16()), int(cur.u16())
	cur.u8()
	c.prep.Warnings = cur.u16()
	if cur.bad {
		return broken("a prepare's answer ends early")
	}
	return nil
}

// prepareNext goes to what follows the packet just read, and returns the statement where nothing does.
func (c *Conn) prepareNext() *Stmt {
	withEOF := c.caps&CapDeprecateEOF == 0
	for {
		switch c.state {
		case prepHead:
			c.state, c.cols = prepParams, make([]Column, 0, min(c.count, 32))
		case prepParams:
			if len(c.cols) < c.count {
				return nil
			}
			c.state = prepParamsEOF
			if withEOF && c.count > 0 {
				return nil
			}
		case prepParamsEOF:
			c.prep.Params, c.count = c.cols, c.prepCols
			c.state, c.cols = prepColumns, make([]Column, 0, min(c.count, 32))
		case prepColumns:
			if len(c.cols) < c.count {
				return nil
			}
			c.state = prepColumnsEOF
			if withEOF && c.count > 0 {
				return nil
			}
		default:
			c.prep.Columns, c.prep.told = c.cols, c.cols
			return c.prep
		}
	}
}

// Drain reads all awaited answers to their end and drops them, the server's errors included; statements that were prepared
// are closed by the next Flush. Its error is a time-out, after which it can be called again, or what ended the connection.
func (c *Conn) Drain() error {
	var failure *ServerError
	for c.flushed > 0 {
		c.pending[0].infile = nil
		var err error
		switch {
		case c.state == rows:
			_, err = c.ReadRow()
		case c.pending[0].command == comStmtPrepare:
			var st *Stmt
			if st, err = c.ReadPrepared(); err == nil {
				c.SendCloseStmt(st.ID)
			}
		default:
			_, err = c.ReadResult()
		}
		if err != nil && (c.failed != nil || !errors.As(err, &failure) && !errors.Is(err, ErrInfileRefused)) {
			return err
		}
	}
	return c.failed
}
