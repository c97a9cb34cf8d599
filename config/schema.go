package config

import (
	"bytes"
	"encoding/json"
	"time"
)

// Schema returns the JSON Schema (draft 7, which editors know) of the configuration's file, made of the tables by which the
// file is read. What it refuses, Load refuses; Load also looks into URLs, hosts and the parameters of SQLite. It is shipped
// as plinth.schema.json beside this package; an editor with a YAML language server completes a file that begins with
//
//	# yaml-language-server: $schema=https://raw.githubusercontent.com/plinthdb/plinth/main/config/plinth.schema.json
func Schema() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(fileSchema()) // maps, lists and texts can be encoded
	return b.Bytes()
}

type object = map[string]any

const namePattern = "^[A-Za-z0-9_.-]+$"

func fileSchema() object {
	return object{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"title":                "Plinth's configuration",
		"description":          "Sections, of which PLINTH_ENV chooses one (" + DefaultSection + " where it isn't set), with databases by name",
		"type":                 []string{"object", "null"},
		"propertyNames":        object{"pattern": "^(x-.*|[A-Za-z0-9_.-]+)$"},
		"patternProperties":    object{"^x-": object{"description": "for anchors; not read"}},
		"additionalProperties": object{"$ref": "#/definitions/section"},
		"definitions": object{
			"section": object{
				"description":          "Databases by name; " + primary + " is the one that is used where none is named",
				"type":                 []string{"object", "null"},
				"propertyNames":        object{"pattern": namePattern},
				"additionalProperties": object{"$ref": "#/definitions/database"},
			},
			"database": databaseSchema(),
		},
	}
}

func databaseSchema() object {
	properties, dependencies, besideURL, notOfSQLite := object{}, object{}, object{}, object{}
	known := object{"anyOf": []object{{"required": []string{"engine"}}, {"required": []string{"url"}}}}
	for _, f := range fields() {
		properties[f.key] = f.schema()
		if f.target {
			besideURL[f.key] = false
			if f.key != "engine" {
				dependencies[f.key] = []string{"engine"}
			}
			if f.kind != isBool && f.key != "engine" && f.key != "database" {
				notOfSQLite[f.key] = false
			}
		}
	}
	notOfSQLite["password"], notOfSQLite["password_file"] = false, false
	for _, s := range settings() {
		properties[s.key] = s.schema()
	}
	properties["params"] = paramsSchema()
	dependencies["other_hosts"] = []string{"engine", "host"}
	dependencies["url"] = object{"properties": besideURL}
	dependencies["password"], dependencies["params"] = known, known
	dependencies["password_file"] = object{"allOf": []object{known, {"properties": object{"password": false}}}}
	return object{
		"type":                 []string{"object", "null"},
		"properties":           properties,
		"additionalProperties": false,
		"dependencies":         dependencies,
		"if":                   object{"type": "object", "properties": object{"engine": object{"const": SQLite}}, "required": []string{"engine"}},
		"then":                 object{"required": []string{"database"}, "properties": notOfSQLite},
		"not": object{
			"type":       "object",
			"properties": object{"replica": object{"const": true}, "read_only": object{"const": false}},
			"required":   []string{"replica", "read_only"},
		},
	}
}

func (f field) schema() object {
	s := object{"description": f.about}
	switch {
	case f.key == "engine":
		s["enum"] = []Engine{SQLite, PostgreSQL, MariaDB, MongoDB}
	case f.kind == isInt:
		s["type"], s["minimum"], s["maximum"] = "integer", 1, 65535
	case f.kind == isBool:
		s["type"] = "boolean"
	case f.kind == isList:
		s["type"], s["items"] = "array", object{"type": "string"}
		s["minItems"] = 1
	default:
		s["type"] = "string"
	}
	return s
}

// durationPattern is what time.ParseDuration takes, but for the sign.
const durationPattern = `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

func (s setting) schema() object {
	var value object
	switch s.field(&Config{}).(type) {
	case *int:
		value = object{"type": "integer", "minimum": s.least}
	case *time.Duration:
		value = object{"type": "string", "pattern": durationPattern}
		if s.off != byWord0 {
			value["allOf"] = []object{{"pattern": "[1-9]"}} // not 0s
		}
	default:
		value = object{"type": "boolean"}
	}
	_, isDuration := s.field(&Config{}).(*time.Duration)
	switch {
	case s.off == byWord0 && isDuration:
		value = object{"anyOf": []object{value, {"enum": []any{"off", "0", 0}}}}
	case s.off != never:
		value = object{"anyOf": []object{value, {"enum": []any{"off"}}}}
	}
	value["description"] = s.about
	return value
}

func paramsSchema() object {
	var own []string
	for _, key := range entryKeys() {
		if key != "params" {
			own = append(own, key)
		}
	}
	return object{
		"description":   "Parameters of the database's driver, by the names that they have in a URL",
		"type":          "object",
		"propertyNames": object{"pattern": namePattern, "maxLength": 64, "not": object{"enum": own}},
		"properties": object{"readPreferenceTags": object{
			"type": []string{"string", "array"}, "items": object{"type": "string"},
		}},
		"additionalProperties": object{"type": []string{"string", "number", "boolean"}},
	}
}
