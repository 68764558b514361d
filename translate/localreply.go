package translate

import (
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

const jsonType = "application/json"

// answer is what the proxy says by itself in a case that Envoy marks with one of
// the flags (RESPONSE_FLAGS of its access log), or, where it has no flag, tells in
// RESPONSE_CODE_DETAILS.
type answer struct {
	flags          []string
	details        []string
	error, message string
	status         int // 0: Envoy's
}

// answers are those cases. They are told by flag and not by status: a static
// endpoint's answer is the proxy's own too, and has no flag.
var answers = []answer{
	{flags: []string{"NR"}, error: "not_found", message: "no endpoint has this path"},
	{flags: slow, error: "timeout", message: "the target did not answer in time"},
	{flags: []string{"UH", "UF", "UC", "UR", "UO", "URX", "NC", "LR", "LH", "UPE", "NFCF", "DO"}, error: "service_unavailable", message: "no target could serve this request"},
	{flags: []string{"OM"}, error: "overloaded", message: "the proxy is at its limit, try again later"},
	{flags: []string{"DPE"}, error: "bad_request", message: "the request cannot be read"},
	{details: []string{tooLarge}, error: "too_large", message: "the request's body is too large"},
	{details: []string{"request_header_timeout", "request_overall_timeout"}, error: "timeout", message: "the request took too long to arrive"},
	{details: []string{"upgrade_failed"}, error: "upgrade_refused", message: "this endpoint takes no WebSocket"},
	// Envoy says 507 when the first target cannot be reached and there is more of the body
	// than is kept for another try.
	{details: []string{"request_payload_exceeded_retry_buffer_limit"}, error: "service_unavailable", status: 503,
		message: "the target could not be reached, and the request is too large to be sent to another"},
}

// slow are the flags of what took too long.
var slow = []string{"UT", "DT", "SI"}

// tooLarge is the detail of what is over max_request_size.
const tooLarge = "request_payload_too_large"

// localReplies makes JSON of what Envoy would say in plain words or not at all.
func (b *builder) localReplies() *hcmv3.LocalReplyConfig {
	c := &hcmv3.LocalReplyConfig{Mappers: b.grpcReplies()}
	if b.ownHealth() {
		c.Mappers = append(c.Mappers,
			healthReply(200, map[string]string{"status": "healthy", "timestamp": formatters["now"]}),
			healthReply(503, map[string]string{"status": "unhealthy", "timestamp": formatters["now"]}))
	}
	if b.auth() != nil {
		c.Mappers = append(c.Mappers, b.refusals()...)
	}
	for _, a := range answers {
		m := &hcmv3.ResponseMapper{
			Filter:             flagged(a.flags),
			BodyFormatOverride: jsonFormat(map[string]string{"error": a.error, "message": a.message}),
		}
		if a.details != nil {
			m.Filter = b.detailed(a.details...)
		}
		if a.status != 0 {
			m.StatusCode = u32(a.status)
		}
		c.Mappers = append(c.Mappers, m)
	}
	return c
}

func flagged(flags []string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
		ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: flags},
	}}
}

// detailed matches RESPONSE_CODE_DETAILS, for which there is no other filter.
func (b *builder) detailed(details ...string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
		ExtensionFilter: &accesslogv3.ExtensionFilter{
			Name: "envoy.access_loggers.extension_filters.cel",
			ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{TypedConfig: b.typed(&celv3.ExpressionFilter{
				Expression: "response.code_details in ['" + strings.Join(details, "', '") + "']",
			})},
		},
	}}
}

func allOf(filters ...*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{
		AndFilter: &accesslogv3.AndFilter{Filters: filters},
	}}
}

func withHeader(m *routev3.HeaderMatcher) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_HeaderFilter{
		HeaderFilter: &accesslogv3.HeaderFilter{Header: m},
	}}
}

// healthReply is the body of the health filter's answers.
func healthReply(status int, body map[string]string) *hcmv3.ResponseMapper {
	return &hcmv3.ResponseMapper{
		Filter: allOf(
			&accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_StatusCodeFilter{StatusCodeFilter: &accesslogv3.StatusCodeFilter{
				Comparison: &accesslogv3.ComparisonFilter{
					Op: accesslogv3.ComparisonFilter_EQ,
					// Envoy wants a key by which the number could be changed at run time.
					Value: &corev3.RuntimeUInt32{DefaultValue: uint32(status), RuntimeKey: "backworks.health.status"},
				},
			}}},
			withHeader(header(":path", matches(pathAndQuery(healthPath)))),
		),
		BodyFormatOverride: jsonFormat(body),
	}
}

// jsonFormat is a JSON object, its values in Envoy's format language.
func jsonFormat(values map[string]string) *corev3.SubstitutionFormatString {
	s := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for k, v := range values {
		s.Fields[k] = structpb.NewStringValue(v)
	}
	return jsonBody(s)
}

func jsonBody(s *structpb.Struct) *corev3.SubstitutionFormatString {
	return &corev3.SubstitutionFormatString{
		Format:      &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: s},
		ContentType: jsonType,
	}
}
