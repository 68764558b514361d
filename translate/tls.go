package translate

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	quicv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/quic/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"backworks/blueprints"
)

const (
	tlsSocket  = "envoy.transport_sockets.tls"
	quicSocket = "envoy.transport_sockets.quic"
	// altSvcAge is how long a client may remember that HTTP/3 is spoken.
	altSvcAge = 24 * time.Hour
)

// versions are those of TLS by their names in a blueprint.
var versions = map[string]tlsv3.TlsParameters_TlsProtocol{
	"1.2": tlsv3.TlsParameters_TLSv1_2, "1.3": tlsv3.TlsParameters_TLSv1_3,
}

// tlsParams leaves the ciphers to Envoy, whose list for servers has none without
// forward secrecy.
func tlsParams(least string) *tlsv3.TlsParameters {
	return &tlsv3.TlsParameters{TlsMinimumProtocolVersion: versions[least], TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3}
}

// listeners are the one that clients connect to, and what stands beside it: the same
// over UDP for HTTP/3, and one in plain HTTP that sends them here. All are sorted by
// name.
func (b *builder) listeners() []Resource {
	var out []Resource
	add := func(name string, l *listenerv3.Listener) {
		out = append(out, Resource{Name: name, Position: b.listenerPosition(name), Message: l, Private: b.holdsKeys()})
	}
	add(ListenerName, b.listener())
	if b.usesCache() || b.bp.Policies.Cache != nil { // off, it stays: requests may be on their way to it
		add(cacheListener, b.cacheHop())
	}
	if t := b.bp.TLS; t != nil && t.HTTP3 {
		add(quicListener, b.quicListener(t))
	}
	if t := b.bp.TLS; t != nil && t.RedirectPort != 0 {
		add(redirectListener, b.redirectListener(t))
	}
	return out
}

func (b *builder) listenerPosition(name string) blueprints.Position {
	switch {
	case name == cacheListener && b.bp.Policies.Cache != nil:
		return position(b.bp.Policies.Cache.Position, b.bp.Position)
	case name != ListenerName && name != cacheListener:
		return position(b.bp.TLS.Position, b.bp.Position)
	}
	return position(b.bp.Server.Position, b.bp.Position)
}

// encrypted makes the listener's only filter chain one that speaks TLS. There is one
// chain for all names: which certificate a client gets decides nothing else, so that it
// may ask for the host of one certificate on a connection with another (RFC 9113,
// section 9.1.1) without passing anything.
func (b *builder) encrypted(l *listenerv3.Listener, t *blueprints.TLS) {
	c := l.FilterChains[0]
	c.TransportSocket = b.socket(tlsSocket, &corev3.TransportSocket_TypedConfig{TypedConfig: b.typed(b.downstream(t, alpn(t)...))})
	// A client that never ends its handshake holds what others need, too.
	c.TransportSocketConnectTimeout = duration(b.bp.Server.HeaderTimeout)
}

func (b *builder) socket(name string, config *corev3.TransportSocket_TypedConfig) *corev3.TransportSocket {
	return &corev3.TransportSocket{Name: name, ConfigType: config}
}

func alpn(t *blueprints.TLS) []string {
	if t.HTTP2 {
		return []string{"h2", "http/1.1"}
	}
	return []string{"http/1.1"}
}

func (b *builder) downstream(t *blueprints.TLS, alpn ...string) *tlsv3.DownstreamTlsContext {
	c := &tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{TlsParams: tlsParams(t.MinVersion), AlpnProtocols: alpn}}
	for i := range t.Certificates {
		c.CommonTlsContext.TlsCertificateSdsSecretConfigs = append(c.CommonTlsContext.TlsCertificateSdsSecretConfigs, sds(certificateName(i)))
	}
	if t.Clients != nil {
		c.RequireClientCertificate = boolean(t.Clients.Required)
		c.CommonTlsContext.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContextSdsSecretConfig{ValidationContextSdsSecretConfig: sds(clientCA)}
	}
	return c
}

// overTLS is what a connection manager does where clients come by TLS.
func overTLS(m *hcmv3.HttpConnectionManager, t *blueprints.TLS) {
	if t == nil {
		return
	}
	m.SchemeHeaderTransformation = schemeIs("https")
	forwardCertificate(m, t)
}

// schemeIs overwrites what clients say of it: by HTTP/2 and 3 they may say any.
func schemeIs(scheme string) *corev3.SchemeHeaderTransformation {
	return &corev3.SchemeHeaderTransformation{
		Transformation: &corev3.SchemeHeaderTransformation_SchemeToOverwrite{SchemeToOverwrite: scheme},
	}
}

// forwardCertificate tells targets of a client's certificate where that is wanted. In
// any case what a client sends in X-Forwarded-Client-Cert is dropped, which is Envoy's
// default.
func forwardCertificate(m *hcmv3.HttpConnectionManager, t *blueprints.TLS) {
	if t.Clients == nil || !t.Clients.Forward {
		return
	}
	m.ForwardClientCertDetails = hcmv3.HttpConnectionManager_SANITIZE_SET
	m.SetCurrentClientCertDetails = &hcmv3.HttpConnectionManager_SetCurrentClientCertDetails{Subject: boolean(true), Dns: true, Uri: true}
}

// sanMatchers match names of certificates, exact or with * for any characters, each by
// its kind only: a DNS name must never do for a URI of the same text.
func sanMatchers(sans []string) []*tlsv3.SubjectAltNameMatcher {
	var out []*tlsv3.SubjectAltNameMatcher
	for _, s := range sans {
		m := &tlsv3.SubjectAltNameMatcher{SanType: sanType(s), Matcher: globbed(s)}
		out = append(out, m)
	}
	return out
}

func sanType(s string) tlsv3.SubjectAltNameMatcher_SanType {
	if _, err := netip.ParseAddr(s); err == nil {
		return tlsv3.SubjectAltNameMatcher_IP_ADDRESS
	}
	switch {
	case strings.Contains(s, ":"):
		return tlsv3.SubjectAltNameMatcher_URI
	case strings.Contains(s, "@"):
		return tlsv3.SubjectAltNameMatcher_EMAIL
	}
	return tlsv3.SubjectAltNameMatcher_DNS
}

func globbed(s string) *matcherv3.StringMatcher {
	if !strings.Contains(s, "*") {
		return exact(s)
	}
	return matches(strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, ".*"))
}

// quicListener is the listener over UDP. Its connections have the same limits and
// routes.
func (b *builder) quicListener(t *blueprints.TLS) *listenerv3.Listener {
	l := b.listener()
	l.Name = quicListener
	l.Address.GetSocketAddress().Protocol = corev3.SocketAddress_UDP
	l.UdpListenerConfig = &listenerv3.UdpListenerConfig{
		QuicOptions:            &listenerv3.QuicProtocolOptions{},
		DownstreamSocketConfig: &corev3.UdpSocketConfig{PreferGro: boolean(true)},
	}
	m := b.connectionManager(b.bp.Server)
	m.CodecType = hcmv3.HttpConnectionManager_HTTP3
	c := l.FilterChains[0]
	c.Filters[0].ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: b.typed(m)}
	// QUIC has no versions of TLS below 1.3, and refuses to be given any.
	d := b.downstream(t, "h3")
	d.CommonTlsContext.TlsParams = nil
	q := &quicv3.QuicDownstreamTransport{
		DownstreamTlsContext: d,
		// Early data can be sent again by whoever saw it on the way (RFC 8470), and by
		// default Envoy takes it.
		EnableEarlyData: boolean(false),
	}
	if t.Clients != nil {
		// A session that is resumed is not asked for its certificate again.
		q.EnableResumption = boolean(false)
	}
	c.TransportSocket = b.socket(quicSocket, &corev3.TransportSocket_TypedConfig{TypedConfig: b.typed(q)})
	c.TransportSocketConnectTimeout = nil // QUIC has its own
	return l
}

// redirectListener answers everything in plain HTTP by where it is in HTTPS. 308 keeps
// method and body.
func (b *builder) redirectListener(t *blueprints.TLS) *listenerv3.Listener {
	s := b.bp.Server
	l := b.listener()
	l.Name = redirectListener
	l.Address.GetSocketAddress().PortSpecifier = &corev3.SocketAddress_PortValue{PortValue: uint32(t.RedirectPort)}
	m := b.connectionManager(s)
	m.StatPrefix, m.SchemeHeaderTransformation = redirectListener, nil
	m.HttpFilters = []*hcmv3.HttpFilter{{
		Name: routerFilter, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.typed(&routerv3.Router{})},
	}}
	// The port of the request is not the one to go to; 443 need not be said.
	m.StripPortMode = &hcmv3.HttpConnectionManager_StripAnyHostPort{StripAnyHostPort: true}
	port := uint32(publicPort(t, s))
	if port == 443 {
		port = 0
	}
	// It is HTTPS that judges paths.
	m.PathWithEscapedSlashesAction = hcmv3.HttpConnectionManager_KEEP_UNCHANGED
	m.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
		Name: redirectListener,
		VirtualHosts: []*routev3.VirtualHost{{Name: redirectListener, Domains: []string{"*"}, Routes: []*routev3.Route{{
			Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			Action: &routev3.Route_Redirect{Redirect: &routev3.RedirectAction{
				SchemeRewriteSpecifier: &routev3.RedirectAction_HttpsRedirect{HttpsRedirect: true},
				PortRedirect:           port,
				ResponseCode:           routev3.RedirectAction_PERMANENT_REDIRECT,
			}},
		}}}},
	}}
	c := l.FilterChains[0]
	c.TransportSocket, c.TransportSocketConnectTimeout = nil, nil
	c.Filters[0].ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: b.typed(m)}
	return l
}

func publicPort(t *blueprints.TLS, s blueprints.Server) int {
	if t.PublicPort != 0 {
		return t.PublicPort
	}
	return s.Port
}

// hasTLSHeaders says that answers tell clients something of the way they came.
func (b *builder) hasTLSHeaders() bool {
	return b.bp.TLS != nil && (b.bp.TLS.HSTS != nil || b.bp.TLS.HTTP3)
}

// tlsHeaders are what answers tell, whoever gave them: targets do not know how clients
// came.
func (b *builder) tlsHeaders() *headermutationv3.HeaderMutation {
	m := new(headermutationv3.Mutations)
	set := func(name, value string) {
		m.ResponseMutations = append(m.ResponseMutations, appended(only(name, value)))
	}
	t := b.bp.TLS
	if t != nil && t.HSTS != nil {
		value := "max-age=" + seconds(t.HSTS.MaxAge)
		if t.HSTS.Subdomains {
			value += "; includeSubDomains"
		}
		if t.HSTS.Preload {
			value += "; preload"
		}
		set("strict-transport-security", value)
	}
	if t != nil && t.HTTP3 {
		set("alt-svc", `h3=":`+strconv.Itoa(publicPort(t, b.bp.Server))+`"; ma=`+seconds(altSvcAge))
	}
	return &headermutationv3.HeaderMutation{Mutations: m}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
