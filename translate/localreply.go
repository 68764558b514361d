package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

const jsonType = "application/json"

// localReplies makes JSON, or what the blueprint wants, of what Envoy would say in plain
// words or not at all.
func (b *builder) localReplies() *hcmv3.LocalReplyConfig {
	c := &hcmv3.LocalReplyConfig{Mappers: b.grpcReplies()}
	if b.ownHealth() {
		c.Mappers = append(c.Mappers,
			healthReply(200, map[string]string{"status": "healthy", "timestamp": formatters["now"]}),
			healthReply(503, map[string]string{"status": "unhealthy", "timestamp": formatters["now"]}))
	}
	c.Mappers = append(c.Mappers, b.errorMappers()...)
	b.mapAnswers(c)
	return c
}

func jsonBody(s *structpb.Struct) *corev3.SubstitutionFormatString {
	return &corev3.SubstitutionFormatString{
		Format:      &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: s},
		ContentType: jsonType,
	}
}
