package cli

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// argument turns an ARG of the command line into what is bound for it: a JSON number, true, false or null into that,
// anything else into text. A number without fraction and exponent is exact: an int64, or beyond that the text of
// its digits.
func argument(s string) any {
	switch s {
	case "null":
		return nil
	case "true":
		return true
	case "false":
		return false
	}
	if !isNumber(s) {
		return s
	}
	if !strings.ContainsAny(s, ".eE") {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
		return s
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	return s // beyond float64
}

// arguments returns what is bound for each ARG.
func arguments(list []string, value func(arg string) any) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = value(strings.TrimPrefix(s, negative))
	}
	return out
}

// asIs is what an ARG is with --text.
func asIs(arg string) any { return arg }

// isNumber reports whether s is a number as JSON writes it.
func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && s == strings.TrimSpace(s) && json.Valid([]byte(s))
}

// negative marks an ARG that is a negative number, so that kong doesn't take it for a flag. The shell can't pass a zero
// byte, so nothing else has it.
const negative = "\x00"

// markNegatives marks negative numbers. -1 is a flag where there's a script for it.
func markNegatives(args []string) []string {
	script := slices.ContainsFunc(args, func(s string) bool {
		return strings.HasPrefix(s, "-f") || s == "--file" || strings.HasPrefix(s, "--file=")
	})
	out := slices.Clone(args)
	for i, s := range out {
		if strings.HasPrefix(s, "-") && isNumber(s) && (s != "-1" || !script) {
			out[i] = negative + s
		}
	}
	return out
}
