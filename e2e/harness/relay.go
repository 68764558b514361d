package main

import (
	"context"
	"sync"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// relay hands streams on to the core, with the harness's labels in the place of
// versions.
type relay struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	core   discoveryv3.AggregatedDiscoveryServiceClient
	states *states
}

// labels are those of one stream.
type labels struct {
	states *states

	mu     sync.Mutex
	node   string            // of the first request
	hashes map[string]string // type and label → the version that it stands for
}

func (l *labels) introduce(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if node != "" {
		l.node = node
	}
}

// label returns what the harness knows a version as.
func (l *labels) label(url, hash string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	label := l.states.version(l.node)
	l.hashes[url+" "+label] = hash
	return label
}

func (l *labels) hash(url, label string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hashes[url+" "+label]
}

// StreamAggregatedResources relays a SotW stream.
func (r *relay) StreamAggregatedResources(outer discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	ctx, cancel := context.WithCancel(outer.Context())
	defer cancel()
	inner, err := r.core.StreamAggregatedResources(ctx)
	if err != nil {
		return err
	}
	l := &labels{states: r.states, hashes: map[string]string{}}
	go relayed(cancel, outer.Recv, inner.Send, inner.CloseSend, func(q *discoveryv3.DiscoveryRequest) {
		l.introduce(q.GetNode().GetId())
		q.VersionInfo = l.hash(q.GetTypeUrl(), q.GetVersionInfo())
	})
	return relayed(cancel, inner.Recv, outer.Send, nil, func(a *discoveryv3.DiscoveryResponse) {
		a.VersionInfo = l.label(a.GetTypeUrl(), a.GetVersionInfo())
	})
}

// DeltaAggregatedResources relays an incremental stream.
func (r *relay) DeltaAggregatedResources(outer discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	ctx, cancel := context.WithCancel(outer.Context())
	defer cancel()
	inner, err := r.core.DeltaAggregatedResources(ctx)
	if err != nil {
		return err
	}
	l := &labels{states: r.states, hashes: map[string]string{}}
	go relayed(cancel, outer.Recv, inner.Send, inner.CloseSend, func(q *discoveryv3.DeltaDiscoveryRequest) {
		l.introduce(q.GetNode().GetId())
	})
	return relayed(cancel, inner.Recv, outer.Send, nil, func(a *discoveryv3.DeltaDiscoveryResponse) {
		// The versions of single resources are not looked at by the harness.
		a.SystemVersionInfo = l.label(a.GetTypeUrl(), a.GetSystemVersionInfo())
	})
}

// relayed hands messages on until one side ends: by done, where there is one, else
// for both.
func relayed[M any](cancel func(), receive func() (M, error), send func(M) error, done func() error, change func(M)) error {
	for {
		m, err := receive()
		if err != nil {
			if done != nil {
				return done()
			}
			return err
		}
		change(m)
		if err := send(m); err != nil {
			cancel()
			return err
		}
	}
}
