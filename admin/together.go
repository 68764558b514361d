package admin

import (
	"context"
	"sync"
)

// together lets all who ask while an answer is being made have the next one, so
// that however many ask, one is made at a time and nobody gets an old one. make is
// not bound to any asker's context: it must end by itself.
type together[T any] struct {
	make func() T

	mu      sync.Mutex
	next    *answer[T]
	running sync.Mutex
}

type answer[T any] struct {
	done  chan struct{}
	value T
}

// get gives an answer whose making began after the call, or the context's error.
func (t *together[T]) get(ctx context.Context) (T, error) {
	t.mu.Lock()
	if t.next == nil {
		t.next = &answer[T]{done: make(chan struct{})}
		go t.run(t.next)
	}
	a := t.next
	t.mu.Unlock()
	select {
	case <-a.done:
		return a.value, nil
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (t *together[T]) run(a *answer[T]) {
	t.running.Lock()
	defer t.running.Unlock()
	t.mu.Lock()
	t.next = nil
	t.mu.Unlock()
	a.value = t.make()
	close(a.done)
}
