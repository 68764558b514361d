package translate

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// refusals make JSON of what the filters of the plugin auth say. They are told from an
// endpoint's own answers by the details that Envoy gives, since they have no flag.
func (b *builder) refusals() []*hcmv3.ResponseMapper {
	unauthorized := b.refusal(`response.code == 401 && response.code_details != "direct_response"`, "unauthorized", "%LOCAL_REPLY_BODY%")
	// Each 401 says what would help (RFC 9110, 15.5.2). For keys Envoy says nothing.
	unauthorized.HeadersToAdd = []*corev3.HeaderValueOption{{
		Header:       &corev3.HeaderValue{Key: "WWW-Authenticate", Value: "Key"},
		AppendAction: corev3.HeaderValueOption_ADD_IF_ABSENT,
	}}
	return []*hcmv3.ResponseMapper{
		unauthorized,
		b.refusal(`response.code_details.startsWith("rbac_access_denied")`, "forbidden", "the rules of this endpoint do not allow the request"),
		b.refusal(`response.code == 403 && response.code_details != "direct_response"`, "forbidden", "%LOCAL_REPLY_BODY%"),
	}
}

func (b *builder) refusal(when, error, message string) *hcmv3.ResponseMapper {
	return &hcmv3.ResponseMapper{
		Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
			ExtensionFilter: &accesslogv3.ExtensionFilter{
				Name:       "envoy.access_loggers.extension_filters.cel",
				ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{TypedConfig: b.typed(&celv3.ExpressionFilter{Expression: when})},
			},
		}},
		BodyFormatOverride: jsonFormat(map[string]string{"error": error, "message": message}),
	}
}
