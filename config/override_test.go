package config

import (
	"testing"
	"testing/fstest"
)

func TestAnOverridesNameIsLookedForWhereTheConfigWasLoadedFrom(t *testing.T) {
	t.Parallel()
	disk := files(fstest.MapFS{
		"app.yaml": shared("production:\n  primary: {url: 'sqlite:app.db'}\n  orders: {url: 'sqlite:orders.db'}\n  pg: {url: 'postgres://u@h/db'}\n"),
		"pass":     private("*:*:*:*:p\n"),
	})
	base, err := Load(t.Context(), disk, WithFile("/app.yaml"), environ("PLINTH_ENV", "production", "PGPASSFILE", "/pass", "X_DATABASE_URL", "sqlite:x.db"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(t.Context(), WithConfig(base)) // as an engine is opened with it
	if err != nil || !again.Equal(base) {
		t.Fatalf("got %s, %v", says(again), err)
	}
	under, err := base.Under(WithOverride(t.Context(), WithName("orders")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Config{base, again, under, base.WithDefaults()} {
		for name, want := range map[string]string{
			"orders": "orders.db (file /app.yaml:3)", "x": "x.db (environment X_DATABASE_URL)", "pg": "db (file /app.yaml:4)",
		} {
			got, err := c.Under(WithOverride(t.Context(), WithName(name)))
			if err != nil || from(got, "database") != want || name == "pg" && got.Password.Reveal() != "p" {
				t.Errorf("%s: got %s, %v", name, from(got, "database"), err)
			}
		}
	}
	own := WithOverride(t.Context(), WithName("x"), environ("X_DATABASE_URL", "sqlite:own.db"))
	if got, err := base.Under(own); err != nil || got.Database != "own.db" {
		t.Errorf("with an environment of its own: %s, %v", got, err)
	}
}
