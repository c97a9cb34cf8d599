package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
)

var update = flag.Bool("update", false, "write plinth.schema.json")

func TestTheSchemaThatIsShippedIsTheLoaders(t *testing.T) {
	t.Parallel()
	const path = "plinth.schema.json"
	if *update {
		if err := os.WriteFile(path, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shipped, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(shipped, Schema()) {
		t.Errorf("%s isn't what Schema returns (%v): go test ./config -run Schema -update", path, err)
	}
}

func TestTheSchemaAndTheLoaderAgree(t *testing.T) {
	t.Parallel()
	var schema any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	entry := func(text string) string { return "development: {primary: {" + text + "}}" }
	good := []string{
		shopFile, "", "development:", "development: {}", "development: {primary: }", "x-any thing: [1, {a: b}]", "a: {b: {}, c: {timeout: 5s}}",
		entry("url: 'sqlite:x.db'"), entry("url: 'postgres://h', password: x, params: {connect_timeout: 5}"), entry("url: 'postgres://h', password_file: x"),
		entry("engine: postgres"), entry("engine: sqlite, database: x.db"), entry("engine: mariadb, host: /run/s"), entry("engine: mongodb, srv: true, host: h"),
		entry("engine: postgres, host: h, port: 65535, other_hosts: [a, 'b:1']"), entry("replica: true, read_only: true"),
		entry("replica: false, read_only: false"), entry("max_open_conns: 1, max_idle_conns: 0, min_conns: 0"), entry("max_idle_conns: off"),
		entry("timeout: off, leak_threshold: 0, acquire_timeout: '0', conn_max_lifetime: 0s"), entry("timeout: 1h2m3.5s, slow_threshold: +1us, conn_max_idle_time: .5s"),
		entry("slow_threshold: off"), entry("retry_attempts: 1, retry_base_delay: 1ns, retry_max_delay: 1s"),
		entry("engine: mongodb, params: {readPreferenceTags: ['a:1'], w: 1, tls: true, x: 1.5}"),
	}
	bad := []string{
		"x", "[]", "5", "a b: {}", "development: x", "development: [x]", "development: {a b: {}}", "development: {primary: x}", "development: {primary: []}",
		entry("x: y"), entry("engine: mysql"), entry("engine: 5"), entry("host: h"), entry("port: 1"), entry("user: u"), entry("database: d"), entry("password: x"),
		entry("password_file: x"), entry("params: {a: b}"), entry("srv: true"), entry("other_hosts: [h]"), entry("url: 'postgres://h', host: h"),
		entry("url: 'postgres://h', engine: postgres"), entry("url: 5"), entry("url: "), entry("engine: postgres, password: x, password_file: y"),
		entry("engine: postgres, password: 5"), entry("engine: sqlite"), entry("engine: sqlite, database: x, host: h"), entry("engine: sqlite, database: x, user: u"),
		entry("engine: sqlite, database: x, password: p"), entry("engine: sqlite, database: x, password_file: p"), entry("engine: sqlite, database: x, port: 1"),
		entry("engine: postgres, port: 0"), entry("engine: postgres, port: 65536"), entry("engine: postgres, port: '1'"), entry("engine: postgres, other_hosts: h"),
		entry("engine: postgres, host: h, other_hosts: [1]"), entry("engine: postgres, host: h, other_hosts: []"), entry("engine: postgres, other_hosts: [a]"), entry("replica: 1"), entry("replica: true, read_only: false"), entry("read_only: 'true'"),
		entry("max_open_conns: 0"), entry("max_open_conns: '1'"), entry("max_open_conns: off"), entry("max_open_conns: 1.5"), entry("min_conns: -1"), entry("min_conns: off"),
		entry("timeout: 5"), entry("timeout: 5 s"), entry("timeout: true"), entry("timeout: "), entry("timeout: -1s"), entry("timeout: 1.5"), entry("slow_threshold: 0"),
		entry("slow_threshold: 0s"), entry("slow_threshold: '0'"), entry("retry_base_delay: off"), entry("retry_max_delay: 0s"), entry("retry_attempts: 0"),
		entry("engine: postgres, params: {a: {}}"), entry("engine: postgres, params: {a: [b]}"), entry("engine: postgres, params: {host: h}"),
		entry("engine: postgres, params: {timeout: 5s}"), entry("engine: postgres, params: {'a b': c}"), entry("engine: postgres, params: x"), entry("engine: postgres, params: {a: }"),
	}
	for i, text := range append(slices.Clone(good), bad...) {
		want := i < len(good)
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		problem := violation(schema, schema, value)
		if (problem == "") != want {
			t.Errorf("the schema takes\n%s\nas %v: %s", text, !want, problem)
		}
		_, err := Load(t.Context(), environ("DATABASE_URL", "postgres://h"), files(fstest.MapFS{"plinth.yaml": private(text)}))
		if (err == nil) != want {
			t.Errorf("the loader takes\n%s\nas %v: %v", text, !want, err)
		}
	}
}

// violation returns what is wrong with a value, "" if nothing is. It knows the keywords of JSON Schema that the schema
// uses, and no others.
func violation(root, schema, value any) string {
	s, ok := schema.(map[string]any)
	if !ok {
		if schema == true {
			return ""
		}
		return "nothing is allowed"
	}
	m, isMap := value.(map[string]any)
	first := func(problems ...string) string {
		return strings.Join(slices.DeleteFunc(problems, func(p string) bool { return p == "" }), "; ")
	}
	all := func(list any) (problems []string) {
		for _, sub := range list.([]any) {
			problems = append(problems, violation(root, sub, value))
		}
		return problems
	}
	var found []string
	for keyword, rule := range s {
		problem := ""
		switch keyword {
		case "$schema", "title", "description", "definitions", "then", "patternProperties", "additionalProperties":
		case "$ref":
			problem = violation(root, root.(map[string]any)["definitions"].(map[string]any)[strings.TrimPrefix(rule.(string), "#/definitions/")], value)
		case "type":
			types, ok := rule.([]any)
			if !ok {
				types = []any{rule}
			}
			if !slices.ContainsFunc(types, func(name any) bool { return hasType(value, name.(string)) }) {
				problem = fmt.Sprintf("%v isn't a %v", value, rule)
			}
		case "enum":
			if !slices.ContainsFunc(rule.([]any), func(v any) bool { return sameJSON(v, value) }) {
				problem = fmt.Sprintf("%v isn't one of %v", value, rule)
			}
		case "const":
			if !sameJSON(rule, value) {
				problem = fmt.Sprintf("%v isn't %v", value, rule)
			}
		case "minimum":
			if n, ok := asNumber(value); ok && n < rule.(float64) {
				problem = "too small"
			}
		case "maximum":
			if n, ok := asNumber(value); ok && n > rule.(float64) {
				problem = "too large"
			}
		case "maxLength":
			if text, ok := value.(string); ok && len(text) > int(rule.(float64)) {
				problem = "too long"
			}
		case "pattern":
			if text, ok := value.(string); ok && !regexp.MustCompile(rule.(string)).MatchString(text) {
				problem = fmt.Sprintf("%q doesn't match %s", text, rule)
			}
		case "minItems":
			if list, ok := value.([]any); ok && len(list) < int(rule.(float64)) {
				problem = "too few"
			}
		case "items":
			list, _ := value.([]any)
			for _, item := range list {
				problem = first(problem, violation(root, rule, item))
			}
		case "propertyNames":
			for key := range m {
				problem = first(problem, violation(root, rule, key))
			}
		case "required":
			for _, key := range rule.([]any) {
				if _, ok := m[key.(string)]; isMap && !ok {
					problem = fmt.Sprintf("%v is missing", key)
				}
			}
		case "properties":
			for key, sub := range rule.(map[string]any) {
				if v, ok := m[key]; ok {
					problem = first(problem, violation(root, sub, v))
				}
			}
		case "dependencies":
			for key, sub := range rule.(map[string]any) {
				if _, ok := m[key]; !ok {
					continue
				}
				if keys, ok := sub.([]any); ok {
					sub = map[string]any{"required": keys}
				}
				problem = first(problem, violation(root, sub, value))
			}
		case "allOf":
			problem = first(all(rule)...)
		case "anyOf":
			if problems := all(rule); !slices.Contains(problems, "") {
				problem = first(problems...)
			}
		case "not":
			if violation(root, rule, value) == "" {
				problem = "is what must not be"
			}
		case "if":
			if violation(root, rule, value) == "" {
				problem = violation(root, s["then"], value)
			}
		default:
			problem = "the keyword " + keyword + " isn't known here"
		}
		found = append(found, problem)
	}
	if other, ok := s["additionalProperties"]; ok {
		properties, _ := s["properties"].(map[string]any)
		patterns, _ := s["patternProperties"].(map[string]any)
		for key, v := range m {
			_, known := properties[key]
			for pattern := range patterns { // their own schemas take anything
				known = known || regexp.MustCompile(pattern).MatchString(key)
			}
			if !known {
				found = append(found, violation(root, other, v))
			}
		}
	}
	return first(found...)
}

func hasType(value any, name string) bool {
	switch value.(type) {
	case nil:
		return name == "null"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	default:
		n, ok := asNumber(value)
		return ok && (name == "number" || name == "integer" && n == math.Trunc(n))
	}
}

func asNumber(value any) (float64, bool) {
	v := reflect.ValueOf(value)
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}

func sameJSON(a, b any) bool {
	n, ok := asNumber(a)
	m, ok2 := asNumber(b)
	if ok || ok2 {
		return ok && ok2 && n == m
	}
	return reflect.DeepEqual(a, b)
}
