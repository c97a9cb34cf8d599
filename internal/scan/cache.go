package scan

import (
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/plinthdb/plinth/driver"
)

// The bounds of a Cache. A program has as many types as it reads rows into, and a type as many lists of columns as
// there are statements for it; more come from generated statements, which had better not fill the memory.
const (
	maxTypes   = 512
	maxPerType = 32
)

// Cache keeps plans by type and columns. The zero Cache is ready to use, by many goroutines at once. It keeps up to 32
// plans a type, the youngest, and forgets all when 512 types are full.
type Cache struct {
	types     sync.Map // reflect.Type to *plans
	documents sync.Map // reflect.Type to *documentPlans
	count     atomic.Int32
}

// plans are one type's.
type plans struct {
	mu   sync.Mutex              // held to change the list
	list atomic.Pointer[[]*Plan] // never changed, only replaced
}

// Plan returns the plan for t and cols, compiling it if it isn't there. Errors are Compile's; they aren't kept.
// It needs no memory if the plan is there. A driver that returns the same slice of columns again spares it the names.
func (c *Cache) Plan(t reflect.Type, cols []driver.Column) (*Plan, error) {
	kept, ok := c.types.Load(t)
	if !ok {
		if c.count.Add(1) > maxTypes {
			c.forget()
		}
		kept, _ = c.types.LoadOrStore(t, new(plans))
	}
	ps := kept.(*plans)
	if p := ps.find(cols); p != nil {
		return p, nil
	}
	p, err := Compile(t, cols)
	if err == nil {
		ps.keep(p)
	}
	return p, err
}

// DocumentPlan is Plan for documents, which CompileDocument is for.
func (c *Cache) DocumentPlan(t reflect.Type, cols []driver.Column) (*Plan, error) {
	kept, ok := c.documents.Load(t)
	if !ok {
		if c.count.Add(1) > maxTypes {
			c.forget()
		}
		kept, _ = c.documents.LoadOrStore(t, &documentPlans{document: documentOf(t)})
	}
	dp := kept.(*documentPlans)
	if p := dp.find(cols); p != nil {
		return p, nil
	}
	p, err := dp.document.plan(cols)
	if err == nil {
		dp.keep(p)
	}
	return p, err
}

// documentPlans are those of one type, for documents.
type documentPlans struct {
	*document
	plans
}

func (c *Cache) forget() {
	c.types.Clear()
	c.documents.Clear()
	c.count.Store(1)
}

func (ps *plans) find(cols []driver.Column) *Plan {
	list := ps.list.Load()
	if list == nil || len(cols) == 0 {
		return nil
	}
	for _, p := range *list {
		if len(p.cols) == len(cols) && &p.cols[0] == &cols[0] { // p keeps its slice, so the address means the slice
			return p
		}
	}
	for _, p := range *list {
		if sameNames(p.cols, cols) {
			return p
		}
	}
	return nil
}

// keep puts p in front. Two goroutines may have compiled the same plan; that costs a place, not correctness.
func (ps *plans) keep(p *Plan) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	list := []*Plan{p}
	if old := ps.list.Load(); old != nil {
		list = append(list, *old...)
	}
	list = list[:min(len(list), maxPerType)]
	ps.list.Store(&list)
}

func sameNames(a, b []driver.Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}
