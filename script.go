package plinth

import (
	"context"
	"fmt"
	"io"

	"github.com/plinthdb/plinth/driver"
)

// ExecuteScript runs the statements of a script one by one on a connection of its own, each in a transaction of its own:
// in Tx.ExecuteScript they are all part of that one. It reads as it goes, so a script may be of any size. At the first
// that fails it stops, and the error names the line where that one begins; those before it were applied. What a
// SELECT in it returns is thrown away. BEGIN and COMMIT in it are refused, as they are in Execute.
func (e *Engine) ExecuteScript(ctx context.Context, script io.Reader) error {
	return e.With(ctx, func(conn *Conn) error { return conn.ExecuteScript(ctx, script) })
}

// ExecuteScript runs the statements of a script one by one: see Engine.ExecuteScript.
func (p *place) ExecuteScript(ctx context.Context, script io.Reader) error {
	splitter, ok := p.eng.state.Load().backend.(driver.Splitter)
	if !ok {
		return p.eng.usage(ErrUnsupported, "script", "%s has no scripts", p.eng.state.Load().info.Engine)
	}
	for st, err := range splitter.Split(script) {
		if err != nil {
			return final(p.eng.failed("script", nil, err, false, false))
		}
		if _, err := p.Execute(ctx, st.Text); err != nil {
			return fmt.Errorf("script, line %d: %w", st.Line, err)
		}
	}
	return nil
}
