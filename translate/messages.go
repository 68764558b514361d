package translate

import (
	"fmt"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// typed wraps m. Its bytes are the same each time: resources are compared by
// their hash. What does not pass its proto validation is a problem, since the
// validation of the message around it does not look inside.
func (b *builder) typed(m proto.Message) *anypb.Any {
	if err := check(m); err != nil {
		b.problem(b.bp.Position, err.Error())
	}
	return pack(m)
}

func pack(m proto.Message) *anypb.Any {
	a := new(anypb.Any)
	if err := anypb.MarshalFrom(a, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		panic(fmt.Sprintf("marshal %T: %v", m, err)) // only a string that is no UTF-8 does this, and the loader refuses those
	}
	return a
}

// check is the proto validation of Envoy's API (protoc-gen-validate), which Envoy
// runs too: one message that fails it makes it refuse a whole response.
func check(m proto.Message) error {
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			return fmt.Errorf("envoy would refuse %s: %w", m.ProtoReflect().Descriptor().Name(), err)
		}
	}
	return nil
}

func (b *builder) validate(r Resource) {
	if err := check(r.Message); err != nil {
		b.problem(r.Position, err.Error())
	}
}

// ads says that a resource comes over the stream it was named on.
func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
	}
}

func duration(d time.Duration) *durationpb.Duration { return durationpb.New(d) }
func u32(n int) *wrapperspb.UInt32Value             { return wrapperspb.UInt32(uint32(n)) }
func boolean(v bool) *wrapperspb.BoolValue          { return wrapperspb.Bool(v) }

func exact(s string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: s}}
}

func regex(s string) *matcherv3.RegexMatcher {
	return &matcherv3.RegexMatcher{Regex: s}
}

func matches(pattern string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: regex(pattern)}}
}

func inline(s string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: s}}
}
