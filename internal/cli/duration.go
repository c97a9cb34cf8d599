package cli

import (
	"fmt"
	"strconv"
	"time"
)

// duration is a flag's value.
type duration time.Duration

// UnmarshalText reads "1m30s", as time.ParseDuration does.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		if _, nerr := strconv.ParseFloat(string(text), 64); nerr == nil {
			return fmt.Errorf("%s lacks a unit, give one: %[1]ss, %[1]sms or %[1]sm", text)
		}
		return fmt.Errorf("%q is no duration: 5s, 500ms and 1m30s are", text)
	}
	if v < 0 {
		return fmt.Errorf("a duration can't be negative, as %s is", text)
	}
	*d = duration(v)
	return nil
}
