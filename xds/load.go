package xds

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// LoadReport is what a client did since its last report.
type LoadReport struct {
	// Stream tells load streams apart: later ones have higher numbers. What a client
	// did is counted anew on each.
	Stream uint64
	Node   Node
	// Group is the node's; "" when it has none.
	Group string
	// Clusters are those with something to tell, at most maxLoadClusters.
	Clusters []ClusterLoad
}

// ClusterLoad is what a client did with a cluster over an interval.
type ClusterLoad struct {
	Cluster  string
	Interval time.Duration
	Counts   // of all endpoints together, those that are not listed included
	// Dropped are requests that the client answered itself, by circuit breakers or
	// drop_overload.
	Dropped   uint64
	Endpoints []EndpointLoad // at most maxLoadEndpoints in a report
}

// EndpointLoad is what of that one endpoint got.
type EndpointLoad struct {
	// Address is host:port, the path of a Unix socket, or the name of an internal
	// listener; "" for what is none of these.
	Address string
	Counts
}

// Counts are numbers of requests.
type Counts struct {
	Issued, Successes uint64
	// Errors are answers of 5xx, resets, and timeouts.
	Errors uint64
	// InProgress is how many were not answered at the end of the interval.
	InProgress uint64
}

func (c Counts) plus(o Counts) Counts {
	return Counts{c.Issued + o.Issued, c.Successes + o.Successes, c.Errors + o.Errors, c.InProgress + o.InProgress}
}

// loadRequest is a LoadStatsRequest, parsed at its top level: Envoy repeats its whole
// node, 60 KiB, in each.
type loadRequest struct {
	first    bool // the node is wanted
	node     []byte
	clusters []ClusterLoad
	left     int // endpoints that may still be listed
}

// Fields of LoadStatsRequest.
const loadNode, loadClusters = 1, 2

// parse reads the request off b, which is not kept. What is above the limits is left
// out.
func (r *loadRequest) parse(b []byte) error {
	if len(b) > maxLoadRequest {
		return fmt.Errorf("read load report: %d bytes, above %d", len(b), maxLoadRequest)
	}
	r.left = maxLoadEndpoints
	return eachField(b, func(number protowire.Number, v []byte) error {
		switch {
		case number == loadNode && r.first:
			r.node = append([]byte(nil), v...)
		case number == loadClusters && len(r.clusters) < maxLoadClusters:
			var m endpointv3.ClusterStats
			if err := proto.Unmarshal(v, &m); err != nil {
				return fmt.Errorf("read load report: %w", err)
			}
			if c := r.cluster(&m); c.Counts != (Counts{}) || c.Dropped > 0 {
				r.clusters = append(r.clusters, c)
			}
		}
		return nil
	})
}

func (r *loadRequest) cluster(m *endpointv3.ClusterStats) ClusterLoad {
	out := ClusterLoad{Cluster: cut(m.GetClusterName()), Interval: m.GetLoadReportInterval().AsDuration(), Dropped: m.GetTotalDroppedRequests()}
	for _, l := range m.GetUpstreamLocalityStats() {
		out.Counts = out.plus(Counts{
			Issued: l.GetTotalIssuedRequests(), Successes: l.GetTotalSuccessfulRequests(),
			Errors: l.GetTotalErrorRequests(), InProgress: l.GetTotalRequestsInProgress(),
		})
		for _, e := range l.GetUpstreamEndpointStats() {
			c := Counts{
				Issued: e.GetTotalIssuedRequests(), Successes: e.GetTotalSuccessfulRequests(),
				Errors: e.GetTotalErrorRequests(), InProgress: e.GetTotalRequestsInProgress(),
			}
			if c != (Counts{}) && r.left > 0 {
				r.left--
				out.Endpoints = append(out.Endpoints, EndpointLoad{cut(addressOf(e.GetAddress())), c})
			}
		}
	}
	return out
}

// cut shortens a name that is too long to be an honest one.
func cut(name string) string {
	if len(name) <= maxLoadName {
		return name
	}
	return strings.ToValidUTF8(name[:maxLoadName], "")
}

func addressOf(a *corev3.Address) string {
	if s := a.GetSocketAddress(); s != nil {
		return net.JoinHostPort(s.GetAddress(), strconv.FormatUint(uint64(s.GetPortValue()), 10))
	}
	if name := a.GetEnvoyInternalAddress().GetServerListenerName(); name != "" {
		return name
	}
	return a.GetPipe().GetPath()
}
