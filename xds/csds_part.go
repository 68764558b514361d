package xds

import (
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/protobuf/proto"
)

// entryOverhead is what an entry of a message takes besides its content, in bytes: a
// tag, and a length of up to four.
const entryOverhead = 5

// parts collects what is told of clients, and sends it when the next thing would make
// the message too large.
type parts struct {
	limit, size int
	out         *statusv3.ClientStatusResponse
	send        func(*statusv3.ClientStatusResponse) error
	// The turn is given back while a reader takes a part, for it may be slow.
	give func()
	take func() error
}

func newParts(limit int, send func(*statusv3.ClientStatusResponse) error) *parts {
	return &parts{limit: limit, send: send, out: &statusv3.ClientStatusResponse{}}
}

// client adds a client, of which nothing is told yet but who it is.
func (p *parts) client(c *statusv3.ClientConfig) error {
	size := proto.Size(c) + entryOverhead
	if p.size+size > p.limit && len(p.out.Config) > 0 {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.size += size
	p.out.Config = append(p.out.Config, c)
	return nil
}

// resource adds a resource to the client that was added last. Where there is no room,
// that client goes on in the next message.
func (p *parts) resource(r *statusv3.ClientConfig_GenericXdsConfig) error {
	last := len(p.out.Config) - 1
	c := p.out.Config[last]
	size := proto.Size(r) + 2*entryOverhead // the client's length grows as well
	if begun := len(c.GenericXdsConfigs) > 0; p.size+size > p.limit && (begun || last > 0) {
		if !begun {
			p.out.Config = p.out.Config[:last]
		}
		if err := p.flush(); err != nil {
			return err
		}
		c = &statusv3.ClientConfig{Node: c.Node}
		if err := p.client(c); err != nil {
			return err
		}
	}
	p.size += size
	c.GenericXdsConfigs = append(c.GenericXdsConfigs, r)
	return nil
}

// flush sends what there is, and comes back when it is our turn again.
func (p *parts) flush() error {
	p.give()
	out := p.out
	p.out, p.size = &statusv3.ClientStatusResponse{}, 0
	if err := p.send(out); err != nil {
		return err
	}
	return p.take()
}
