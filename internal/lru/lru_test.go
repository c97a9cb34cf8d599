package lru

import (
	"slices"
	"testing"
)

func TestTheValueUsedLongestAgoIsForgotten(t *testing.T) {
	t.Parallel()
	var c Cache[string]
	c.Init(3)
	for _, v := range []string{"a", "b", "c"} {
		if oldest := c.Put("key of "+v, v); oldest != "" {
			t.Errorf("%s has driven %s out", v, oldest)
		}
	}
	if c.Get("key of b") != "b" || c.Get("key of c") != "c" || c.Get("key of a") != "a" || c.Get("key of x") != "" {
		t.Error("it has other values")
	}
	if oldest := c.Put("key of d", "d"); oldest != "b" || c.Get("key of b") != "" {
		t.Errorf("%q was driven out, want b", oldest)
	}
	if got := slices.Collect(c.All); !slices.Equal(got, []string{"d", "a", "c"}) {
		t.Errorf("it has %v", got)
	}
	for v := range c.All {
		if v != "d" {
			t.Errorf("the first is %s", v)
		}
		break
	}
	c.Clear()
	if c.Get("key of a") != "" || c.Get("key of d") != "" || c.Get("") != "" || len(slices.Collect(c.All)) != 0 {
		t.Error("something is left")
	}
	if c.Put("key of a", "e"); c.Get("key of a") != "e" {
		t.Error("it can't be used again")
	}
}

func TestOnlyTheValueThatWasPutIsRemoved(t *testing.T) {
	t.Parallel()
	var c Cache[int]
	c.Init(0) // which is one
	c.Put("a", 1)
	if c.Remove("a", 2) || c.Remove("b", 1) || c.Get("a") != 1 {
		t.Error("another one was removed")
	}
	if !c.Remove("a", 1) || c.Remove("a", 1) || c.Get("a") != 0 {
		t.Error("it wasn't removed, or twice")
	}
	c.Put("a", 3)
	if c.Remove("a", 1) || c.Put("b", 4) != 3 || c.Get("a") != 0 {
		t.Error("it has room for more than one")
	}
}

func TestGetAllocatesNothing(t *testing.T) {
	var c Cache[*int]
	c.Init(10)
	c.Put("a", new(int))
	c.Put("b", new(int))
	if n := testing.AllocsPerRun(100, func() { c.Get("a"); c.Get("b"); c.Get("b"); c.Get("c") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
