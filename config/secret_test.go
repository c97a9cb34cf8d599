package config

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"
)

const hunter = "QZXJ7-WKVY-ßü"

// hides fails if a piece of four characters of the secret shows in the output, as it is or in hexadecimal.
func hides(t *testing.T, what, output, secret string) {
	t.Helper()
	for i := range len(secret) - 3 {
		piece := secret[i : i+4]
		for _, form := range []string{piece, fmt.Sprintf("%x", piece), fmt.Sprintf("%X", piece), fmt.Sprintf("%d", []byte(piece))} {
			if strings.Contains(output, strings.Trim(form, "[]")) {
				t.Errorf("%s shows %q of the secret: %s", what, form, output)
				return
			}
		}
	}
}

// holders are the ways in which a value can hold a Secret, whatever its own type does about printing.
func holders(s Secret) []any {
	type exported struct{ S Secret }
	type unexported struct{ s Secret }
	type pointer struct{ p *Secret }
	type deep struct {
		m map[string]Secret
		l []Secret
		a [1]Secret
		i any
		e exported
		u *unexported
		f fmt.Stringer
		c chan Secret
	}
	return []any{
		s, &s, []Secret{s}, [1]Secret{s}, map[string]Secret{"k": s}, any(s),
		exported{s}, &exported{s}, unexported{s}, &unexported{s}, pointer{&s}, &pointer{&s}, struct{ Secret }{s},
		deep{
			m: map[string]Secret{"k": s}, l: []Secret{s}, a: [1]Secret{s}, i: s, e: exported{s}, u: &unexported{s},
			f: s, c: make(chan Secret, 1),
		},
		Config{Password: s}, &Config{Password: s}, struct{ c Config }{Config{Password: s}},
		Params{}.Set("key", s.Reveal()), struct{ p Params }{Params{}.Set("key", s.Reveal())},
		Config{Params: Params{}.Set("key", s.Reveal())}, errors.Join(fmt.Errorf("no: %v", s)),
		fmt.Errorf("no: %w", &FieldError{Key: "password", Problem: "is wrong"}),
	}
}

func TestSecretHidesFromEveryVerbInEveryHolder(t *testing.T) {
	t.Parallel()
	for _, holder := range holders(NewSecret(hunter)) {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "40", ".3", "#40.10"} {
				format := "%" + flags + string(verb)
				hides(t, fmt.Sprintf("%s of %T", format, holder), fmt.Sprintf(format, holder), hunter)
			}
		}
		hides(t, "Sprint", fmt.Sprint(holder), hunter)
	}
}

func TestSecretPrintsAWordInItsPlace(t *testing.T) {
	t.Parallel()
	full, empty := NewSecret(hunter), NewSecret("")
	for format, want := range map[string][2]string{
		"%v": {"[redacted]", ""}, "%+v": {"[redacted]", ""}, "%s": {"[redacted]", ""}, "%x": {"[redacted]", ""},
		"%q": {`"[redacted]"`, `""`}, "%#v": {`"[redacted]"`, `""`}, "%d": {"[redacted]", ""},
	} {
		if got := fmt.Sprintf(format, full); got != want[0] {
			t.Errorf("%s: got %s, want %s", format, got, want[0])
		}
		if got := fmt.Sprintf(format, empty); got != want[1] {
			t.Errorf("%s of the empty one: got %s, want %s", format, got, want[1])
		}
	}
	if full.Reveal() != hunter || empty.Reveal() != "" || (Secret{}).Reveal() != "" {
		t.Error("Reveal doesn't give back what was hidden")
	}
	if full.IsZero() || !empty.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestSecretHidesFromEncodersAndLogs(t *testing.T) {
	t.Parallel()
	s := NewSecret(hunter)
	type open struct {
		S    Secret
		P    *Secret
		L    []Secret
		M    map[string]Secret
		C    Config
		Zero Secret `json:",omitzero"`
	}
	value := open{S: s, P: &s, L: []Secret{s}, M: map[string]Secret{"k": s}, C: Config{
		Engine: PostgreSQL, Password: s, Params: Params{}.Set("key", hunter).Set("sslmode", "require"),
	}}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	hides(t, "JSON", string(text), hunter)
	if n := strings.Count(string(text), `"[redacted]"`); n != 5 {
		t.Errorf("JSON has %d places that say [redacted], want 5: %s", n, text)
	}
	if !strings.Contains(string(text), `"Params":"key=[redacted]\u0026sslmode=require"`) || strings.Contains(string(text), "Zero") {
		t.Errorf("JSON: %s", text)
	}
	if text, err = json.Marshal(value.C.Map()); err != nil {
		t.Fatal(err)
	}
	hides(t, "JSON of the map", string(text), hunter)

	type named struct{ S Secret }
	if text, err = xml.Marshal(named{s}); err != nil {
		t.Fatal(err)
	}
	hides(t, "XML", string(text), hunter)

	var b bytes.Buffer
	_ = gob.NewEncoder(&b).Encode(s) // it can't encode a Secret, and may say so
	hides(t, "gob", b.String(), hunter)

	b.Reset()
	if err := template.Must(template.New("").Parse(`{{.S}} {{printf "%x" .S}} {{.C}}`)).Execute(&b, value); err != nil {
		t.Fatal(err)
	}
	hides(t, "a template", b.String(), hunter)

	for _, yaml := range []interface{ MarshalYAML() (any, error) }{s, value.C.Params} {
		got, err := yaml.MarshalYAML()
		hides(t, "YAML", fmt.Sprint(got, err), hunter)
	}

	b.Reset()
	for _, h := range []slog.Handler{slog.NewJSONHandler(&b, nil), slog.NewTextHandler(&b, nil)} {
		for _, holder := range append(holders(s), value, value.C.Params) {
			slog.New(h).Info("look", "v", holder, slog.Group("g", "v", holder))
		}
	}
	hides(t, "slog", b.String(), hunter)
}

func TestSecretHidesFromReflection(t *testing.T) {
	t.Parallel()
	for _, holder := range holders(NewSecret(hunter)) {
		var b strings.Builder
		walk(&b, reflect.ValueOf(holder), 0)
		hides(t, fmt.Sprintf("a walk through %T", holder), b.String(), hunter)
	}
}

// walk prints whatever reflect reaches, exported or not, through pointers too, as spew, go-cmp's reporter and debuggers'
// printers do.
func walk(b *strings.Builder, v reflect.Value, depth int) {
	if depth > 20 {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			walk(b, v.Field(i), depth+1)
		}
	case reflect.Pointer, reflect.Interface:
		walk(b, v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(b, v.Index(i), depth+1)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			walk(b, it.Key(), depth+1)
			walk(b, it.Value(), depth+1)
		}
	case reflect.Invalid:
	default:
		fmt.Fprintf(b, "%v %s ", v, v)
	}
}

func TestSecretEqual(t *testing.T) {
	t.Parallel()
	a, b := NewSecret("one"), NewSecret("o"+"ne")
	if !a.Equal(b) || a.Equal(NewSecret("two")) || a.Equal(Secret{}) || !(Secret{}).Equal(NewSecret("")) {
		t.Error("Equal is wrong")
	}
	if reflect.TypeFor[Secret]().Comparable() {
		t.Error("== would compare something that isn't the secret")
	}
}

// TestSecretHidesFromPanics runs itself once more for each holder, and panics there.
func TestSecretHidesFromPanics(t *testing.T) {
	t.Parallel()
	s := NewSecret(hunter)
	values := []any{s, &s, Config{Engine: PostgreSQL, Password: s}, struct{ s Secret }{s}, fmt.Errorf("no: %v", s), []Secret{s}}
	const key = "PLINTH_TEST_PANIC"
	if i := slices.Index([]string{"0", "1", "2", "3", "4", "5"}, os.Getenv(key)); i >= 0 {
		panic(values[i])
	}
	for i := range values {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecretHidesFromPanics$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", key, i), "GOTRACEBACK=all")
		output, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(output), "panic: ") {
			t.Fatalf("%T didn't panic: %v\n%s", values[i], err, output)
		}
		hides(t, fmt.Sprintf("a panic with %T", values[i]), string(output), hunter)
	}
}
