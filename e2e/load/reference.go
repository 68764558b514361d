package main

import (
	"context"
	"net"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
)

// stock serves one of go-control-plane's caches as its own documentation has it.
type stock struct{ cache.Cache }

func (s stock) serve(lis net.Listener) error {
	g := grpc.NewServer(grpcOptions()...)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(g, serverv3.NewServer(context.Background(), s.Cache, nil))
	return g.Serve(lis)
}

// snapshotCache is a SnapshotCache with one snapshot for all.
type snapshotCache struct {
	stock
	cache   cache.SnapshotCache
	version int
}

type oneForAll struct{}

func (oneForAll) ID(*corev3.Node) string { return "" }

func newSnapshotCache() *snapshotCache {
	c := cache.NewSnapshotCache(true, oneForAll{}, nil)
	return &snapshotCache{stock: stock{c}, cache: c}
}

func (s *snapshotCache) publish(w world, _ []named) error {
	s.version++
	all := map[string][]types.Resource{}
	for k, list := range w {
		for _, x := range list {
			all[urls[k]] = append(all[urls[k]], x.message)
		}
	}
	snapshot, err := cache.NewSnapshot(strconv.Itoa(s.version), all)
	if err != nil {
		return err
	}
	return s.cache.SetSnapshot(context.Background(), "", snapshot)
}

// linearCache is a LinearCache for each kind.
type linearCache struct {
	stock
	caches map[string]*cache.LinearCache
	filled bool
}

func newLinearCache() *linearCache {
	l := &linearCache{caches: map[string]*cache.LinearCache{}}
	mux := &cache.MuxCache{
		Classify:      func(r *cache.Request) string { return r.GetTypeUrl() },
		ClassifyDelta: func(r *cache.DeltaRequest) string { return r.GetTypeUrl() },
		Caches:        map[string]cache.Cache{},
	}
	for _, url := range urls {
		l.caches[url] = cache.NewLinearCache(url)
		mux.Caches[url] = l.caches[url]
	}
	l.stock = stock{mux}
	return l
}

func (l *linearCache) publish(w world, changed []named) error {
	if l.filled {
		return l.caches[urls[assignments]].UpdateResources(byName(changed), nil)
	}
	for k, list := range w {
		l.caches[urls[k]].SetResources(byName(list))
	}
	l.filled = true
	return nil
}

func byName(list []named) map[string]types.Resource {
	out := make(map[string]types.Resource, len(list))
	for _, x := range list {
		out[x.name] = x.message
	}
	return out
}
