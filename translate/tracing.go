package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tracev3 "github.com/envoyproxy/go-control-plane/envoy/config/trace/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	uuidv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/request_id/uuid/v3"
	tracingv3 "github.com/envoyproxy/go-control-plane/envoy/type/tracing/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"backworks/blueprints"
)

func tracingOf(p *blueprints.Policies) *blueprints.Tracing { return p.Tracing }

// tracing is nil where no endpoint is traced. Requests that meet no endpoint are as the
// blueprint says, without one of its own none.
func (b *builder) tracing() *hcmv3.HttpConnectionManager_Tracing {
	if !used(b, tracingOf) {
		return nil
	}
	base := b.bp.Policies.Tracing
	if base == nil || base.Collector == "" {
		for _, t := range variants(b, tracingOf) {
			if t != nil {
				b.problem(t.Position, "tracing: plugins.tracing.config needs the key collector, such as http://localhost:4317")
			}
		}
		return nil
	}
	on := *base
	on.Enabled = true // for the collector; whether anything is traced is below
	t := blueprints.Effective(&on, nil)
	c := &tracev3.OpenTelemetryConfig{ServiceName: b.serviceName(t.ServiceName)}
	if t.Protocol == "http" {
		c.HttpService = b.overHTTP(t.Collector, "/v1/traces")
	} else {
		c.GrpcService = b.overGRPC(t.Collector, t.Position)
	}
	out := &hcmv3.HttpConnectionManager_Tracing{
		ClientSampling: percent(*t.ClientSampling), RandomSampling: percent(*t.Sampling), OverallSampling: percent(*t.OverallSampling),
		CustomTags:        b.tags(t),
		SpawnUpstreamSpan: boolean(yes(t.UpstreamSpans)),
		Provider: &tracev3.Tracing_Http{
			Name:       "envoy.tracers.opentelemetry",
			ConfigType: &tracev3.Tracing_Http_TypedConfig{TypedConfig: b.typed(c)},
		},
	}
	if !base.Enabled {
		out.ClientSampling, out.RandomSampling, out.OverallSampling = percent(0), percent(0), percent(0)
	}
	return out
}

// followedTraces has a request that comes with a traceparent count as one whose client asks
// for a trace: else its own sampling would cut traces that their senders chose (measured:
// Envoy traces what both choose). Those that a sender did not choose stay without.
func (b *builder) followedTraces() []*corev3.TypedExtensionConfig {
	if !used(b, tracingOf) {
		return nil
	}
	return []*corev3.TypedExtensionConfig{b.earlyMutation(appended(&corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: "x-client-trace-id", Value: "%REQ(traceparent)%"},
		AppendAction: corev3.HeaderValueOption_ADD_IF_ABSENT,
	}))}
}

// tracingRoute is what an endpoint says otherwise than the blueprint.
func (b *builder) tracingRoute(r *routev3.Route, e *blueprints.Endpoint) {
	if tracingOf(&e.Policies) == nil {
		return
	}
	t := effective(b, e, tracingOf)
	if t == nil {
		r.Tracing = &routev3.Tracing{ClientSampling: fraction(0), RandomSampling: fraction(0), OverallSampling: fraction(0)}
		return
	}
	r.Tracing = &routev3.Tracing{
		ClientSampling: fraction(*t.ClientSampling), RandomSampling: fraction(*t.Sampling), OverallSampling: fraction(*t.OverallSampling),
		CustomTags: b.tags(t),
	}
}

func (b *builder) tags(t *blueprints.Tracing) []*tracingv3.CustomTag {
	var out []*tracingv3.CustomTag
	for _, x := range t.Tags {
		out = append(out, &tracingv3.CustomTag{Tag: x.Key, Type: &tracingv3.CustomTag_Value{Value: b.logFormat(x.Value, t.Position)}})
	}
	return out
}

func percent(p float64) *typev3.Percent { return &typev3.Percent{Value: p} }

// fraction is a per cent in the finest unit that Envoy has.
func fraction(p float64) *typev3.FractionalPercent {
	return &typev3.FractionalPercent{Numerator: uint32(p*10_000 + 0.5), Denominator: typev3.FractionalPercent_MILLION}
}

// requestIDs leaves the ids of requests as they are: by default Envoy writes into one
// whether the request is traced.
func (b *builder) requestIDs(m *hcmv3.HttpConnectionManager) {
	m.AlwaysSetRequestIdInResponse = b.bp.Server.RequestID.Answer
	m.PreserveExternalRequestId = b.bp.Server.RequestID.Keep
	m.RequestIdExtension = &hcmv3.RequestIDExtension{TypedConfig: b.typed(&uuidv3.UuidRequestIdConfig{PackTraceReason: boolean(false)})}
}
