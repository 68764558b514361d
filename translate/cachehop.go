package translate

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	statsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stats/v3"
	asyncfilesv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/async_files/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cache/v3"
	headertometadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_to_metadata/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	setmetadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_metadata/v3"
	statefulv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/stateful_session/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	filecachev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/cache/file_system_http_cache/v3"
	rawv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	upstreamsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"backworks/blueprints"
)

const (
	// cacheListener is inside Envoy, and cacheCluster leads to it.
	cacheListener = "proxy_cache"
	cacheCluster  = reserved + "cache"

	// Where the scripts note what the cache said: hit or miss.
	cacheNotes  = "backworks.cache"
	cacheResult = "result"
	cacheSaid   = "%DYNAMIC_METADATA(" + cacheNotes + ":" + cacheResult + ")%"

	// Hops inside the process are not bounded: what clients may do is, at their listener.
	hopLimit = 1 << 30
	// A path has the key in it, so that it may be longer than any client's.
	hopHeadersKiB = 512
	// cacheThreads write and read files.
	cacheThreads = 2
)

// cacheFilters are those of the first hop.
func (b *builder) cacheFilters() []*hcmv3.HttpFilter {
	if !b.usesCache() {
		return nil
	}
	return []*hcmv3.HttpFilter{
		b.filter(cacheHeaderFilter, removal(nil)),
		off(b.filter(cacheNoteFilter, passedBy())),
		// By default the key would choose another route.
		off(b.filter(cacheKeyFilter, &luav3.Lua{DefaultSourceCode: inline(cacheHeadersScript + cacheKeyScript), ClearRouteCache: boolean(false)})),
		off(b.filter(cacheFilter, b.store())),
	}
}

// passedBy notes of a request that the cache is not asked, as the script notes of others
// what it said. Of a request that was refused before there is no note.
func passedBy() *setmetadatav3.Config {
	return &setmetadatav3.Config{Metadata: []*setmetadatav3.Metadata{{
		MetadataNamespace: cacheNotes,
		Value:             &structpb.Struct{Fields: map[string]*structpb.Value{cacheResult: structpb.NewStringValue("bypass")}},
	}}}
}

// store keeps answers in files: Envoy's store in memory has no bound. The key has all that
// answers differ by, so that no answer here has Vary; with it that store crashes Envoy.
func (b *builder) store() *cachev3.CacheConfig {
	c := blueprints.Effective(b.bp.Policies.Cache, &blueprints.Cache{Policy: blueprints.Policy{Enabled: true}})
	if c.Directory == "" {
		b.problem(b.cachePosition(), "cache needs plugins.cache.config.directory: where Envoy keeps answers, such as /var/cache/backworks")
		c.Directory = "/" // which is not used
	}
	m := &filecachev3.FileSystemHttpCacheConfig{
		ManagerConfig: &asyncfilesv3.AsyncFileManagerConfig{ManagerType: &asyncfilesv3.AsyncFileManagerConfig_ThreadPool_{
			ThreadPool: &asyncfilesv3.AsyncFileManagerConfig_ThreadPool{ThreadCount: cacheThreads},
		}},
		MaxCacheSizeBytes:  wrapperspb.UInt64(uint64(c.MaxSize)),
		MaxCacheEntryCount: wrapperspb.UInt64(uint64(c.MaxEntries)),
	}
	m.CachePath = spelled(c.Directory, pack(m).Value)
	return &cachev3.CacheConfig{TypedConfig: b.typed(m)}
}

// spelled is a directory in one of many spellings, by the settings that it is used with.
// Envoy refuses other settings for a path that it still uses, until the last connection of
// the listener before the edit is gone; it takes two spellings for two stores, which get
// along in one directory as those of two Envoys do.
func spelled(directory string, settings []byte) string {
	sum := sha256.Sum256(settings)
	for _, bit := range fmt.Sprintf("%016b", binary.BigEndian.Uint16(sum[:])) {
		directory += map[rune]string{'0': "/", '1': "/."}[bit]
	}
	return directory
}

// cacheHop is the second hop: what is between the cache and the targets.
func (b *builder) cacheHop() *listenerv3.Listener {
	filters := []*hcmv3.HttpFilter{
		// First, so that it sees answers as all the others made them, and requests before
		// any of them.
		b.filter(cacheFillFilter, &luav3.Lua{DefaultSourceCode: inline(cacheHeadersScript + cacheFillScript)}),
	}
	if b.usesParameters() {
		filters = append(filters, b.filter(parameterFilter, &headertometadatav3.Config{}))
	}
	if b.hasSessions() {
		filters = append(filters, b.filter(sessionFilter, &statefulv3.StatefulSession{}))
	}
	filters = append(filters, b.scriptFilters()...)
	filters = append(filters, b.filter(routerFilter, &routerv3.Router{}))
	m := &hcmv3.HttpConnectionManager{
		StatPrefix: cacheListener,
		CodecType:  hcmv3.HttpConnectionManager_HTTP2,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			RouteConfigName: RouteName, ConfigSource: ads(),
		}},
		HttpFilters:               filters,
		LocalReplyConfig:          b.localReplies(),
		Tracing:                   b.tracing(),
		MaxRequestHeadersKb:       u32(hopHeadersKiB),
		GenerateRequestId:         boolean(false),
		PreserveExternalRequestId: true,
		StreamIdleTimeout:         duration(streamIdle),
		// The last address there is the client's: the first hop put it in.
		UseRemoteAddress: boolean(false),
		EarlyHeaderMutationExtensions: []*corev3.TypedExtensionConfig{b.earlyMutation(
			appended(only(missedHeader, "1")),
			appended(only("x-forwarded-for", "%REQ(x-backworks-client)%")),
		)},
		InternalAddressConfig: nobodyIsInternal(),
		Http2ProtocolOptions:  hopHTTP2(),
	}
	return &listenerv3.Listener{
		Name:                          cacheListener,
		ListenerSpecifier:             &listenerv3.Listener_InternalListener{InternalListener: &listenerv3.Listener_InternalListenerConfig{}},
		PerConnectionBufferLimitBytes: u32(b.bodyBuffer()),
		IgnoreGlobalConnLimit:         true,
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       connectionManager,
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.typed(m)},
		}}}},
	}
}

// hopHTTP2 is what both ends of the second hop speak.
func hopHTTP2() *corev3.Http2ProtocolOptions {
	return &corev3.Http2ProtocolOptions{
		MaxConcurrentStreams: u32(hopLimit), InitialStreamWindowSize: u32(streamWindow), InitialConnectionWindowSize: u32(hopLimit),
	}
}

// notMissed takes from clients' requests what only the second hop says.
func (b *builder) notMissed() []*corev3.TypedExtensionConfig {
	if !b.usesCache() {
		return nil
	}
	return []*corev3.TypedExtensionConfig{b.earlyMutation(removed(missedHeader))}
}

// withCacheHop adds the cluster that leads to the second hop, where there is one.
func (b *builder) withCacheHop(prev *Resources, clusters, listeners []Resource) []Resource {
	named := func(r Resource) bool { return r.Name == cacheListener }
	hop := slices.IndexFunc(listeners, named)
	if hop < 0 {
		return clusters
	}
	r := Resource{Name: cacheCluster, Position: listeners[hop].Position}
	if i := slices.IndexFunc(prev.Clusters, func(r Resource) bool { return r.Name == cacheCluster }); i >= 0 {
		r.Message = prev.Clusters[i].Message // it is always the same
		if len(clusters) > 0 && len(prev.toTargets) == len(clusters) && &prev.toTargets[0] == &clusters[0] && prev.Clusters[i] == r {
			return prev.Clusters
		}
	} else {
		r.Message = b.cacheHopCluster()
		b.validate(r)
	}
	i, _ := slices.BinarySearchFunc(clusters, r.Name, func(x Resource, name string) int { return cmp.Compare(x.Name, name) })
	return slices.Insert(slices.Clone(clusters), i, r)
}

// cacheHopCluster leads to the second hop.
func (b *builder) cacheHopCluster() *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                          cacheCluster,
		ConnectTimeout:                duration(defaultConnectTimeout),
		ClusterDiscoveryType:          &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		PerConnectionBufferLimitBytes: u32(connectionBuffer),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: cacheCluster, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
				Address: &corev3.Address{Address: &corev3.Address_EnvoyInternalAddress{EnvoyInternalAddress: &corev3.EnvoyInternalAddress{
					AddressNameSpecifier: &corev3.EnvoyInternalAddress_ServerListenerName{ServerListenerName: cacheListener},
				}}},
			}}}},
		}}},
		TransportSocket: b.socket("envoy.transport_sockets.raw_buffer", &corev3.TransportSocket_TypedConfig{TypedConfig: b.typed(&rawv3.RawBuffer{})}),
		CircuitBreakers: &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections: u32(hopLimit), MaxPendingRequests: u32(hopLimit), MaxRequests: u32(hopLimit),
		}}},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{protocolOptions: b.typed(&upstreamsv3.HttpProtocolOptions{
			UpstreamProtocolOptions: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: hopHTTP2()},
			}},
		})},
	}
}

// cacheCounts count what the cache said, and what passed it by, by endpoint.
func (b *builder) cacheCounts() *accesslogv3.AccessLog {
	return &accesslogv3.AccessLog{
		Name: "envoy.access_loggers.stats",
		Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_MetadataFilter{MetadataFilter: &accesslogv3.MetadataFilter{
			Matcher: &matcherv3.MetadataMatcher{
				Filter: cacheNotes, Path: []*matcherv3.MetadataMatcher_PathSegment{segment(cacheResult)},
				Value: &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_PresentMatch{PresentMatch: true}},
			},
			MatchIfKeyNotFound: boolean(false),
		}}},
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.typed(&statsv3.Config{
			// Without a name to share it by: with one, Envoy crashes when it ends.
			StatsScope: &typev3.Scope{Prefix: "backworks_cache"},
			Counters: []*statsv3.Config_Counter{{
				Stat: &statsv3.Config_Stat{Name: "requests", Tags: []*statsv3.Config_Tag{
					{Name: "result", ValueFormat: cacheSaid},
					{Name: "endpoint", ValueFormat: "%ROUTE_NAME%"},
				}},
				ValueFixed: wrapperspb.UInt64(1),
			}},
		})},
	}
}
