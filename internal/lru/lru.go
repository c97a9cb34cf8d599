// Package lru keeps what was used last.
package lru

// Cache keeps the values that were used last, by their keys. It's for one goroutine at a time, and ready after Init.
type Cache[V comparable] struct {
	byKey map[string]*entry[V]
	ring  entry[V] // next is the one used last, prev the one used longest ago
	limit int
}

type entry[V comparable] struct {
	key        string
	value      V
	prev, next *entry[V]
}

// Init makes the cache an empty one of as many values, but of one at least.
func (c *Cache[V]) Init(limit int) {
	c.byKey, c.limit = make(map[string]*entry[V]), max(limit, 1)
	c.Clear()
}

// Clear forgets all values.
func (c *Cache[V]) Clear() {
	clear(c.byKey)
	c.ring.prev, c.ring.next = &c.ring, &c.ring
}

// Get returns the value of a key, or the zero value. It allocates nothing.
func (c *Cache[V]) Get(key string) (value V) {
	if last := c.ring.next; last.key == key { // the same as before: comparing beats hashing
		return last.value
	}
	e := c.byKey[key]
	if e == nil {
		return value
	}
	e.unlink()
	c.front(e)
	return e.value
}

// Put adds the value of a key that has none. If there are too many then it forgets the one used longest ago, and returns it.
func (c *Cache[V]) Put(key string, value V) (oldest V) {
	e := &entry[V]{key: key, value: value}
	c.byKey[key] = e
	c.front(e)
	if len(c.byKey) > c.limit {
		oldest = c.ring.prev.value
		c.remove(c.ring.prev)
	}
	return oldest
}

// Remove forgets a value, and reports whether it was there: another one of that key stays.
func (c *Cache[V]) Remove(key string, value V) bool {
	e := c.byKey[key]
	if e == nil || e.value != value {
		return false
	}
	c.remove(e)
	return true
}

// All yields the values, the one used last first.
func (c *Cache[V]) All(yield func(V) bool) {
	for e := c.ring.next; e != &c.ring && yield(e.value); {
		e = e.next
	}
}

func (c *Cache[V]) remove(e *entry[V]) {
	e.unlink()
	delete(c.byKey, e.key)
}

func (c *Cache[V]) front(e *entry[V]) {
	e.prev, e.next = &c.ring, c.ring.next
	e.prev.next, e.next.prev = e, e
}

func (e *entry[V]) unlink() { e.prev.next, e.next.prev = e.next, e.prev }
