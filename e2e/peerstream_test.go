package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// peerStream is one connection of a peer.
type peerStream struct {
	*peer
	sotw   discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	deltas discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	asked  map[string]bool // types
	nonces map[string]string
}

func (s *peerStream) live(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := discoveryv3.NewAggregatedDiscoveryServiceClient(s.dial())
	if s.delta {
		s.deltas, err = client.DeltaAggregatedResources(ctx)
	} else {
		s.sotw, err = client.StreamAggregatedResources(ctx)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	back := len(s.has[lds]) > 0
	err = s.ask(cds)
	if back { // it has all, and names all
		for _, url := range []string{eds, lds, rds} {
			if err == nil && (url == lds || len(s.names[url]) > 0) {
				err = s.ask(url)
			}
		}
	}
	s.mu.Unlock()
	for err == nil {
		err = s.next()
	}
	return err
}

// ask subscribes to a type for the first time on the stream.
func (s *peerStream) ask(url string) error {
	s.asked[url] = true
	if !s.delta {
		return s.say(url, nil, nil, nil)
	}
	return s.say(url, s.names[url], nil, nil)
}

// say sends a request, an answer to the last response of its type if there was one.
func (s *peerStream) say(url string, subscribe, unsubscribe []string, refusal *statuspb.Status) error {
	node := &corev3.Node{Id: s.id, Cluster: s.cluster, UserAgentName: "envoy"}
	first := s.nonces[url] == ""
	if !s.delta {
		return s.sotw.Send(&discoveryv3.DiscoveryRequest{Node: node, TypeUrl: url, ResponseNonce: s.nonces[url],
			VersionInfo: s.last[url], ResourceNames: s.names[url], ErrorDetail: refusal})
	}
	r := &discoveryv3.DeltaDiscoveryRequest{Node: node, TypeUrl: url, ResponseNonce: s.nonces[url],
		ResourceNamesSubscribe: subscribe, ResourceNamesUnsubscribe: unsubscribe, ErrorDetail: refusal}
	if first {
		r.InitialResourceVersions = map[string]string{}
		for name, h := range s.has[url] {
			r.InitialResourceVersions[name] = h.version
		}
	}
	return s.deltas.Send(r)
}

// next takes one response in.
func (s *peerStream) next() error {
	var url, version, nonce string
	var put []*discoveryv3.Resource
	var gone []string
	if s.delta {
		m, err := s.deltas.Recv()
		if err != nil {
			return err
		}
		url, version, nonce, put, gone = m.TypeUrl, m.SystemVersionInfo, m.Nonce, m.Resources, m.RemovedResources
	} else {
		m, err := s.sotw.Recv()
		if err != nil {
			return err
		}
		url, version, nonce = m.TypeUrl, m.VersionInfo, m.Nonce
		for _, a := range m.Resources {
			put = append(put, &discoveryv3.Resource{Name: resourceName(a), Resource: a})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonces[url] = nonce
	if url != eds {
		s.sent += len(put)
	}
	for _, r := range put {
		if len(s.refuses) > 0 && bytes.Contains(r.Resource.Value, s.refuses) {
			if s.nacked.IsZero() {
				s.nacked = time.Now()
			}
			return s.say(url, nil, nil, &statuspb.Status{Code: 3, Message: "does not like " + r.Name})
		}
	}
	s.apply(url, put, gone)
	s.last[url] = version
	if err := s.say(url, nil, nil, nil); err != nil {
		return err
	}
	return s.follow(url, put)
}

func (s *peerStream) apply(url string, put []*discoveryv3.Resource, gone []string) {
	if !s.delta && (url == cds || url == lds) {
		s.has[url] = map[string]held{}
	}
	for _, name := range gone {
		delete(s.has[url], name)
	}
	for _, r := range put {
		s.has[url][r.Name] = held{r.Version, sha256.Sum256(r.Resource.Value)}
		if url == rds {
			s.noteEdit(r.Resource.Value)
		}
	}
}

var editMark = regexp.MustCompile(`edit-(\d+)`)

func (s *peerStream) noteEdit(route []byte) {
	s.back = time.Now()
	if m := editMark.FindSubmatch(route); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		if s.edits = append(s.edits, n); s.synced[n].IsZero() {
			s.synced[n] = time.Now()
		}
	}
}

// follow subscribes to what the resources of a response name.
func (s *peerStream) follow(url string, put []*discoveryv3.Resource) error {
	switch url {
	case cds:
		return s.want(eds, slices.Sorted(maps.Keys(s.has[cds])))
	case eds:
		if !s.asked[lds] {
			return s.ask(lds)
		}
	case lds:
		var routes []string
		for _, r := range put {
			routes = append(routes, routesOf(r.Resource)...)
		}
		if len(put) > 0 {
			return s.want(rds, routes)
		}
	}
	return nil
}

// want makes names the subscription to a type.
func (s *peerStream) want(url string, names []string) error {
	before := s.names[url]
	s.names[url] = names
	if !s.asked[url] {
		if len(names) == 0 && url == eds {
			return s.ask(lds)
		}
		return s.ask(url)
	}
	if slices.Equal(before, names) {
		return nil
	}
	missing := func(a, b []string) (out []string) {
		for _, x := range a {
			if !slices.Contains(b, x) {
				out = append(out, x)
			}
		}
		return out
	}
	dropped := missing(before, names)
	for _, name := range dropped {
		delete(s.has[url], name)
	}
	return s.say(url, missing(names, before), dropped, nil)
}

func routesOf(a *anypb.Any) (out []string) {
	l := &listenerv3.Listener{}
	if a.UnmarshalTo(l) != nil {
		return nil
	}
	for _, chain := range l.FilterChains {
		for _, f := range chain.Filters {
			h := &hcmv3.HttpConnectionManager{}
			if f.GetTypedConfig().UnmarshalTo(h) == nil && h.GetRds() != nil {
				out = append(out, h.GetRds().RouteConfigName)
			}
		}
	}
	return out
}

func resourceName(a *anypb.Any) string {
	m, err := a.UnmarshalNew()
	if err != nil {
		return ""
	}
	switch m := m.(type) {
	case interface{ GetClusterName() string }:
		return m.GetClusterName()
	case interface{ GetName() string }:
		return m.GetName()
	}
	return ""
}
