package translate

import (
	"net/netip"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"backworks/blueprints"
)

// What one client may cost, as Envoy's guide for edge proxies has it ("Configuring
// Envoy as an edge proxy").
const (
	connectionBuffer   = 32 << 10
	streamsPerClient   = 100
	streamWindow       = 64 << 10
	connectionWindow   = 1 << 20
	connectionManager  = "envoy.filters.network.http_connection_manager"
	serverName         = "backworks"
	statPrefix         = "proxy"
	anyIPv6            = "::"
	nobody             = "0.0.0.0"
	localhost          = "localhost"
	localhostAddresses = "127.0.0.1"
)

// listener is the one that clients connect to. It names its routes and does not
// hold them: a change of routes then costs no connection.
func (b *builder) listener() *listenerv3.Listener {
	s := b.bp.Server
	l := &listenerv3.Listener{
		Name:                          ListenerName,
		Address:                       b.listenAddress(s),
		PerConnectionBufferLimitBytes: u32(b.bodyBuffer()),
		TcpKeepalive:                  keepAlive(),
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       connectionManager,
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.typed(b.connectionManager(s))},
		}}}},
	}
	if b.bp.TLS != nil {
		b.encrypted(l, b.bp.TLS)
	}
	return l
}

// listenAddress takes an IP address, or localhost: Envoy does not resolve names of
// listeners.
func (b *builder) listenAddress(s blueprints.Server) *corev3.Address {
	host := strings.Trim(s.Host, "[]")
	if strings.EqualFold(host, localhost) {
		host = localhostAddresses
	}
	if _, err := netip.ParseAddr(host); err != nil {
		b.problem(s.Position, "the server's host must be an IP address or localhost: 0.0.0.0 is every IPv4 address of this machine, :: is every one")
	}
	a := socketAddress(host, uint16(s.Port))
	// What listens on :: takes IPv4 too, as people expect of it.
	a.GetSocketAddress().Ipv4Compat = host == anyIPv6
	return a
}

func (b *builder) connectionManager(s blueprints.Server) *hcmv3.HttpConnectionManager {
	m := &hcmv3.HttpConnectionManager{
		StatPrefix: statPrefix,
		CodecType:  hcmv3.HttpConnectionManager_AUTO,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			RouteConfigName: RouteName, ConfigSource: ads(),
		}},
		LocalReplyConfig: b.localReplies(),
		AccessLog:        b.accessLogs(),
		Tracing:          b.tracing(),
		ServerName:       serverName,

		// The client's address is the connection's, or what the trusted proxies in
		// front say; nobody is internal, so that x-envoy-* headers of clients, which
		// could switch retries and timeouts, are dropped.
		// An empty list would mean Envoy's default, the private networks.
		UseRemoteAddress:      boolean(true),
		XffNumTrustedHops:     uint32(s.TrustedHops),
		InternalAddressConfig: nobodyIsInternal(),

		// A path has one spelling: what a route is matched by is what the target gets.
		NormalizePath:                boolean(true),
		MergeSlashes:                 true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT,

		// Slow clients must not hold what others need.
		RequestHeadersTimeout: duration(s.HeaderTimeout),
		RequestTimeout:        duration(b.requestTimeout()),
		StreamIdleTimeout:     duration(b.streamIdle()),
		StreamFlushTimeout:    duration(streamIdle),
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout: duration(s.IdleTimeout),
			// Many servers take X_Real_Ip for X-Real-Ip, which we may have set.
			HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_REJECT_REQUEST,
		},
		HttpProtocolOptions: &corev3.Http1ProtocolOptions{
			// Old tools and load balancers' probes; without a Host they get this one.
			AcceptHttp_10: true, DefaultHostForHttp_10: localhost,
		},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			MaxConcurrentStreams:        u32(streamsPerClient),
			InitialStreamWindowSize:     u32(streamWindow),
			InitialConnectionWindowSize: u32(connectionWindow),
		},
	}
	// Behind logs, replies and routes, which say what they read.
	m.HttpFilters = b.filters()
	m.EarlyHeaderMutationExtensions = slices.Concat(b.notMissed(), b.ownHost(), b.followedTraces())
	m.UpgradeConfigs = upgrades(m.HttpFilters)
	if s.TrustedHops == 0 { // else a proxy in front may have the TLS
		m.SchemeHeaderTransformation = schemeIs("http")
	}
	overTLS(m, b.bp.TLS)
	b.requestIDs(m)
	return m
}

// ownHost takes from clients' requests what they say of their host, where that is told on:
// routes take it from what goes to targets, and answers of the proxy itself are made before.
func (b *builder) ownHost() []*corev3.TypedExtensionConfig {
	if !b.readsHost || b.bp.Server.TrustedHops > 0 {
		return nil
	}
	return []*corev3.TypedExtensionConfig{b.earlyMutation(removed(forwardedHost))}
}

func nobodyIsInternal() *hcmv3.HttpConnectionManager_InternalAddressConfig {
	return &hcmv3.HttpConnectionManager_InternalAddressConfig{
		CidrRanges: []*corev3.CidrRange{{AddressPrefix: nobody, PrefixLen: u32(32)}},
	}
}
