package main

import (
	"context"
	"fmt"
	"slices"
)

// client is one simulated Envoy. All of it belongs to the goroutine that reads its
// stream.
type client struct {
	fleet *fleet
	id    string
	*conn
	subs    [kinds]subscription
	named   bool     // the node was sent on this stream
	waits   []string // assignments that clusters are warmed with
	reached *goal
}

// subscription is what a client knows of a kind.
type subscription struct {
	asked   bool // on this stream
	holds   *holding
	names   *nameList // nil: all there are
	version string    // SotW: of what was accepted last
	nonce   string
	held    []string // nonces of what is acknowledged when no cluster is warming
}

func newClient(f *fleet, id string) *client {
	c := &client{fleet: f, id: id}
	for k := range c.subs {
		c.subs[k].holds = nothing
	}
	return c
}

const (
	sotwMethod  = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
	deltaMethod = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
)

// live opens a stream and stays on it until it ends. A client that has something says
// so, of all kinds at once, as Envoy does; a new one begins with clusters.
func (c *client) live(ctx context.Context, dialed func()) (err error) {
	method := sotwMethod
	if c.fleet.delta {
		method = deltaMethod
	}
	c.conn, err = dial(ctx, c.fleet.address, method)
	dialed()
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	c.named, c.waits = false, nil
	again := c.subs[clusters].asked
	for k := range c.subs {
		s := &c.subs[k]
		back := s.asked
		s.asked, s.nonce, s.held = false, "", nil
		if kind(k) == clusters || back && again {
			c.ask(kind(k), s.names)
		}
	}
	return c.run(c.take)
}

// ask subscribes to a kind, or changes the subscription to other names.
func (c *client) ask(k kind, names *nameList) {
	s, f := &c.subs[k], fieldsOf(c.fleet.delta)
	before := s.names
	first := !s.asked
	s.asked, s.names = true, names
	if !c.fleet.delta {
		c.request(k, s.nonce)
		return
	}
	request := c.header(k)
	if first {
		request = append(request, s.holds.initialVersions()...)
		before = nil
	}
	if names != nil && before == nil {
		request = append(request, names.encoded...)
	} else if names != nil {
		for _, name := range names.list {
			if _, had := slices.BinarySearch(before.list, name); !had {
				request = appendString(request, f.names, name)
			}
		}
		for _, name := range before.list {
			if _, has := slices.BinarySearch(names.list, name); !has {
				request = appendString(request, f.unsubscribe, name)
			}
		}
	}
	c.send(request)
}

// follow subscribes to what other resources name, unless that is so already. Who never
// named anything does not begin with nothing, which would be everything.
func (c *client) follow(k kind, names *nameList) {
	if s := &c.subs[k]; names != s.names && (s.asked || len(names.list) > 0) {
		c.ask(k, names)
	}
}

// header is what requests begin with. Only the first of a stream tells the node.
func (c *client) header(k kind) []byte {
	f := fieldsOf(c.fleet.delta)
	request := appendString(make([]byte, 0, 128), f.url, urls[k])
	if !c.named {
		c.named = true
		request = appendString(request, f.node, c.node())
	}
	return request
}

// node is envoy.config.core.v3.Node.
func (c *client) node() []byte {
	b := appendString(nil, 1, c.id)
	b = appendString(b, 2, "fleet")
	return appendString(b, 6, "envoy")
}

// request says what a SotW client has and wants, or acknowledges.
func (c *client) request(k kind, nonce string) {
	s, f := &c.subs[k], fieldsOf(c.fleet.delta)
	head := c.header(k)
	if nonce != "" {
		head = appendString(head, f.nonce, nonce)
	}
	if c.fleet.delta {
		c.send(head)
		return
	}
	if s.version != "" {
		head = appendString(head, f.version, s.version)
	}
	if s.names != nil {
		c.send(head, s.names.encoded)
	} else {
		c.send(head)
	}
}

// take applies a response, asks for what follows from it, and acknowledges.
func (c *client) take(message []byte) error {
	r, err := parse(message)
	if err != nil || r.kind == kinds {
		return fmt.Errorf("client %s: a response that it cannot read, or did not ask for: %w", c.id, err)
	}
	c.fleet.bytes[r.kind].Add(int64(len(message)))
	s := &c.subs[r.kind]
	out := c.fleet.memory.apply(s.holds, r)
	s.holds, s.nonce, s.version = out.to, r.nonce, r.version
	switch r.kind {
	case clusters:
		c.takeClusters(out)
	case assignments:
		c.request(assignments, r.nonce)
		c.warm(out)
	case listeners:
		c.request(listeners, r.nonce)
		c.follow(routes, s.holds.refs)
	case routes:
		c.request(routes, r.nonce)
	}
	c.arrive()
	return nil
}

// takeClusters warms what is new or changed: the acknowledgement waits for its
// assignments.
func (c *client) takeClusters(out *outcome) {
	s := &c.subs[clusters]
	s.held = append(s.held, s.nonce)
	c.follow(assignments, s.holds.refs)
	if len(c.waits) == 0 {
		c.waits = out.changed
	} else {
		c.waits = slices.Concat(c.waits, out.changed)
	}
	c.warm(&outcome{})
}

// warm ends the wait for the assignments that came. When none is missing, clusters are
// acknowledged, and listeners asked for if that was not done.
func (c *client) warm(out *outcome) {
	missing := 0
	for _, name := range c.waits {
		if !out.put[name] {
			missing++
		}
	}
	if missing > 0 && missing < len(c.waits) {
		c.waits = slices.DeleteFunc(slices.Clone(c.waits), func(name string) bool { return out.put[name] })
	}
	if missing > 0 {
		return
	}
	c.waits = nil
	for _, nonce := range c.subs[clusters].held {
		c.request(clusters, nonce)
	}
	c.subs[clusters].held = nil
	if !c.subs[listeners].asked {
		c.ask(listeners, nil)
	}
}

// arrive sees whether the client has what is waited for.
func (c *client) arrive() {
	g := c.fleet.goal.Load()
	if g == nil || c.reached == g {
		return
	}
	for k := range c.subs {
		if c.subs[k].holds.digest != g.want[k] {
			return
		}
	}
	c.reached = g
	g.hit()
}
