package pool_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plinthdb/plinth/pool"
)

type session struct{ id int }

func Example() {
	ctx := context.Background()
	dialled := 0
	p, err := pool.New(pool.Config[*session]{
		Options: pool.Options{MaxOpenConns: 1, AcquireTimeout: 10 * time.Millisecond},
		Name:    "reader",
		Dial: func(ctx context.Context) (*session, error) {
			dialled++
			return &session{id: dialled}, nil
		},
		Close: func(s *session, why pool.Reason) { fmt.Printf("session %d closed: %s\n", s.id, why) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	conn, err := p.Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("got session", conn.Value().id)

	if _, err := p.TryAcquire(ctx); errors.Is(err, pool.ErrWouldBlock) {
		fmt.Println(err)
	}
	var late *pool.TimeoutError
	if _, err := p.Acquire(ctx); errors.As(err, &late) {
		fmt.Printf("%d of %d in use\n", late.InUse, late.Max)
	}

	conn.Release()
	fmt.Println("closed:", p.Close(ctx))
	// Output:
	// got session 1
	// no connection of the pool is free
	// 1 of 1 in use
	// session 1 closed: drain
	// closed: <nil>
}
