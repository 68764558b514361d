package translate

import (
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	upstreamsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"

	"backworks/blueprints"
)

const (
	// protocolOptions is the key under which Envoy looks for a cluster's
	// HttpProtocolOptions.
	protocolOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	// upstreamIdle closes unused connections before the targets do: common
	// servers close theirs after 5 s, and a request written to a connection that
	// is just being closed fails without being replayed.
	upstreamIdle = 4 * time.Second
	websocket    = "websocket"
	// requestTimeout is the server's where the blueprint has none.
	requestTimeout = 5 * time.Minute
	// streamIdle is for what has no other end: an answer whose client does not read it.
	streamIdle = 5 * time.Minute
)

func (b *builder) httpOptions(p *blueprints.Pool) *upstreamsv3.HttpProtocolOptions {
	o := &upstreamsv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: duration(upstreamIdle)},
		OutlierDetection:          failures(p.Breaker),
	}
	switch {
	case p.ALPN:
		o.UpstreamProtocolOptions = &upstreamsv3.HttpProtocolOptions_AutoConfig{AutoConfig: &upstreamsv3.HttpProtocolOptions_AutoHttpConfig{
			HttpProtocolOptions: &corev3.Http1ProtocolOptions{}, Http2ProtocolOptions: upstreamHTTP2(),
		}}
	case p.HTTP2:
		o.UpstreamProtocolOptions = &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: upstreamHTTP2()},
		}}
	default:
		o.UpstreamProtocolOptions = &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{HttpProtocolOptions: &corev3.Http1ProtocolOptions{}},
		}}
	}
	return o
}

// upstreamHTTP2 bounds what is kept of an answer whose client reads slowly, which by
// default is far more than a connection's buffer, and lets WebSockets through to targets
// that take them over HTTP/2 (RFC 8441).
func upstreamHTTP2() *corev3.Http2ProtocolOptions {
	return &corev3.Http2ProtocolOptions{
		InitialStreamWindowSize:     u32(streamWindow),
		InitialConnectionWindowSize: u32(connectionWindow),
		AllowConnect:                true,
	}
}

// keepAlive finds out in a minute and a half that a peer is gone, where the system would
// take two hours: what may be silent for as long as it wants has no other end.
func keepAlive() *corev3.TcpKeepalive {
	return &corev3.TcpKeepalive{KeepaliveTime: u32(60), KeepaliveInterval: u32(10), KeepaliveProbes: u32(3)}
}

// streams is what concerns requests and answers that take long.
func streams(a *routev3.RouteAction, p *blueprints.Pool, s settings) {
	switch {
	case s.IdleTimeout != nil:
		a.IdleTimeout = duration(*s.IdleTimeout)
	case s.timeout == 0 || s.timeout > streamIdle:
		// The listener's limit for silent streams would end the request first.
		a.IdleTimeout = duration(s.timeout)
	}
	// Most servers that speak HTTP/2 end the connection when asked for a WebSocket, which
	// is a failure: clients could open a breaker with it.
	allowed := !p.HTTP2 && !p.ALPN
	if s.WebSocket != nil {
		allowed = *s.WebSocket
	}
	if !allowed {
		a.UpgradeConfigs = []*routev3.RouteAction_UpgradeConfig{{UpgradeType: websocket, Enabled: boolean(false)}}
	}
	if s.timeout == 0 && (p.HTTP2 || p.ALPN) {
		// A gRPC client's own deadline, as it is. Not beside a timeout: Envoy would tell
		// that to the target as the call's deadline, and where the target is the first to
		// end the call, the client gets UNAVAILABLE.
		a.MaxStreamDuration = &routev3.RouteAction_MaxStreamDuration{GrpcTimeoutHeaderMax: duration(0)}
	}
}

// upgrades lets WebSockets pass, where a route does not say otherwise. Nothing else may be
// upgraded, and CONNECT is not answered.
func upgrades(filters []*hcmv3.HttpFilter) []*hcmv3.HttpConnectionManager_UpgradeConfig {
	u := &hcmv3.HttpConnectionManager_UpgradeConfig{UpgradeType: websocket}
	if slices.ContainsFunc(filters, readsBody) {
		u.Filters = slices.DeleteFunc(slices.Clone(filters), readsBody)
	}
	return []*hcmv3.HttpConnectionManager_UpgradeConfig{u}
}

// readsBody is of filters that must not see what passes once a request has become a
// WebSocket: it is the body for them, and has no end.
func readsBody(f *hcmv3.HttpFilter) bool { return strings.HasPrefix(f.Name, sizeFilter) }

// requestTimeout bounds how long a client may send a request. It cannot differ by route,
// and would end a stream whose client goes on sending.
func (b *builder) requestTimeout() time.Duration {
	if t := b.bp.Server.RequestTimeout; t != nil {
		return *t
	}
	if slices.ContainsFunc(b.bp.Pools, func(p *blueprints.Pool) bool { return p.Timeout == 0 }) ||
		slices.ContainsFunc(b.bp.Endpoints, func(e *blueprints.Endpoint) bool {
			return e.Proxy != nil && e.Proxy.Timeout != nil && *e.Proxy.Timeout == 0
		}) {
		return 0
	}
	return requestTimeout
}

// streamIdle bounds how long a stream may be silent; 0: it need not. Where requests have a
// bound, and answers have the timeout of their route, it would find WebSockets alone, whose
// dead peers keepAlive finds: a timer that each event of a stream sets anew costs a request
// 3 % of Envoy's time.
func (b *builder) streamIdle() time.Duration {
	if b.requestTimeout() > 0 {
		return 0
	}
	return streamIdle
}
