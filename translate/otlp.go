package translate

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"backworks/blueprints"
)

// collectorTimeout bounds one report to a collector; requests do not wait for it.
const collectorTimeout = 5 * time.Second

// overGRPC reports to a collector by gRPC.
func (b *builder) overGRPC(collector string, pos blueprints.Position) *corev3.GrpcService {
	if p := b.poolNamed(collector); p != nil && !p.HTTP2 && !p.ALPN {
		b.problem(pos, "the pool "+collector+" does not speak HTTP/2, which gRPC needs: set its protocol to http2, or use protocol: http here")
	}
	return &corev3.GrpcService{
		TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: collector}},
		Timeout:         duration(collectorTimeout),
	}
}

// overHTTP reports to a collector by HTTP, at the URL's path, or where OTLP has it.
func (b *builder) overHTTP(collector, path string) *corev3.HttpService {
	host := collector
	if p := b.poolNamed(collector); p != nil {
		if p.PathPrefix != "" {
			path = p.PathPrefix
		}
		if len(p.Targets) > 0 {
			host = p.Targets[0].Host
		}
	}
	return &corev3.HttpService{HttpUri: &corev3.HttpUri{
		Uri:              "http://" + host + path,
		HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: collector},
		Timeout:          duration(collectorTimeout),
	}}
}

// serviceName is what a collector knows the proxy by.
func (b *builder) serviceName(own string) string {
	switch {
	case own != "":
		return own
	case b.bp.Name != "":
		return b.bp.Name
	}
	return serverName
}
