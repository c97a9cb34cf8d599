package stdsql

import (
	"database/sql/driver"
	"errors"
)

// hide returns err as what database/sql doesn't take for driver.ErrBadConn: it would run the statement again, up to twice,
// though the engine has decided that this was its end, perhaps because something was applied. One can come
// from a hook, an argument's Value method or another driver underneath.
func hide(err error) error {
	if err == nil || !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return &hidden{err}
}

// hidden is an error in which driver.ErrBadConn isn't found, and everything else is.
type hidden struct{ err error }

func (h *hidden) Error() string { return h.err.Error() }

func (h *hidden) Is(target error) bool {
	return target != driver.ErrBadConn && errors.Is(h.err, target)
}

func (h *hidden) As(target any) bool { return errors.As(h.err, target) }
