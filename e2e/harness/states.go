package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"backworks/xds"
)

// pause is how long a change of state waits for what was asked before it. The harness
// changes a subscription and then the state on another connection, and takes for
// granted that the server hears of them in this order.
const pause = 100 * time.Millisecond

// states are what the harness set, by node, and what the core is told of it.
type states struct {
	core *xds.Server

	mu    sync.Mutex
	nodes map[string]*state
}

// state is what one node gets.
type state struct {
	version   string
	resources map[resource]string // with the version that each was set at
}

type resource struct{ url, name string }

// change is what any call of the adapter service says. Calls have these fields in
// common, but for the third, which is a type in some and resources in one.
type change struct {
	node, version, url, name string
	resources                []*anypb.Any
}

// Fields of the adapter's messages. SetStateRequest: node, version, resources.
// ClearStateRequest: node. ResourceRequest, for the others: node, type, name, version.
var (
	setFields      = map[protowire.Number]func(*change, []byte) error{1: setNode, 2: setVersion, 3: addResource}
	resourceFields = map[protowire.Number]func(*change, []byte) error{1: setNode, 2: setURL, 3: setName, 4: setVersion}
)

func setNode(c *change, v []byte) error    { c.node = string(v); return nil }
func setVersion(c *change, v []byte) error { c.version = string(v); return nil }
func setURL(c *change, v []byte) error     { c.url = string(v); return nil }
func setName(c *change, v []byte) error    { c.name = string(v); return nil }
func addResource(c *change, v []byte) error {
	a := &anypb.Any{}
	c.resources = append(c.resources, a)
	return proto.Unmarshal(v, a)
}

// service describes the adapter service: of the messages only the fields are known,
// not their types, so that nothing of the harness is needed here. All arrive as
// unknown fields of an empty message, and answers leave as such.
func (s *states) service() *grpc.ServiceDesc {
	method := func(name string, fields map[protowire.Number]func(*change, []byte) error, act func(change) error) grpc.MethodDesc {
		return grpc.MethodDesc{MethodName: name, Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in, out := &emptypb.Empty{}, &emptypb.Empty{}
			if err := decode(in); err != nil {
				return nil, err
			}
			c, err := parse(in.ProtoReflect().GetUnknown(), fields)
			if err == nil {
				err = act(c)
			}
			if err != nil {
				return nil, status.Errorf(codes.InvalidArgument, "%s: %v", name, err)
			}
			if name != "ClearState" { // success = true; the other has words in this place
				out.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1))
			}
			return out, nil
		}}
	}
	return &grpc.ServiceDesc{ServiceName: "adapter.Adapter", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{
		method("SetState", setFields, s.set),
		method("ClearState", setFields, s.clear),
		method("UpdateResource", resourceFields, s.put),
		method("AddResource", resourceFields, s.put),
		method("RemoveResource", resourceFields, s.remove),
	}}
}

func parse(b []byte, fields map[protowire.Number]func(*change, []byte) error) (c change, err error) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return c, protowire.ParseError(n)
		}
		if kind != protowire.BytesType || fields[number] == nil {
			return c, fmt.Errorf("unknown field %d", number)
		}
		v, m := protowire.ConsumeBytes(b[n:])
		if m < 0 {
			return c, protowire.ParseError(m)
		}
		if err := fields[number](&c, v); err != nil {
			return c, err
		}
		b = b[n+m:]
	}
	return c, nil
}

func (s *states) set(c change) error {
	next := &state{version: c.version, resources: map[resource]string{}}
	for _, a := range c.resources {
		name, err := nameOf(a)
		if err != nil {
			return err
		}
		next.resources[resource{a.GetTypeUrl(), name}] = c.version
	}
	return s.edit(func() { s.nodes[c.node] = next })
}

func (s *states) clear(c change) error { return s.edit(func() { delete(s.nodes, c.node) }) }

func (s *states) put(c change) error {
	return s.edit(func() {
		st := s.state(c.node)
		st.version, st.resources[resource{c.url, c.name}] = c.version, c.version
	})
}

func (s *states) remove(c change) error {
	return s.edit(func() { delete(s.state(c.node).resources, resource{c.url, c.name}) })
}

func (s *states) state(node string) *state {
	if s.nodes[node] == nil {
		s.nodes[node] = &state{resources: map[resource]string{}}
	}
	return s.nodes[node]
}

// version is the label of a node's state.
func (s *states) version(node string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.nodes[node]; st != nil {
		return st.version
	}
	return ""
}

// edit changes the states and tells the core.
func (s *states) edit(change func()) error {
	time.Sleep(pause)
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	groups := map[string]*xds.Snapshot{}
	for node, st := range s.nodes {
		var all []*xds.Resource
		for _, r := range slices.SortedFunc(maps.Keys(st.resources), byName) {
			made, err := newResource(r, st.resources[r])
			if err != nil {
				return err
			}
			all = append(all, made)
		}
		groups[node] = xds.NewSnapshot(st.version, all)
	}
	s.core.Publish(groups)
	return nil
}
