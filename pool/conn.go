package pool

import "time"

// Conn is one connection of a pool, borrowed by Acquire until Release or Destroy.
type Conn[T any] struct {
	pool   *Pool[T]
	value  T
	opened time.Time
}

// Value returns the connection itself.
func (c *Conn[T]) Value() T { return c.value }

// Release gives the connection back.
func (c *Conn[T]) Release() {}

// Destroy closes the connection.
func (c *Conn[T]) Destroy() {}

// Opened returns when the connection was opened.
func (c *Conn[T]) Opened() time.Time { return c.opened }
