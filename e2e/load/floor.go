package main

import (
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// floor is the least that a server can do: it answers the first request of each kind
// with ready-made bytes, unless the client says that it has something, and sends every
// stream the bytes of an edit. It keeps no state of a client.
type floor struct {
	now atomic.Pointer[ready]
}

// ready are the bytes, in SotW and in delta.
type ready struct {
	full [kinds][2][]byte
	edit [2][]byte
	next chan struct{}
}

func protocol(delta bool) int {
	if delta {
		return 1
	}
	return 0
}

func (f *floor) publish(w world, changed []named) error {
	next := &ready{next: make(chan struct{})}
	for k, list := range w {
		for delta := range 2 {
			b, err := encode(kind(k), list, delta == 1)
			if err != nil {
				return err
			}
			next.full[k][delta] = b
		}
	}
	for delta := range 2 {
		b, err := encode(assignments, changed, delta == 1)
		if err != nil {
			return err
		}
		next.edit[delta] = b
	}
	if old := f.now.Swap(next); old != nil {
		close(old.next)
	}
	return nil
}

// encode makes a response, nonce and all.
func encode(k kind, list []named, delta bool) ([]byte, error) {
	out := appendString(nil, responseVersion, "1")
	for _, x := range list {
		body, err := marshal(x.message)
		if err != nil {
			return nil, err
		}
		wrapped := appendString(appendString(nil, anyURL, urls[k]), anyValue, body)
		if delta {
			// As long as the product's: 16 hex digits of a hash.
			version := protowire.AppendFixed64(protowire.AppendFixed64(nil, 0x3030303030303030), sumOf(x.name, body)&0x0f0f0f0f0f0f0f0f|0x3030303030303030)
			inner := appendString(appendString(nil, resourceVersion, version), resourceName, x.name)
			wrapped = appendString(inner, resourceBody, wrapped)
		}
		out = appendString(out, responseResources, wrapped)
	}
	return appendString(appendString(out, responseURL, urls[k]), responseNonce, "1"), nil
}

// floorStream is what both goroutines of a stream send on.
type floorStream struct {
	grpc.ServerStream
	mu sync.Mutex
}

func (s *floorStream) send(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.SendMsg(rawResponse(b))
}

func (f *floor) stream(g grpc.ServerStream, delta bool) error {
	s, p := &floorStream{ServerStream: g}, protocol(delta)
	now := f.now.Load()
	go func() {
		for {
			select {
			case <-g.Context().Done():
				return
			case <-now.next:
				now = f.now.Load()
				if s.send(now.edit[p]) != nil {
					return
				}
			}
		}
	}()
	for {
		r := rawRequest{fields: fieldsOf(delta)}
		if err := g.RecvMsg(&r); err != nil {
			return err
		}
		if r.kind < kinds && !r.answers && !r.has {
			if err := s.send(f.now.Load().full[r.kind][p]); err != nil {
				return err
			}
		}
	}
}

// rawRequest is of a request what the floor looks at.
type rawRequest struct {
	fields
	kind         kind
	answers, has bool // a response; something from before
}

type rawResponse []byte

// rawCodec sends ready-made bytes, and reads no more of a request than is needed.
type rawCodec struct{}

func (rawCodec) Name() string { return proto.Name }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(rawResponse); ok {
		return mem.BufferSlice{mem.SliceBuffer(r)}, nil
	}
	return encoding.GetCodecV2(proto.Name).Marshal(v)
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*rawRequest)
	if !ok {
		return encoding.GetCodecV2(proto.Name).Unmarshal(data, v)
	}
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	r.kind = kinds
	return eachField(buf.ReadOnlyData(), func(number protowire.Number, v []byte, _, _ int) {
		switch number {
		case r.url:
			r.kind = kindOf(v)
		case r.nonce:
			r.answers = true
		case r.version, r.initial:
			r.has = true
		}
	})
}

func (f *floor) serve(lis net.Listener) error {
	g := grpc.NewServer(append(grpcOptions(), grpc.ForceServerCodecV2(rawCodec{}))...)
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.discovery.v3.AggregatedDiscoveryService",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{
			{StreamName: "StreamAggregatedResources", ServerStreams: true, ClientStreams: true,
				Handler: func(_ any, s grpc.ServerStream) error { return f.stream(s, false) }},
			{StreamName: "DeltaAggregatedResources", ServerStreams: true, ClientStreams: true,
				Handler: func(_ any, s grpc.ServerStream) error { return f.stream(s, true) }},
		},
	}, nil)
	return g.Serve(lis)
}
