package blueprints

// tracingSpec is the plugin tracing.
type tracingSpec struct {
	policySpec
	Collector       str             `yaml:"collector,endpoint" doc:"The OpenTelemetry collector that gets the spans: a URL such as http://localhost:4317, or the name of a pool."`
	Protocol        str             `yaml:"protocol" enum:"grpc|http" default:"grpc" doc:"What the collector speaks: OTLP over gRPC, or over HTTP."`
	ServiceName     str             `yaml:"service_name" doc:"What the collector knows the proxy by; the blueprint's name without it."`
	Sampling        number          `yaml:"sampling,sample" default:"100" min:"0" max:"100" doc:"The share of requests that are traced by chance, in per cent. Those that come with a W3C traceparent follow its sender."`
	ClientSampling  number          `yaml:"client_sampling" default:"100" min:"0" max:"100" doc:"The share of those that ask for it with X-Client-Trace-Id."`
	OverallSampling number          `yaml:"overall_sampling" default:"100" min:"0" max:"100" doc:"The share of what the others choose that is traced in the end."`
	Tags            dict[textValue] `yaml:"tags,custom_tags" also:"status|duration_ms|bytes_in|bytes_out|protocol|flags|details|target|pool|endpoint|attempts|tls_version|response_header.NAME" doc:"More attributes of the proxy's spans."`
	UpstreamSpans   boolean         `yaml:"upstream_spans" default:"false" doc:"Whether each try at a target is a span of its own."`
}

// Tracing sends spans to an OpenTelemetry collector and passes the W3C trace context on.
type Tracing struct {
	Policy
	// Collector is the pool of the collector, which speaks Protocol, "grpc" by default;
	// ServiceName is the blueprint's name by default.
	Collector, Protocol, ServiceName string
	// The samplings are per cents, 100 by default.
	Sampling, ClientSampling, OverallSampling *float64
	Tags                                      []LogField
	UpstreamSpans                             *bool
}

func (t *Tracing) fill() {
	if t.Protocol == "" {
		t.Protocol = "grpc"
	}
	for _, p := range []**float64{&t.Sampling, &t.ClientSampling, &t.OverallSampling} {
		if *p == nil {
			*p = said(100.0, true)
		}
	}
}

func (d *decoder) tracing(s *tracingSpec) *Tracing {
	t := &Tracing{
		Policy: d.policy(&s.policySpec), Protocol: s.Protocol.v, ServiceName: s.ServiceName.v,
		Sampling:        said(s.Sampling.v, s.Sampling.given()),
		ClientSampling:  said(s.ClientSampling.v, s.ClientSampling.given()),
		OverallSampling: said(s.OverallSampling.v, s.OverallSampling.given()),
		UpstreamSpans:   said(s.UpstreamSpans.v, s.UpstreamSpans.given()),
	}
	if inEndpoint(s.at) {
		for _, a := range []at{s.Collector.at, s.Protocol.at, s.ServiceName.at, s.UpstreamSpans.at} {
			if a.given() {
				d.fail(a, "is one for the whole proxy: set it in plugins.tracing")
			}
		}
		s.Collector = str{}
	}
	t.Collector = d.collector("tracing.collector", s.Collector, s.Protocol)
	for _, x := range s.Tags.items {
		d.noParams(x.v)
		if x.key == "" {
			d.fail(x.at, "must not be empty")
		}
		t.Tags = append(t.Tags, LogField{x.key, x.v.text})
	}
	return t
}
