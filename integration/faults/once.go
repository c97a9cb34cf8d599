package main

import (
	"context"

	"github.com/plinthdb/plinth"
)

func onceTrials() []trial { return nil }

func childOnce(ctx context.Context, e *plinth.Engine, first, last int64) int { return 1 }
