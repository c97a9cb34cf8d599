package config

import (
	"errors"
	"strings"
)

// FieldError is one thing that is wrong with a configuration. What this package returns is an errors.Join of all of
// them; errors.As finds the first. Its text holds no value, because a value in the wrong place may be a password.
type FieldError struct {
	Key     string // what is wrong: "url", "port", or the name of a parameter
	Source  string // where it came from: "argument", "environment DATABASE_URL", …
	Problem string // what is wrong with it
	Hint    string // what to write instead, "" where there is nothing to say
}

// Error returns the problem in one line.
func (e *FieldError) Error() string {
	var b strings.Builder
	b.WriteString("config: ")
	b.WriteString(e.Key)
	if e.Source != "" {
		b.WriteString(" (from " + e.Source + ")")
	}
	b.WriteString(": " + e.Problem)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// problems collects what is wrong with one source, so that all of it is told at once.
type problems struct {
	source string
	found  []error
}

func (p *problems) add(key, problem, hint string) {
	p.found = append(p.found, &FieldError{Key: key, Source: p.source, Problem: problem, Hint: hint})
}

func (p *problems) err() error { return errors.Join(p.found...) }
