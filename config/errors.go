package config

import (
	"errors"
	"iter"
	"strings"

	"github.com/plinthdb/plinth/internal/names"
)

// FieldError is one thing that is wrong with a configuration. What this package returns is an errors.Join of all of
// them; errors.As finds the first. Its text names things and shows no value (of a URL, the scheme at most), because a value
// in the wrong place may be a password.
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
	found  []*FieldError
	said   []string // the settings that it has, those that it sets to nothing (read_only=false) included
}

func (p *problems) add(key, problem, hint string) {
	p.found = append(p.found, &FieldError{Key: key, Source: p.source, Problem: problem, Hint: hint})
}

func (p *problems) err() error {
	list := make([]error, len(p.found))
	for i, f := range p.found {
		list[i] = f
	}
	return errors.Join(list...)
}

// didYouMean returns a hint that names the candidate most like word, "" where none is.
func didYouMean(word string, candidates iter.Seq[string]) string {
	best, least := "", 1+len(word)/3 // more edits than that, and it is another word
	for c := range candidates {
		if d := names.Distance(strings.ToLower(word), strings.ToLower(c)); d <= least && (best == "" || d < least) {
			best, least = c, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}
