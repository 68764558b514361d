package envoy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	internallistenerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/bootstrap/internal_listener/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	// AdminCluster is the static cluster that leads to the management server's
	// admin listener; routes of translate name it.
	AdminCluster = "backworks_admin"
	// xdsCluster is the static cluster that leads to the management server's xDS
	// listener.
	xdsCluster = "backworks_xds"
)

// How long Envoy waits before it calls the management server again: a random time
// below reconnectBase that doubles with each failure, up to a limit. It starts
// low because most absences are restarts of a second. The limit keeps a fleet
// from crowding a server that comes back after long; beside a Unix socket there is
// one Envoy, which may ask more often.
const (
	reconnectBase    = 100 * time.Millisecond
	reconnectMax     = 5 * time.Second
	reconnectMaxUnix = 2 * time.Second
)

// Bootstrap is what an Envoy must know to be born.
type Bootstrap struct {
	// NodeID and NodeCluster name the Envoy to the management server. Both must
	// be set when XDS is.
	NodeID, NodeCluster string
	// NodeMetadata is matched by the `nodes` of blueprints; may be empty.
	NodeMetadata map[string]string
	// XDS is the management server's xDS listener. Without it the bootstrap has no
	// dynamic resources, as a rendered configuration has none.
	XDS Address
	// TLS is spoken to XDS; nil: plaintext.
	TLS *TLS
	// SotW asks for the state-of-the-world variant of ADS instead of delta.
	SotW bool
	// Admin is where Envoy's admin interface listens; none by default. Whoever
	// reaches it can stop Envoy.
	Admin Address
	// AdminListener is the management server's admin listener, for the cluster
	// AdminCluster; without it there is no such cluster.
	AdminListener Address
	// MaxConnections is how many downstream connections Envoy holds at once over
	// all listeners; 50000 by default.
	MaxConnections int
	// MaxHeapBytes bounds Envoy's heap; at 95 % it gives memory back, at 98 % it
	// accepts no requests. 0: unbounded, since the right number depends on the
	// machine.
	MaxHeapBytes uint64
}

// Message is the bootstrap as Envoy's message. It fails for addresses that cannot
// be read, and for a missing node id or cluster.
//
// What the edge guide sets in the runtime is a limit per listener name, which the
// overload manager's limit over all listeners covers.
func (b Bootstrap) Message() (*bootstrapv3.Bootstrap, error) {
	m := &bootstrapv3.Bootstrap{
		Node:            b.node(),
		OverloadManager: b.overloadManager(),
		LayeredRuntime:  runtime(),
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{},
		// By default response times are 5 s old before anybody can see them.
		StatsFlushInterval: durationpb.New(time.Second),
		// Envoy knows of listeners inside itself only what it was born with.
		BootstrapExtensions: []*corev3.TypedExtensionConfig{internalListeners()},
	}
	if b.Admin != "" {
		address, err := b.Admin.message()
		if err != nil {
			return nil, err
		}
		// A proxy at its connection limit must still tell why, and still drain.
		m.Admin = &bootstrapv3.Admin{Address: address, IgnoreGlobalConnLimit: true}
	}
	if b.XDS != "" {
		if b.NodeID == "" || b.NodeCluster == "" {
			return nil, errors.New("make bootstrap: an Envoy on a management server needs a node id and a node cluster")
		}
		cluster, err := b.XDS.cluster(xdsCluster)
		if err != nil {
			return nil, err
		}
		overHTTP2(cluster)
		if b.TLS != nil {
			if err := b.TLS.check(b.XDS); err != nil {
				return nil, err
			}
			b.TLS.over(cluster, b.XDS)
		}
		m.StaticResources.Clusters = append(m.StaticResources.Clusters, cluster)
		m.DynamicResources = b.dynamic(cluster)
		m.ClusterManager = reportsLoad(cluster)
	}
	if b.AdminListener != "" {
		cluster, err := b.AdminListener.cluster(AdminCluster)
		if err != nil {
			return nil, err
		}
		m.StaticResources.Clusters = append(m.StaticResources.Clusters, cluster)
	}
	return m, nil
}

// maxRegex is how large a regular expression may be, in instructions of RE2's
// program: about one a character. Envoy refuses those of over 100 by default, which
// long paths with many parameters exceed. RE2 takes linear time at any size.
const maxRegex = 1 << 16

// Spans are sent to a collector in batches of up to spanBatch, at the latest after
// spanDelay ms. Envoy's own batches are of 5, and each that a collector refuses is a line
// in its log; its own delay is 5 s.
const (
	spanBatch = 256
	spanDelay = 1000
)

func internalListeners() *corev3.TypedExtensionConfig {
	m, err := anypb.New(&internallistenerv3.InternalListener{})
	if err != nil {
		panic(err) // an empty message
	}
	return &corev3.TypedExtensionConfig{Name: "envoy.bootstrap.internal_listener", TypedConfig: m}
}

func runtime() *bootstrapv3.LayeredRuntime {
	return &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{{
		Name: "backworks",
		LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: &structpb.Struct{Fields: map[string]*structpb.Value{
			"re2.max_program_size.error_level":        structpb.NewNumberValue(maxRegex),
			"tracing.opentelemetry.min_flush_spans":   structpb.NewNumberValue(spanBatch),
			"tracing.opentelemetry.flush_interval_ms": structpb.NewNumberValue(spanDelay),
		}}},
	}}}
}

func (b Bootstrap) node() *corev3.Node {
	if b.NodeID == "" && b.NodeCluster == "" && len(b.NodeMetadata) == 0 {
		return nil
	}
	n := &corev3.Node{Id: b.NodeID, Cluster: b.NodeCluster}
	if len(b.NodeMetadata) > 0 {
		n.Metadata = &structpb.Struct{Fields: map[string]*structpb.Value{}}
		for k, v := range b.NodeMetadata {
			n.Metadata.Fields[k] = structpb.NewStringValue(v)
		}
	}
	return n
}

func (b Bootstrap) dynamic(xds *clusterv3.Cluster) *bootstrapv3.Bootstrap_DynamicResources {
	api := corev3.ApiConfigSource_DELTA_GRPC
	if b.SotW {
		api = corev3.ApiConfigSource_GRPC
	}
	longest := reconnectMax
	if network, _, _ := b.XDS.Split(); network == "unix" {
		longest = reconnectMaxUnix
	}
	// 0 is no timeout: an Envoy that has never heard of the management server has
	// nothing to serve, and after the default 15 s would call itself live with it.
	wait := func() *corev3.ConfigSource {
		return &corev3.ConfigSource{
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			ResourceApiVersion:    corev3.ApiVersion_V3,
			InitialFetchTimeout:   durationpb.New(0),
		}
	}
	return &bootstrapv3.Bootstrap_DynamicResources{
		LdsConfig: wait(),
		CdsConfig: wait(),
		AdsConfig: &corev3.ApiConfigSource{
			ApiType:                   api,
			TransportApiVersion:       corev3.ApiVersion_V3,
			SetNodeOnFirstMessageOnly: true,
			GrpcServices: []*corev3.GrpcService{{
				TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
					ClusterName: xds.Name,
					RetryPolicy: &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
						BaseInterval: durationpb.New(reconnectBase),
						MaxInterval:  durationpb.New(longest),
					}},
				}},
			}},
		},
	}
}

// reportsLoad has Envoy report its load on a stream to the management server. It
// excludes track_cluster_stats.per_endpoint_stats: clusters that have that are refused.
// The stream is one of gRPC's own kind, whichever variant of xDS is spoken, and Envoy
// itself waits up to 5 s before it opens it again.
func reportsLoad(xds *clusterv3.Cluster) *bootstrapv3.ClusterManager {
	return &bootstrapv3.ClusterManager{LoadStatsConfig: &corev3.ApiConfigSource{
		ApiType:             corev3.ApiConfigSource_GRPC,
		TransportApiVersion: corev3.ApiVersion_V3,
		GrpcServices: []*corev3.GrpcService{{
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: xds.Name}},
		}},
	}}
}

// fingerprint tells bootstraps apart, and whatever else is given: 16 hex digits.
func fingerprint(bootstrap []byte, more ...string) string {
	h := sha256.New()
	h.Write(bootstrap)
	for _, s := range more {
		h.Write([]byte{0})
		h.Write([]byte(s))
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
