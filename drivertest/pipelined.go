package drivertest

import "github.com/plinthdb/plinth/driver"

// alwaysInBatches returns an opener whose engine has batches run what it can, also for a caller who is alone.
func alwaysInBatches(open driver.Opener) driver.Opener {
	return func(h driver.Host) (driver.Backend, error) {
		b, err := open(h)
		if err != nil {
			return nil, err
		}
		batcher, ok := b.(driver.Batcher)
		if !ok {
			return b, nil
		}
		if tokens, ok := b.(driver.Tokens); ok {
			return struct {
				always
				driver.Tokens
			}{always{b, batcher}, tokens}, nil
		}
		return always{b, batcher}, nil
	}
}

// always is a backend that an engine with Options.Pipeline asks for batches even for a single caller.
type always struct {
	driver.Backend
	driver.Batcher
}

// BatchesAlways says so.
func (always) BatchesAlways() {}
