package pgvalue

import "github.com/plinthdb/plinth/internal/arena"

// Arena is what the values of a result are copied into.
type Arena = arena.Arena
