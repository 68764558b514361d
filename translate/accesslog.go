package translate

import (
	"regexp"
	"slices"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	otelv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/open_telemetry/v3"
	streamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

func accessLogOf(p *blueprints.Policies) *blueprints.AccessLog { return p.AccessLog }

// logFormatters are Envoy's commands for the placeholders of lines.
var logFormatters = map[string]string{
	"duration_ms": "%DURATION%", "target_ms": "%RESPONSE_DURATION%",
	"bytes_in": "%BYTES_RECEIVED%", "bytes_out": "%BYTES_SENT%", "protocol": "%PROTOCOL%",
	"flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "target": "%UPSTREAM_HOST%", "pool": "%UPSTREAM_CLUSTER%",
	"endpoint": "%ROUTE_NAME%", "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "trace_id": "%TRACE_ID%", "tls_version": "%DOWNSTREAM_TLS_VERSION%",
}

// logFormat is format with the placeholders of lines.
func (b *builder) logFormat(t blueprints.Text, pos blueprints.Position) string {
	var s strings.Builder
	for _, p := range t {
		b.reads(p)
		f, known := logFormatters[p.Var]
		switch {
		case known:
			s.WriteString(f)
		case p.Var == "path" && b.shownInQuery():
			// A request that is refused still has its credentials.
			s.WriteString("%PATH(NQ:ORIG_OR_PATH)%")
		case p.Var == "response_header":
			s.WriteString("%RESP(" + p.Arg + ")%")
		default:
			s.WriteString(b.format(blueprints.Text{p}, pos))
		}
	}
	return s.String()
}

// accessLogRoute marks the routes of an endpoint that has an access log of its own, or
// none.
func (b *builder) accessLogRoute(r *routev3.Route, e *blueprints.Endpoint) {
	if accessLogOf(&e.Policies) != nil {
		mark(r, "access_log", variantOf(b, e, accessLogOf))
	}
}

// accessLogs are the logs of all endpoints, each with a filter for its requests.
func (b *builder) accessLogs() []*accesslogv3.AccessLog {
	var out []*accesslogv3.AccessLog
	if b.usesCache() {
		out = append(out, b.cacheCounts())
	}
	list := variants(b, accessLogOf)
	for i, l := range list {
		if l == nil {
			continue
		}
		filter := b.logFilter(l)
		if len(list) > 1 {
			filter = all(holds(whenMarked("access_log", i)), filter)
		}
		add := func(name string, m proto.Message) {
			out = append(out, &accesslogv3.AccessLog{Name: name, Filter: filter, ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.typed(m)}})
		}
		switch l.File {
		case "":
		case "stdout":
			add("envoy.access_loggers.stdout", &streamv3.StdoutAccessLog{AccessLogFormat: &streamv3.StdoutAccessLog_LogFormat{LogFormat: b.line(l)}})
		case "stderr":
			add("envoy.access_loggers.stderr", &streamv3.StderrAccessLog{AccessLogFormat: &streamv3.StderrAccessLog_LogFormat{LogFormat: b.line(l)}})
		default:
			add("envoy.access_loggers.file", &filev3.FileAccessLog{Path: l.File, AccessLogFormat: &filev3.FileAccessLog_LogFormat{LogFormat: b.line(l)}})
		}
		if l.Collector != "" {
			add("envoy.access_loggers.open_telemetry", b.otelLog(l))
		}
	}
	return out
}

// line is what a line of a file is made from.
func (b *builder) line(l *blueprints.AccessLog) *corev3.SubstitutionFormatString {
	if l.Format == "text" {
		if slices.ContainsFunc(l.Line, func(p blueprints.Part) bool { return p.Var == "query" }) {
			b.problem(l.Position, "a line of text must not have {{query.NAME}}, in which a client could write line breaks, and so lines: use format json, or {{path}}")
		}
		return &corev3.SubstitutionFormatString{Format: &corev3.SubstitutionFormatString_TextFormatSource{
			TextFormatSource: inline(b.logFormat(l.Line, l.Position) + "\n"),
		}}
	}
	s := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for _, f := range l.Fields {
		s.Fields[f.Key] = structpb.NewStringValue(b.logFormat(f.Value, l.Position))
	}
	return jsonBody(s)
}

// otelLog is a record with the fields as attributes, or the line as its body.
func (b *builder) otelLog(l *blueprints.AccessLog) *otelv3.OpenTelemetryAccessLogConfig {
	word := func(s string) *commonv1.AnyValue {
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: s}}
	}
	c := &otelv3.OpenTelemetryAccessLogConfig{
		LogName: "access_log",
		ResourceAttributes: &commonv1.KeyValueList{Values: []*commonv1.KeyValue{
			{Key: "service.name", Value: word(strings.ReplaceAll(b.serviceName(l.ServiceName), "%", "%%"))},
		}},
	}
	if l.Protocol == "http" {
		c.HttpService = b.overHTTP(l.Collector, "/v1/logs")
	} else {
		c.GrpcService = b.overGRPC(l.Collector, l.Position)
	}
	if l.Format == "text" {
		if slices.ContainsFunc(l.Line, func(p blueprints.Part) bool { return p.Var == "query" }) {
			b.problem(l.Position, "a line of text must not have {{query.NAME}}, in which a client could write line breaks, and so lines: use format json, or {{path}}")
		}
		c.Body = word(b.logFormat(l.Line, l.Position))
		return c
	}
	c.Attributes = &commonv1.KeyValueList{}
	for _, f := range l.Fields {
		c.Attributes.Values = append(c.Attributes.Values, &commonv1.KeyValue{Key: f.Key, Value: word(b.logFormat(f.Value, l.Position))})
	}
	return c
}

// logFilter chooses the requests of a log; nil is all.
func (b *builder) logFilter(l *blueprints.AccessLog) *accesslogv3.AccessLogFilter {
	var codes, paths, list []*accesslogv3.AccessLogFilter
	for _, r := range l.Status {
		codes = append(codes, statuses(r.First, r.Last))
	}
	for _, p := range l.Paths {
		paths = append(paths, pathIs(p))
	}
	b.readsRouter = b.readsRouter || len(paths)+len(l.ExcludePaths) > 0
	list = append(list, anyOne(codes...), anyOne(paths...))
	for _, p := range l.ExcludePaths {
		list = append(list, pathIsNot(p))
	}
	if l.MinDuration != nil {
		list = append(list, &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_DurationFilter{DurationFilter: &accesslogv3.DurationFilter{
			Comparison: comparison(accesslogv3.ComparisonFilter_GE, int(l.MinDuration.Milliseconds())),
		}}})
	}
	if yes(l.OnlyErrors) {
		// 0: the client went away, or the answer was cut off.
		list = append(list, anyOne(statusIs(accesslogv3.ComparisonFilter_GE, 500), statusIs(accesslogv3.ComparisonFilter_EQ, 0)))
	}
	if l.Sample != nil && *l.Sample < 100 {
		list = append(list, &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_RuntimeFilter{RuntimeFilter: &accesslogv3.RuntimeFilter{
			RuntimeKey: "backworks.unchanged.sample", PercentSampled: fraction(*l.Sample), UseIndependentRandomness: true,
		}}})
	}
	return all(list...)
}

// originalPath has the client's path where it was rewritten for the target.
const originalPath = "X-Envoy-Original-Path"

// pathIs holds for requests that came with such a path.
func pathIs(p string) *accesslogv3.AccessLogFilter {
	rewritten := &routev3.HeaderMatcher{Name: originalPath, InvertMatch: true, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}
	return anyOne(headerIs(originalPath, pathPattern(p)), all(headerFits(rewritten), headerIs(":path", pathPattern(p))))
}

// pathIsNot holds for all others.
func pathIsNot(p string) *accesslogv3.AccessLogFilter {
	original, path := header(originalPath, pathPattern(p)), header(":path", pathPattern(p))
	original.InvertMatch, original.TreatMissingHeaderAsEmpty = true, true
	path.InvertMatch, path.TreatMissingHeaderAsEmpty = true, true // what cannot be read has none
	rewritten := &routev3.HeaderMatcher{Name: originalPath, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}
	return all(headerFits(original), anyOne(headerFits(rewritten), headerFits(path)))
}

// pathPattern matches a path in which * stands for any characters, with any query.
func pathPattern(p string) *matcherv3.StringMatcher {
	return matches(strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, `.*`) + `(?:\?.*)?`)
}
