package pool

import (
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestObserveCountsByUpperBound(t *testing.T) {
	t.Parallel()
	var h Histogram
	for _, d := range []time.Duration{0, 100 * time.Microsecond, 100*time.Microsecond + 1, 5 * time.Second, 5*time.Second + 1, time.Hour} {
		h.Observe(d)
	}
	if want := (Histogram{0: 2, 1: 1, 9: 1, 10: 2}); h != want || h.Count() != 6 {
		t.Errorf("got %v", h)
	}
}

func TestATotalHasEachNumberOfEachPool(t *testing.T) {
	t.Parallel()
	larger := []string{"Generation", "Breaker"} // of the two
	var a, b Stats
	va, vb := reflect.ValueOf(&a).Elem(), reflect.ValueOf(&b).Elem()
	for i := range va.NumField() {
		switch f := va.Field(i); f.Kind() { //nolint:exhaustive // the others are handled below
		case reflect.Int, reflect.Int64:
			f.SetInt(1)
			vb.Field(i).SetInt(2)
		case reflect.Uint8, reflect.Uint64:
			f.SetUint(1)
			vb.Field(i).SetUint(2)
		}
	}
	a.WaitHistogram[3], b.WaitHistogram[3], b.WaitHistogram[4] = 1, 2, 5
	for _, sum := range []func() Stats{
		func() Stats { s := a; s.Add(b); return s },
		func() Stats { s := b; s.Add(a); return s },
	} {
		got := sum()
		for i := range va.NumField() {
			name := va.Type().Field(i).Name
			f := reflect.ValueOf(got).Field(i)
			want := int64(3)
			if slices.Contains(larger, name) {
				want = 2
			}
			if f.CanInt() && f.Int() != want || f.CanUint() && f.Uint() != uint64(want) {
				t.Errorf("%s is %v, want %d", name, f, want)
			}
		}
		if got.WaitHistogram != (Histogram{3: 3, 4: 5}) {
			t.Errorf("%+v", got)
		}
	}
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	for _, of := range [][2]time.Time{{early, late}, {late, early}, {early, {}}, {{}, early}} {
		s := Stats{DownSince: of[0], OldestHeldSince: of[0]}
		if s.Add(Stats{DownSince: of[1], OldestHeldSince: of[1]}); s.DownSince != early || s.OldestHeldSince != early {
			t.Errorf("of %v: down since %v, held since %v", of, s.DownSince, s.OldestHeldSince)
		}
	}
}

func TestOpenedIsWhenTheDialEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: time.Second}
		p := newPool(t, far, Options{})
		c := acquire(t, p)
		want := time.Now()
		pass(time.Minute)
		if !c.Opened().Equal(want) {
			t.Errorf("got %v, want %v", c.Opened(), want)
		}
		c.Release()
		drain(t, p, far)
	})
}
