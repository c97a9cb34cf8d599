package config

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"
)

// plan stands for what an engine makes of a configuration.
type plan struct {
	timeout time.Duration
	err     error
}

func planned(c Config, err error) *plan { return &plan{c.Timeout, err} }

func slower(d time.Duration) Option { return With(func(c *Config) { c.Timeout = d }) }

func loaded(t *testing.T, url string) *Config {
	t.Helper()
	c, err := Load(t.Context(), WithURL(url))
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

func TestDeriveCostsNothingWithoutAnOverrideNorWhenAskedAgain(t *testing.T) {
	base := loaded(t, "sqlite:app.db?timeout=1s")
	without, nested := t.Context(), WithOverride(WithOverride(t.Context(), slower(time.Hour)), slower(time.Minute))
	for _, tt := range []struct {
		name string
		ctx  context.Context
		want time.Duration
	}{{"without", without, 0}, {"nested", nested, time.Minute}} {
		var got *plan
		var ok bool
		ask := func() { got, ok = Derive(tt.ctx, base, planned) }
		if n := testing.AllocsPerRun(100, ask); n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
		if ok != (tt.want != 0) || ok && got.timeout != tt.want {
			t.Errorf("%s: got %v, %v", tt.name, got, ok)
		}
	}
}

func TestDeriveRemembersByBaseAndByTypeAndDropsTheOldest(t *testing.T) {
	t.Parallel()
	ctx := WithOverride(t.Context(), With(func(c *Config) { c.Timeout *= 2 }))
	runs := 0
	ask := func(base *Config) time.Duration {
		v, _ := Derive(ctx, base, func(c Config, err error) *plan { runs++; return planned(c, err) })
		return v.timeout
	}
	bases := make([]*Config, maxDerived+1)
	for i := range bases {
		bases[i] = loaded(t, fmt.Sprintf("sqlite:app.db?timeout=%ds", i+1))
		for range 2 {
			if got, want := ask(bases[i]), 2*time.Duration(i+1)*time.Second; got != want {
				t.Errorf("base %d: got %v, want %v", i, got, want)
			}
		}
	}
	if runs != len(bases) {
		t.Errorf("derived %d times for %d configurations", runs, len(bases))
	}
	for _, tt := range []struct{ base, more int }{{len(bases) - 1, 0}, {1, 0}, {0, 1}, {0, 0}, {1, 1}} {
		before := runs
		if ask(bases[tt.base]); runs-before != tt.more {
			t.Errorf("base %d was derived %d times more, want %d", tt.base, runs-before, tt.more)
		}
	}
	other, ok := Derive(ctx, bases[0], func(c Config, _ error) *string { s := c.Database; return &s })
	if !ok || *other != "app.db" {
		t.Errorf("another type got %v, %v", other, ok)
	}
}

func TestDeriveTellsTheErrorAndAsksAgain(t *testing.T) {
	t.Parallel()
	base := loaded(t, "sqlite:app.db")
	env := map[string]string{}
	ctx := WithOverride(t.Context(), WithName("x"), WithEnviron(func(name string) (string, bool) { return env[name], true }))
	if v, ok := Derive(ctx, base, planned); !ok || v.err == nil {
		t.Errorf("got %v, %v", v, ok)
	}
	env["X_DATABASE_URL"] = "sqlite:app.db?timeout=3s"
	for range 2 {
		if v, ok := Derive(ctx, base, planned); !ok || v.err != nil || v.timeout != 3*time.Second {
			t.Errorf("got %v, %v", v, ok)
		}
	}
}

func TestAllWhoDeriveAtOnceGetTheSameValue(t *testing.T) {
	t.Parallel()
	bases := []*Config{loaded(t, "sqlite:a.db"), loaded(t, "sqlite:b.db"), loaded(t, "sqlite:c.db")}
	ctx := WithOverride(t.Context(), slower(time.Minute))
	var got [len(`abc`)][100]*plan
	var wg sync.WaitGroup
	for i := range got {
		for j := range got[i] {
			wg.Go(func() { got[i][j], _ = Derive(ctx, bases[i], planned) })
		}
	}
	wg.Wait()
	for i := range got {
		for _, v := range got[i] {
			if v != got[i][0] {
				t.Fatalf("base %d has several values", i)
			}
		}
	}
	if n := len(*ctx.Value(overrideKey{}).(*override).derived.Load()); n != len(bases) {
		t.Errorf("%d are remembered", n)
	}
}

func TestADerivedValueGoesWithItsContext(t *testing.T) {
	base := loaded(t, "sqlite:app.db")
	value := func() weak.Pointer[plan] {
		v, _ := Derive(WithOverride(t.Context(), slower(time.Minute)), base, planned)
		return weak.Make(v)
	}()
	runtime.GC()
	if value.Value() != nil {
		t.Error("the value is still held")
	}
}
