//go:build !linux

package sqlite

import "errors"

func commitBeyondLimit(mode, path string) error { return errors.ErrUnsupported }
