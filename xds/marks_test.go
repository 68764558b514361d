package xds

import (
	"fmt"
	"time"
)

// marks are resources of a type of their own, which tell a client how far the server
// is: "mark" is published after everything else, and the turns are asked for after
// everything else.
type marks struct {
	turn     int
	seen     string // version of the mark
	answered bool   // the turn
	nonce    string
}

func (k *marks) names() []string { return []string{"mark", fmt.Sprint("turn", k.turn)} }

// begin subscribes to them.
func (k *marks) begin(c *client) {
	*k = marks{}
	c.send(say{url: typeMark, names: k.names()})
}

// published is what a release needs for them; n makes it another mark.
func (k *marks) published(n int) []*Resource {
	return []*Resource{resourceOf(typeMark, "mark", n), resourceOf(typeMark, "turn0", 0), resourceOf(typeMark, "turn1", 0)}
}

// receive returns the next response; those to the marks are taken in besides.
func (k *marks) receive(c *client) answer {
	c.t.Helper()
	select {
	case a := <-c.answers:
		if a.url != typeMark {
			return a
		}
		if v, ok := a.versions["mark"]; ok {
			k.seen = v
		}
		if _, ok := a.versions[fmt.Sprint("turn", k.turn)]; ok {
			k.answered = true
		}
		k.nonce = a.nonce
		c.ack(a, k.names()...)
		return a
	case err := <-c.end:
		c.t.Fatalf("stream ended: %v", err)
	case <-time.After(patience):
		c.t.Fatal("no response")
	}
	return answer{}
}

// drain hands on what comes until the server has taken in what was published up to
// mark n, and all that the client said.
func (k *marks) drain(c *client, n int, hear func(answer)) {
	c.t.Helper()
	until := func(done func() bool) {
		c.t.Helper()
		for !done() {
			if a := k.receive(c); a.url != typeMark {
				hear(a)
			}
		}
	}
	mark := resourceOf(typeMark, "mark", n).Version()
	until(func() bool { return k.seen == mark })
	before := k.names()[1]
	k.turn, k.answered = 1-k.turn, false
	if c.delta {
		c.send(say{url: typeMark, names: k.names()[1:], unsubscribe: []string{before}})
	} else {
		c.send(say{url: typeMark, nonce: k.nonce, names: k.names()})
	}
	until(func() bool { return k.answered })
}
