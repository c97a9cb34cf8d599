package scan

import (
	"reflect"
	"strconv"
	"sync"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

func TestCacheGivesTheSamePlanForTheSameTypeAndColumns(t *testing.T) {
	t.Parallel()
	var c Cache
	get := func(typ reflect.Type, cols []driver.Column) *Plan {
		p, err := c.Plan(typ, cols)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	artist, cols := reflect.TypeFor[Artist](), columns("id", "name")
	p := get(artist, cols)
	if get(artist, cols) != p || get(artist, columns("id", "name")) != p {
		t.Error("the plan was compiled again")
	}
	if get(artist, columns("ID", "name")) == p || get(reflect.TypeFor[*Artist](), cols) == p || get(artist, columns("name", "id")) == p {
		t.Error("the plan is used for another type or other columns")
	}
	if get(artist, cols[:2:2]) != p {
		t.Error("part of the same slice isn't found by its names")
	}
}

func TestCacheDoesNotTakePartOfASliceForTheWhole(t *testing.T) {
	t.Parallel()
	var c Cache
	cols := columns("id", "name")
	for n := 1; n <= 2; n++ {
		p, err := c.Plan(reflect.TypeFor[map[string]any](), cols[:n])
		if err != nil || len(p.names) != n {
			t.Fatalf("got a plan for %v, %v; want %d columns", p.names, err, n)
		}
	}
}

func TestCacheDoesNotKeepFailures(t *testing.T) {
	t.Parallel()
	var c Cache
	for range 3 {
		if _, err := c.Plan(reflect.TypeFor[Artist](), columns("id")); err == nil {
			t.Fatal("no error")
		}
		if _, err := c.Plan(reflect.TypeFor[Artist](), nil); err == nil {
			t.Fatal("no error without columns")
		}
	}
	if kept, _ := c.types.Load(reflect.TypeFor[Artist]()); kept.(*plans).list.Load() != nil {
		t.Error("a failure was kept")
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c Cache
	typ := reflect.TypeFor[map[string]any]()
	for i := range 10 * maxPerType {
		if _, err := c.Plan(typ, columns("c"+strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	kept, _ := c.types.Load(typ)
	if n := len(*kept.(*plans).list.Load()); n != maxPerType {
		t.Errorf("%d plans of one type are kept, want %d", n, maxPerType)
	}
	for i := range 3 * maxTypes {
		if _, err := c.Plan(reflect.ArrayOf(i, reflect.TypeFor[byte]()), columns("c")); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	c.types.Range(func(any, any) bool { n++; return true })
	if n > maxTypes {
		t.Errorf("%d types are kept, want at most %d", n, maxTypes)
	}
}

func TestCacheIsSafeForManyGoroutines(t *testing.T) {
	t.Parallel()
	var c Cache
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				cols := columns("id", "name", "c"+strconv.Itoa((g+i)%(2*maxPerType)))
				p, err := c.Plan(reflect.TypeFor[map[string]any](), cols)
				if err != nil || p.names[2] != cols[2].Name {
					t.Errorf("got a plan for %v, %v; want %v", p.names, err, cols)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestFindingAPlanTakesNoMemory(t *testing.T) {
	var c Cache
	typ := reflect.TypeFor[track]()
	other := columns("TrackId", "Name", "Milliseconds", "UnitPrice", "AddedAt")
	for _, cols := range [][]driver.Column{trackCols, other} {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := c.Plan(typ, cols); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	}
}
