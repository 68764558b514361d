package xds

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// portrait is all that there is to tell of a client, at one moment.
type portrait struct {
	node  Node
	types []typeState
}

func (s *stream) portrait() portrait {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := portrait{node: s.node, types: make([]typeState, len(s.inOrder))}
	for i, sub := range s.inOrder {
		p.types[i] = typeState{held: sub.held, rule: sub.rule, delta: s.delta, since: s.since}
	}
	return p
}

// tell adds the client to the parts of an answer.
func (p portrait) tell(to *parts, contents bool) error {
	if err := to.client(&statusv3.ClientConfig{Node: p.node.message()}); err != nil {
		return err
	}
	for _, t := range p.types {
		for _, name := range t.told() {
			if err := to.resource(t.config(name, contents)); err != nil {
				return err
			}
		}
	}
	return nil
}

// message is the node as it said itself, but for what nobody asks for and fills
// kilobytes: extensions, features and listening addresses.
func (n Node) message() *corev3.Node {
	out := &corev3.Node{Id: n.ID, Cluster: n.Cluster, Locality: n.locality}
	if len(n.Metadata) > 0 {
		// It was made of a Struct, so it can be turned back into one.
		out.Metadata, _ = structpb.NewStruct(n.Metadata)
	}
	name, version, ok := strings.Cut(n.UserAgent, " ")
	if out.UserAgentName = name; ok {
		out.UserAgentVersionType = &corev3.Node_UserAgentVersion{UserAgentVersion: version}
	}
	return out
}
