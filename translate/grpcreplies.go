package translate

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// grpcReplies come before all others: to a gRPC client Envoy answers with grpc-status and
// grpc-message, and this would be the JSON. The status follows from that of HTTP, which
// knows less of what happened than the statuses of gRPC could say.
func (b *builder) grpcReplies() []*hcmv3.ResponseMapper {
	call := headerFits(header("content-type", &matcherv3.StringMatcher{
		MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "application/grpc"},
	}))
	reply := func(status string, f *accesslogv3.AccessLogFilter) *hcmv3.ResponseMapper {
		return &hcmv3.ResponseMapper{
			Filter:       all(call, f),
			HeadersToAdd: []*corev3.HeaderValueOption{only("grpc-status", status)},
		}
	}
	return []*hcmv3.ResponseMapper{
		reply("4", flagged(slow)),      // DEADLINE_EXCEEDED, not UNAVAILABLE
		reply("8", detailed(tooLarge)), // RESOURCE_EXHAUSTED, not UNKNOWN
		{Filter: call},
	}
}
