package translate

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

// A plugin's filter stands in the list of filters where any endpoint uses it, and does
// nothing there by itself: each route of an endpoint that uses it has its settings.

// plugins puts the settings of an endpoint's plugins into a route of it.
func (b *builder) plugins(r *routev3.Route, e *blueprints.Endpoint) {
	b.corsRoute(r, e)
	b.compressionRoute(r, e)
	b.accessLogRoute(r, e)
	b.tracingRoute(r, e)
	b.errorsRoute(r, e)
	b.limited(r, e)
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
	base := of(&b.bp.Policies)
	return slices.ContainsFunc(b.bp.Endpoints, func(e *blueprints.Endpoint) bool { return blueprints.Holds[T, P](base, of(&e.Policies)) })
}

// yes is a switch that is off where nobody says otherwise.
func yes(v *bool) bool { return v != nil && *v }

// variants are the different settings of a plugin: that of the blueprint first, which
// also holds for requests that meet no endpoint, then those that endpoints make of it.
// nil is one that is off. They are found once: each route asks for them.
func variants[T any, P blueprints.PolicyType[T]](b *builder, of func(*blueprints.Policies) *T) []*T {
	if found, is := b.variants[reflect.TypeFor[T]()]; is {
		return found.([]*T)
	}
	out := []*T{blueprints.Effective[T, P](of(&b.bp.Policies), nil)}
	for _, e := range b.bp.Endpoints {
		if of(&e.Policies) == nil {
			continue
		}
		if x := effective[T, P](b, e, of); variant(out, x) < 0 {
			out = append(out, x)
		}
	}
	if b.variants == nil {
		b.variants = map[reflect.Type]any{}
	}
	b.variants[reflect.TypeFor[T]()] = out
	return out
}

// variantOf is the place of an endpoint's among them.
func variantOf[T any, P blueprints.PolicyType[T]](b *builder, e *blueprints.Endpoint, of func(*blueprints.Policies) *T) int {
	return variant(variants[T, P](b, of), effective[T, P](b, e, of))
}

// variant is the place of x among list, or -1.
func variant[T any](list []*T, x *T) int {
	return slices.IndexFunc(list, func(y *T) bool { return blueprints.Alike(x, y) })
}

// mark notes in a route which variant of a plugin holds, for what is chosen when the
// request is done: the expressions are in whenMarked.
func mark(r *routev3.Route, plugin string, variant int) {
	if variant <= 0 {
		return
	}
	note(r, "backworks."+plugin, map[string]*structpb.Value{"variant": structpb.NewStringValue(strconv.Itoa(variant))})
}

// note puts metadata into a route.
func note(r *routev3.Route, namespace string, fields map[string]*structpb.Value) {
	if r.Metadata == nil {
		r.Metadata = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{}}
	}
	r.Metadata.FilterMetadata[namespace] = &structpb.Struct{Fields: fields}
}

// whenMarked is an expression (CEL) that holds for routes with this mark. For 0 it holds
// for those without, and where there is no route.
func whenMarked(plugin string, variant int) string {
	if variant > 0 {
		return fmt.Sprintf("xds.route_metadata.filter_metadata['backworks.%s']['variant'] == '%d'", plugin, variant)
	}
	return fmt.Sprintf("!has(xds.route_metadata) || !('backworks.%s' in xds.route_metadata.filter_metadata)", plugin)
}
