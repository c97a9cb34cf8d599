package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A setting is a parameter that every engine's URL may have: of the pool, or of a call.
type setting struct {
	key   string
	field func(*Config) any // *int, *time.Duration or *bool
	least int               // of an int
	off   offRule
	about string // for the schema of the file
}

// offRule says how a setting is switched off.
type offRule uint8

const (
	never   offRule = iota
	byWord          // by "off"; 0 could mean two things and is refused
	byWord0         // by "off" or 0
)

// settings are all of them, in the order in which they are written.
func settings() [13]setting {
	return [...]setting{
		{key: "max_open_conns", field: func(c *Config) any { return &c.MaxOpenConns }, least: 1,
			about: "connections at most"},
		{key: "max_idle_conns", field: func(c *Config) any { return &c.MaxIdleConns }, off: byWord0,
			about: "idle connections kept at most; off keeps none"},
		{key: "min_conns", field: func(c *Config) any { return &c.MinConns },
			about: "connections kept open even when idle"},
		{key: "conn_max_lifetime", field: func(c *Config) any { return &c.ConnMaxLifetime }, off: byWord0,
			about: "a connection older than this is closed once it is idle; or off"},
		{key: "conn_max_idle_time", field: func(c *Config) any { return &c.ConnMaxIdleTime }, off: byWord0,
			about: "a connection that was idle for this long is closed; or off"},
		{key: "acquire_timeout", field: func(c *Config) any { return &c.AcquireTimeout }, off: byWord0,
			about: "longest wait for a connection; off waits as long as the context"},
		{key: "leak_threshold", field: func(c *Config) any { return &c.LeakThreshold }, off: byWord0,
			about: "a connection held longer than this is reported; or off"},
		{key: "timeout", field: func(c *Config) any { return &c.Timeout }, off: byWord0,
			about: "of one call with all its attempts, where the context has no earlier deadline; or off"},
		{key: "slow_threshold", field: func(c *Config) any { return &c.SlowThreshold }, off: byWord,
			about: "a call that took longer is logged as slow; or off"},
		{key: "retry_attempts", field: func(c *Config) any { return &c.RetryAttempts }, least: 1,
			about: "attempts in all: 1 never repeats"},
		{key: "retry_base_delay", field: func(c *Config) any { return &c.RetryBaseDelay },
			about: "the longest first pause; it doubles with each attempt"},
		{key: "retry_max_delay", field: func(c *Config) any { return &c.RetryMaxDelay },
			about: "the longest pause of all"},
		{key: "read_only", field: func(c *Config) any { return &c.ReadOnly },
			about: "refuse to write"},
	}
}

// findSetting returns false for what isn't a setting.
func findSetting(key string) (setting, bool) {
	for _, s := range settings() {
		if s.key == key {
			return s, true
		}
	}
	return setting{}, false
}

// set puts the value that text says into c, or returns what is wrong with it.
func (s setting) set(c *Config, text string) (problem, hint string) {
	switch field := s.field(c).(type) {
	case *int:
		if s.off == byWord0 && (text == "off" || text == "0") {
			*field = Off
			return "", ""
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return "isn't a whole number", ""
		}
		if n < s.least {
			return fmt.Sprintf("is less than %d", s.least), ""
		}
		*field = n
	case *time.Duration:
		if s.off != never && text == "off" {
			*field = Off
			return "", ""
		}
		d, err := time.ParseDuration(text)
		switch {
		case err != nil && isDigits(text):
			return "has no unit", "write 5s, 200ms or 1h30m"
		case err != nil:
			return "isn't a duration", "write it as 5s, 200ms or 1h30m"
		case d == 0 && s.off == byWord0:
			d = Off
		case d <= 0 && s.off != never:
			return "isn't longer than nothing", "off switches it off, and 1ns is the shortest"
		case d <= 0:
			return "isn't longer than nothing", ""
		}
		*field = d
	case *bool:
		b, ok := parseBool(text)
		if !ok {
			return "is neither true nor false", "write true or false"
		}
		*field = b
	}
	return "", ""
}

// value returns the value that c has, nil where it says nothing.
func (s setting) value(c *Config) any {
	switch field := s.field(c).(type) {
	case *int:
		if *field != 0 {
			return *field
		}
	case *time.Duration:
		if *field != 0 {
			return *field
		}
	case *bool:
		if *field {
			return true
		}
	}
	return nil
}

// text returns what set takes to come to the value that c has, "" where it says nothing.
func (s setting) text(c *Config) string {
	switch v := s.value(c).(type) {
	case int:
		if v < 0 && s.off != never {
			return "off"
		}
		return strconv.Itoa(v)
	case time.Duration:
		if v < 0 && s.off != never {
			return "off"
		}
		return durationText(v)
	case bool:
		return "true"
	}
	return ""
}

// copy gives c the value of from.
func (s setting) copy(c, from *Config) {
	switch field := s.field(c).(type) {
	case *int:
		*field = *s.field(from).(*int)
	case *time.Duration:
		*field = *s.field(from).(*time.Duration)
	case *bool:
		*field = *s.field(from).(*bool)
	}
}

// durationText is Duration.String in ASCII and without the empty units at its end: 30m instead of 30m0s.
func durationText(d time.Duration) string {
	s := strings.Replace(d.String(), "µ", "u", 1)
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "on", "yes", "1":
		return true, true
	case "false", "off", "no", "0":
		return false, true
	}
	return false, false
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
