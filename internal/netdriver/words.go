package netdriver

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Readers of the values of a URL's parameters. An error shows no value, for a URL that is taken apart wrongly may have a password in
// any place.

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
