package fleet

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Memory keeps a few notes over restarts; *store.Store is one.
type Memory interface {
	// Note returns what was noted under a name; nil: nothing.
	Note(name string) ([]byte, error)
	SetNote(name string, value []byte) error
}

const (
	// breakerNote is the name under which breakers are kept.
	breakerNote = "breakers"
	// noteEvery bounds how often they are written.
	noteEvery = time.Second
)

// keptBreaker is a breaker that is not closed, as it is kept.
type keptBreaker struct {
	Blueprint string       `json:"blueprint"`
	Node      string       `json:"node"`
	Pool      string       `json:"pool"`
	Authority string       `json:"authority"`
	State     BreakerState `json:"state"`
	Since     time.Time    `json:"since"`
	Until     time.Time    `json:"until"`
	Reason    string       `json:"reason"`
	Openings  int          `json:"openings"`
}

// keptDrained is a target that was drained, as it is kept.
type keptDrained struct {
	Blueprint string    `json:"blueprint"`
	Pool      string    `json:"pool"`
	Authority string    `json:"authority"`
	Since     time.Time `json:"since"`
}

// kept is all that is kept.
type kept struct {
	Breakers []keptBreaker `json:"breakers"`
	Drained  []keptDrained `json:"drained"`
}

// breakerMemory writes breakers behind whoever changes them. One that comes while
// another waits to be written takes its place.
type breakerMemory struct {
	to   Memory // nil: none
	log  hclog.Logger
	next chan kept
}

func newBreakerMemory(to Memory, log hclog.Logger) *breakerMemory {
	return &breakerMemory{to: to, log: log, next: make(chan kept, 1)}
}

// run writes until ctx ends, and then what still waits.
func (m *breakerMemory) run(ctx context.Context) {
	for {
		select {
		case list := <-m.next:
			m.write(list)
			select {
			case <-time.After(noteEvery):
			case <-ctx.Done():
			}
		case <-ctx.Done():
			select {
			case list := <-m.next:
				m.write(list)
			default:
			}
			return
		}
	}
}

func (m *breakerMemory) write(list kept) {
	text, err := json.Marshal(list)
	if err == nil {
		err = m.to.SetNote(breakerNote, text)
	}
	if err != nil {
		m.log.Error("breakers are not kept", "error", err)
	}
}

// read returns those that were kept; what cannot be read is as if there were none.
func (m *breakerMemory) read() (list kept) {
	if m.to == nil {
		return kept{}
	}
	text, err := m.to.Note(breakerNote)
	if err == nil && text != nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		m.log.Warn("breakers of before cannot be read, and begin anew", "error", err)
		return kept{}
	}
	return list
}

// save has the breakers kept that are not closed, and what is drained; b.mu is held.
func (b *breakers) save() {
	if b.memory.to == nil {
		return
	}
	var list kept
	for at, pools := range b.pools {
		for name, pool := range pools {
			for a, c := range pool.circuits {
				if c.state != BreakerClosed {
					list.Breakers = append(list.Breakers, keptBreaker{at.file, at.node, name, a, c.state, c.since, c.until, c.reason, c.openings})
				}
			}
		}
	}
	for d, since := range b.drained {
		list.Drained = append(list.Drained, keptDrained{d.file, d.pool, d.authority, since})
	}
	select {
	case <-b.memory.next:
	default:
	}
	b.memory.next <- list
}

// recall takes over the breakers that were kept. What was being tried is held out until
// it can be tried again: nobody saw what came of it.
func (b *breakers) recall(now time.Time) {
	list := b.memory.read()
	for _, d := range list.Drained {
		b.drained[drained{d.Blueprint, d.Pool, d.Authority}] = d.Since
	}
	for _, k := range list.Breakers {
		at := place{k.Blueprint, k.Node}
		c := &circuit{state: BreakerOpen, since: k.Since, until: k.Until, reason: k.Reason, openings: k.Openings}
		switch k.State {
		case BreakerOpen:
		case BreakerHalfOpen:
			c.until = now
		default:
			continue
		}
		b.pool(at, k.Pool).circuits[k.Authority] = c
		b.seen[at] = now
	}
}
