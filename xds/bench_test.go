package xds

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
)

// thousand is 1,000 clusters with an assignment each, one of which is on a port.
func thousand(port int) []*Resource {
	var out []*Resource
	for i := range 1000 {
		name := fmt.Sprintf("service-%05d.prod", i)
		p := 80
		if i == 500 {
			p = port
		}
		out = append(out, cluster(name, 0), assignment(name, p))
	}
	return append(out, listener("l", 1), route("r", "service-00000.prod"))
}

// pipe is a stream without a network: what the benchmark's client says and hears.
type pipe struct {
	grpc.ServerStream
	ctx  context.Context
	in   chan *request
	sent *sync.WaitGroup
}

func (p *pipe) Context() context.Context     { return p.ctx }
func (p *pipe) SetHeader(metadata.MD) error  { return nil }
func (p *pipe) SendHeader(metadata.MD) error { return nil }
func (p *pipe) SetTrailer(metadata.MD)       {}
func (p *pipe) RecvMsg(m any) error {
	select {
	case r := <-p.in:
		*m.(*request) = *r
		return nil
	case <-p.ctx.Done():
		return io.EOF
	}
}

// SendMsg counts the response, and acknowledges it.
func (p *pipe) SendMsg(m any) error {
	o := m.(*outgoing)
	if _, err := (codec{}).Marshal(o); err != nil {
		return err
	}
	r := &request{delta: true}
	_ = eachField(o.body, func(n protowire.Number, v []byte) error {
		if n == responseURL {
			r.url = string(v)
		}
		return nil
	})
	_ = eachField(o.nonce, func(_ protowire.Number, v []byte) error { r.nonce = string(v); return nil })
	p.sent.Done()
	select {
	case p.in <- r:
	case <-p.ctx.Done():
	}
	return nil
}

// BenchmarkPush is one changed endpoint among 1,000 clusters, to many streams: the
// time until the last has it.
func BenchmarkPush(b *testing.B) {
	for _, streams := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(streams), func(b *testing.B) {
			s := NewServer(Options{})
			snapshot := NewSnapshot("1", thousand(1))
			s.Publish(map[string]*Snapshot{"": snapshot})
			ctx, cancel := context.WithCancel(context.Background())
			var sent, ended sync.WaitGroup
			var all []string
			for _, r := range snapshot.sets[typeEndpoint].all {
				all = append(all, r.name)
			}
			sent.Add(2 * streams)
			for range streams {
				p := &pipe{ctx: ctx, in: make(chan *request, 10), sent: &sent}
				p.in <- &request{delta: true, url: typeCluster}
				p.in <- &request{delta: true, url: typeEndpoint, names: s.names.get(false, all)}
				ended.Go(func() { _ = s.serve(p, true) })
			}
			sent.Wait()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				sent.Add(streams)
				s.Overlay("", "", []*Resource{assignment("service-00500.prod", i+2)})
				sent.Wait()
			}
			cancel()
			ended.Wait()
		})
	}
}

// BenchmarkDifference is what leads from one set of 10,000 to another.
func BenchmarkDifference(b *testing.B) {
	list := make([]*Resource, 10000)
	for i := range list {
		list[i] = &Resource{name: fmt.Sprintf("%05d", i), version: "1"}
	}
	other := append([]*Resource(nil), list...)
	other[5000] = &Resource{name: "05000", version: "2"}
	for b.Loop() {
		if c := compare(list, other); len(c.put) != 1 {
			b.Fatal(c)
		}
	}
}

// BenchmarkEncode is the first response with 1,000 clusters.
func BenchmarkEncode(b *testing.B) {
	to := NewSnapshot("1", thousand(1)).sets[typeCluster]
	r := &reply{step: step{delta: true, now: everybody}, to: to, put: to.all}
	b.ReportAllocs()
	for b.Loop() {
		r.encode(typeCluster)
	}
	b.SetBytes(int64(len(r.body)))
}

// BenchmarkOverlay is endpoint state for 10,000 clusters laid over a snapshot.
func BenchmarkOverlay(b *testing.B) {
	s := NewServer(Options{})
	s.Publish(map[string]*Snapshot{"": NewSnapshot("1", nil)})
	lists := [2][]*Resource{}
	for i := range 10000 {
		r := assignment(fmt.Sprintf("service-%05d", i), 1)
		lists[0], lists[1] = append(lists[0], r), append(lists[1], r)
	}
	lists[1][5000] = assignment("service-05000", 2)
	for i := 0; b.Loop(); i++ {
		s.Overlay("", "", lists[i%2])
	}
}
