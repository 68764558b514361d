package translate

import (
	"regexp"
	"strings"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"backworks/blueprints"
)

// The details of answers that a service decided on, or did not.
const (
	extAuthzDenied = "ext_authz_denied"
	extAuthzFailed = "ext_authz_error"
)

// asksExternal says that the listener has the filter.
func (b *builder) asksExternal() bool {
	a := b.auth()
	return a != nil && a.ExtAuthz != nil
}

// extAuthz asks a service about each request. A request that it could not be asked about
// is refused.
func extAuthz(x *blueprints.ExtAuthz) *extauthzv3.ExtAuthz {
	out := &extauthzv3.ExtAuthz{
		TransportApiVersion: corev3.ApiVersion_V3,
		AllowedHeaders:      headerMatchers(x.Headers),
		// By default 403, as if it had refused.
		StatusOnError: &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
	}
	if x.GRPC {
		// It may set whatever header it likes by default.
		out.DecoderHeaderMutationRules = onlyHeaders(x.HeadersToTarget)
		out.Services = &extauthzv3.ExtAuthz_GrpcService{GrpcService: &corev3.GrpcService{
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: x.Pool}},
			Timeout:         duration(x.Timeout),
		}}
		return out
	}
	out.Services = &extauthzv3.ExtAuthz_HttpService{HttpService: &extauthzv3.HttpService{
		ServerUri: &corev3.HttpUri{
			Uri: x.URL, HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: x.Pool}, Timeout: duration(x.Timeout),
		},
		PathPrefix: x.Path,
		AuthorizationResponse: &extauthzv3.AuthorizationResponse{
			AllowedUpstreamHeaders: headerMatchers(x.HeadersToTarget),
			// By default the client gets all of them.
			AllowedClientHeaders: headerMatchers(x.HeadersToClient),
		},
	}}
	return out
}

// headerMatchers match these and no others: a list that is not there would match all.
func headerMatchers(names []string) *matcherv3.ListStringMatcher {
	l := new(matcherv3.ListStringMatcher)
	for _, n := range names {
		l.Patterns = append(l.Patterns, &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Exact{Exact: n}, IgnoreCase: true,
		})
	}
	if len(names) == 0 {
		l.Patterns = append(l.Patterns, exact("-")) // Envoy wants one
	}
	return l
}

func onlyHeaders(names []string) *mutationv3.HeaderMutationRules {
	m := &mutationv3.HeaderMutationRules{DisallowAll: boolean(true)}
	if len(names) > 0 {
		quoted := make([]string, len(names))
		for i, n := range names {
			quoted[i] = regexp.QuoteMeta(strings.ToLower(n))
		}
		m.AllowExpression = regex(strings.Join(quoted, "|"))
	}
	return m
}
