package netdriver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/names"
)

// Params are the parameters of a database's URLs, by name, each with what reads its value into the options. An error shows no value,
// for a URL that is taken apart wrongly may have a password in any place.
type Params[O any] map[string]func(o *O, value string) error

// Read reads the value of the parameter that is called so, and reports whether there is one. name is how the URL calls it.
func (p Params[O]) Read(o *O, called, name, value string) (is bool, err error) {
	read := p[called]
	if read == nil {
		return false, nil
	}
	if err := read(o, value); err != nil {
		return true, driver.Faultf(driver.Argument, "the parameter %s: %w", name, err)
	}
	return true, nil
}

// Refuse is asked about a name that isn't a parameter's, but may be a setting of the session's. It returns an error if it's one of
// the foreign names, which say what to write in their place, or looks like a parameter's with a slip of the pen. One with a dot
// in it is an extension's.
func (p Params[O]) Refuse(name string, foreign map[string]string) error {
	hint, is := foreign[name]
	if !is {
		near := p.nearest(name)
		if near == "" {
			return nil
		}
		hint = "did you mean " + near + "?"
	}
	f := driver.Faultf(driver.Argument, "the parameter %s isn't one of a connection here", name)
	f.Hint = hint
	return f
}

// nearest returns the parameter that name is most likely a slip of the pen for, or "".
func (p Params[O]) nearest(name string) (near string) {
	if strings.Contains(name, ".") {
		return ""
	}
	least := 3
	for _, known := range slices.Sorted(maps.Keys(p)) {
		if d := names.Distance(strings.ToLower(name), known); d < least && d <= len(known)/4 {
			near, least = known, d
		}
	}
	return near
}

// Choice takes one of the values, in any case, or any if none is listed. set may be nil.
func Choice[O any](set func(*O, string), values ...string) func(*O, string) error {
	return func(o *O, value string) error {
		i := slices.IndexFunc(values, func(v string) bool { return strings.EqualFold(v, value) })
		switch {
		case i >= 0:
			value = values[i]
		case len(values) > 0:
			return fmt.Errorf("only %s can be done", strings.Join(values, " or "))
		}
		if set != nil {
			set(o, value)
		}
		return nil
	}
}

// Text takes any value.
func Text[O any](field func(*O) *string) func(*O, string) error {
	return func(o *O, value string) error {
		*field(o) = value
		return nil
	}
}

// Truth takes true and false, and other words for them.
func Truth[O any](set func(*O, bool)) func(*O, string) error {
	return func(o *O, value string) error {
		switch strings.ToLower(value) {
		case "true", "on", "yes", "1":
			set(o, true)
		case "false", "off", "no", "0":
			set(o, false)
		default:
			return errors.New("write true or false")
		}
		return nil
	}
}

// Number takes a whole number from 0 on.
func Number[O any](set func(*O, int)) func(*O, string) error {
	return func(o *O, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return errors.New("write a whole number")
		}
		set(o, n)
		return nil
	}
}

// Seconds takes a number of seconds, or a duration.
func Seconds[O any](set func(*O, time.Duration)) func(*O, string) error {
	return func(o *O, value string) error {
		d, err := time.ParseDuration(value)
		if n, notSeconds := strconv.ParseFloat(value, 64); notSeconds == nil && n > -1<<30 && n < 1<<30 {
			d, err = time.Duration(n*float64(time.Second)), nil
		}
		if err != nil {
			return errors.New("write a number of seconds, or a duration such as 500ms")
		}
		set(o, d)
		return nil
	}
}
