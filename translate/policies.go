package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"backworks/blueprints"
)

// A plugin's filter stands in the list of filters where any endpoint uses it, and does
// nothing there by itself: each route of an endpoint that uses it has its settings.

// plugins puts the settings of an endpoint's plugins into a route of it.
func (b *builder) plugins(r *routev3.Route, e *blueprints.Endpoint) {
	if c := effective(b, e, corsOf); c != nil {
		b.setting(r, corsFilter, b.cors(c, e))
	}
}

// setting gives a filter its settings for one route.
func (b *builder) setting(r *routev3.Route, filter string, m proto.Message) {
	if r.TypedPerFilterConfig == nil {
		r.TypedPerFilterConfig = map[string]*anypb.Any{}
	}
	r.TypedPerFilterConfig[filter] = b.typed(m)
}

// effective is a plugin as it holds for an endpoint, or nil; of chooses the plugin.
func effective[T any, P blueprints.PolicyType[T]](b *builder, e *blueprints.Endpoint, of func(*blueprints.Policies) *T) *T {
	return blueprints.Effective[T, P](of(&b.bp.Policies), of(&e.Policies))
}

// used says that some endpoint uses a plugin.
func used[T any, P blueprints.PolicyType[T]](b *builder, of func(*blueprints.Policies) *T) bool {
	return slices.ContainsFunc(b.bp.Endpoints, func(e *blueprints.Endpoint) bool { return effective[T, P](b, e, of) != nil })
}
