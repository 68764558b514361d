package translate

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"backworks/blueprints"
)

// ALPN's names of the protocols (RFC 7301, RFC 9113).
const (
	alpnHTTP1 = "http/1.1"
	alpnHTTP2 = "h2"
)

// healthChecks asks each target of a pool; host and port are the endpoint's (see
// checkConfig).
func (b *builder) healthChecks(p *blueprints.Pool) []*corev3.HealthCheck {
	h := p.HealthCheck
	if h == nil {
		return nil
	}
	c := &corev3.HealthCheck{
		Timeout:  duration(h.Timeout),
		Interval: duration(h.Interval),
		// The default of 60 s holds for pools without traffic, and traffic does
		// not shorten a wait that has begun.
		NoTrafficInterval:  duration(h.Interval),
		HealthyThreshold:   u32(h.HealthyThreshold),
		UnhealthyThreshold: u32(h.UnhealthyThreshold),
	}
	if p.TLS && h.Type != blueprints.CheckTCP {
		c.TlsOptions = checkALPN(p, h)
	}
	switch h.Type {
	case blueprints.CheckTCP:
		c.HealthChecker = &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: &corev3.HealthCheck_TcpHealthCheck{}}
	case blueprints.CheckGRPC:
		c.HealthChecker = &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: &corev3.HealthCheck_GrpcHealthCheck{ServiceName: h.Service}}
	default:
		c.HealthChecker = &corev3.HealthCheck_HttpHealthCheck_{HttpHealthCheck: b.httpCheck(p, h)}
	}
	return []*corev3.HealthCheck{c}
}

// httpCheck asks below the path of the target's URL.
func (b *builder) httpCheck(p *blueprints.Pool, h *blueprints.HealthCheck) *corev3.HealthCheck_HttpHealthCheck {
	c := &corev3.HealthCheck_HttpHealthCheck{
		Path:                p.PathPrefix + h.Path,
		Method:              corev3.RequestMethod(corev3.RequestMethod_value[h.Method]),
		RequestHeadersToAdd: b.headerOptions(blueprints.Headers{Set: h.Headers}),
		// A status outside both ranges makes a target unhealthy at once, whatever
		// the threshold; what is in both is healthy.
		RetriableStatuses: []*typev3.Int64Range{{Start: 100, End: 600}},
		UseAlpnProtocol:   p.ALPN,
	}
	for _, r := range h.Statuses {
		c.ExpectedStatuses = append(c.ExpectedStatuses, &typev3.Int64Range{Start: int64(r.First), End: int64(r.Last) + 1})
	}
	if p.HTTP2 {
		c.CodecClientType = typev3.CodecClientType_HTTP2
	}
	return c
}

// checkALPN says what a check speaks. By default it says nothing, and a target that
// speaks HTTP/2 alone ends the connection.
func checkALPN(p *blueprints.Pool, h *blueprints.HealthCheck) *corev3.HealthCheck_TlsOptions {
	switch {
	case p.HTTP2 || h.Type == blueprints.CheckGRPC:
		return &corev3.HealthCheck_TlsOptions{AlpnProtocols: []string{alpnHTTP2}}
	case p.ALPN:
		return &corev3.HealthCheck_TlsOptions{AlpnProtocols: []string{alpnHTTP2, alpnHTTP1}}
	}
	return nil
}

// checkConfig is what a target's check has of its own: the Host of its requests, and its
// port where it is another one.
func checkConfig(p *blueprints.Pool, t *blueprints.Target) *endpointv3.Endpoint_HealthCheckConfig {
	c := &endpointv3.Endpoint_HealthCheckConfig{Hostname: Authority(p, t)}
	if h := p.HealthCheck; h != nil {
		c.PortValue = uint32(h.Port)
		if h.Host != "" {
			c.Hostname = strings.ToLower(h.Host)
		}
	}
	return c
}
