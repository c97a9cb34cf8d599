package sqltext

// Arguments matches a call's arguments with the placeholders of a statement that isn't SQL, by the rules of SQL's. It is
// safe for use by many goroutines.
type Arguments struct{ b binder }

// NewArguments returns the arguments of a statement with so many ? placeholders or, if there are names, with :name
// placeholders in the order of their slots.
func NewArguments(n int, names []string) *Arguments {
	a := &Arguments{binder{d: &Dialect{}, takes: n, names: names, style: '?'}}
	if names != nil {
		a.b.style = ':'
	}
	return a
}

// Values returns one value a placeholder or name: args itself where they have no names. Errors are faults of kind Argument.
func (a *Arguments) Values(args []any) ([]any, error) {
	if a.b.names != nil {
		return a.b.byName(args)
	}
	return args, a.b.positional(args)
}
