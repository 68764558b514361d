package translate

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

const jsonType = "application/json"

// answer is what the proxy says by itself in a case that Envoy marks with one of
// the flags (RESPONSE_FLAGS of its access log).
type answer struct {
	flags          []string
	error, message string
}

// answers are those cases. They are told by flag and not by status: a static
// endpoint's answer is the proxy's own too, and has no flag.
var answers = []answer{
	{[]string{"NR"}, "not_found", "no endpoint has this path"},
	{[]string{"UT", "DT", "SI"}, "timeout", "the target did not answer in time"},
	{[]string{"UH", "UF", "UC", "UR", "UO", "URX", "NC", "LR", "LH", "UPE", "NFCF", "DO"}, "service_unavailable", "no target could serve this request"},
	{[]string{"OM"}, "overloaded", "the proxy is at its limit, try again later"},
	{[]string{"DPE"}, "bad_request", "the request cannot be read"},
}

// localReplies makes JSON of what Envoy would say in plain words or not at all.
func (b *builder) localReplies() *hcmv3.LocalReplyConfig {
	c := new(hcmv3.LocalReplyConfig)
	if b.ownHealth() {
		c.Mappers = append(c.Mappers,
			healthReply(200, map[string]string{"status": "healthy", "timestamp": formatters["now"]}),
			healthReply(503, map[string]string{"status": "unhealthy", "timestamp": formatters["now"]}))
	}
	if b.auth() != nil {
		c.Mappers = append(c.Mappers, b.refusals()...)
	}
	for _, a := range answers {
		c.Mappers = append(c.Mappers, &hcmv3.ResponseMapper{
			Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
				ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: a.flags},
			}},
			BodyFormatOverride: jsonFormat(map[string]string{"error": a.error, "message": a.message}),
		})
	}
	return c
}

// healthReply is the body of the health filter's answers.
func healthReply(status int, body map[string]string) *hcmv3.ResponseMapper {
	return &hcmv3.ResponseMapper{
		Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{
			AndFilter: &accesslogv3.AndFilter{Filters: []*accesslogv3.AccessLogFilter{
				{FilterSpecifier: &accesslogv3.AccessLogFilter_StatusCodeFilter{StatusCodeFilter: &accesslogv3.StatusCodeFilter{
					Comparison: &accesslogv3.ComparisonFilter{
						Op: accesslogv3.ComparisonFilter_EQ,
						// Envoy wants a key by which the number could be changed at run time.
						Value: &corev3.RuntimeUInt32{DefaultValue: uint32(status), RuntimeKey: "backworks.health.status"},
					},
				}}},
				{FilterSpecifier: &accesslogv3.AccessLogFilter_HeaderFilter{HeaderFilter: &accesslogv3.HeaderFilter{
					Header: header(":path", matches(pathAndQuery(healthPath))),
				}}},
			}},
		}},
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
