package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	commonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/ratelimit/v3"
	metadatav3 "github.com/envoyproxy/go-control-plane/envoy/type/metadata/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"backworks/blueprints"
)

// sharedPrefix is what one customer is usually given of IPv6: who has an address has all
// of these.
const sharedPrefix = 64

// countedBy makes descriptors of a request for the limit that its route names in a slot:
// one where the request has all the keys; where it lacks one that not all have, another
// by what it has and the client's address, so that leaving it out is no way around.
// Envoy makes the second also for requests that have them all; no bucket is for those.
func (b *builder) countedBy(slot string, keys []blueprints.LimitKey) []*routev3.RateLimit {
	exact, rest := []*routev3.RateLimit_Action{fromRoute(limitKey, slot)}, []*routev3.RateLimit_Action{fromRoute(unknownKey, slot)}
	for _, k := range keys {
		exact = append(exact, b.action(k, false))
		if k.Kind != blueprints.KeyClientIP {
			rest = append(rest, b.action(k, true))
		}
	}
	out := []*routev3.RateLimit{{Actions: exact}}
	if slices.ContainsFunc(keys, isOptional) {
		out = append(out, &routev3.RateLimit{Actions: append(rest, b.action(blueprints.LimitKey{Kind: blueprints.KeyClientIP}, false))})
	}
	return out
}

// action is the part of a request that a key stands for.
func (b *builder) action(k blueprints.LimitKey, skip bool) *routev3.RateLimit_Action {
	switch k.Kind {
	case blueprints.KeyEndpoint:
		return fromRoute(descriptorKey(k), endpointSlot)
	case blueprints.KeyClaim:
		return fromMetadata(descriptorKey(k), routev3.RateLimit_Action_MetaData_DYNAMIC, skip, jwtFilter,
			append([]string{claims}, blueprints.ClaimPath(k.Name)...)...)
	case blueprints.KeyHeader, blueprints.KeyClient:
		name := k.Name
		switch {
		case k.Kind == blueprints.KeyClient:
			name = b.clientHeader()
		case name == "host":
			name = ":authority"
		}
		return &routev3.RateLimit_Action{ActionSpecifier: &routev3.RateLimit_Action_RequestHeaders_{
			RequestHeaders: &routev3.RateLimit_Action_RequestHeaders{HeaderName: name, DescriptorKey: descriptorKey(k), SkipIfAbsent: skip},
		}}
	}
	return &routev3.RateLimit_Action{ActionSpecifier: &routev3.RateLimit_Action_MaskedRemoteAddress_{
		MaskedRemoteAddress: &routev3.RateLimit_Action_MaskedRemoteAddress{V4PrefixMaskLen: u32(32), V6PrefixMaskLen: u32(sharedPrefix)},
	}}
}

// fromRoute takes a value out of the metadata of a request's route; a route that has
// none gives no descriptor.
func fromRoute(key, slot string) *routev3.RateLimit_Action {
	return fromMetadata(key, routev3.RateLimit_Action_MetaData_ROUTE_ENTRY, false, limitSlots, slot)
}

func fromMetadata(key string, source routev3.RateLimit_Action_MetaData_Source, skip bool, namespace string, path ...string) *routev3.RateLimit_Action {
	m := &metadatav3.MetadataKey{Key: namespace}
	for _, p := range path {
		m.Path = append(m.Path, &metadatav3.MetadataKey_PathSegment{Segment: &metadatav3.MetadataKey_PathSegment_Key{Key: p}})
	}
	return &routev3.RateLimit_Action{ActionSpecifier: &routev3.RateLimit_Action_Metadata{
		Metadata: &routev3.RateLimit_Action_MetaData{DescriptorKey: key, MetadataKey: m, Source: source, SkipIfAbsent: skip},
	}}
}

func descriptorKey(k blueprints.LimitKey) string {
	if k.Kind == blueprints.KeyClientIP {
		return remoteKey
	}
	return k.String()
}

func isOptional(k blueprints.LimitKey) bool {
	return k.Kind == blueprints.KeyHeader || k.Kind == blueprints.KeyClient || k.Kind == blueprints.KeyClaim
}

// descriptors are the keys of those that countedBy makes for a limit: of the first kind,
// and for each choice of keys that a request may lack of the second.
func descriptors(keys []blueprints.LimitKey) [][]string {
	exact := []string{limitKey}
	rest := [][]string{{unknownKey}}
	for _, k := range keys {
		exact = append(exact, descriptorKey(k))
		if k.Kind == blueprints.KeyClientIP {
			continue
		}
		var with [][]string
		for _, r := range rest {
			with = append(with, append(append([]string{}, r...), descriptorKey(k)))
		}
		if isOptional(k) {
			rest = append(with, rest...)
		} else {
			rest = with
		}
	}
	// The first lacks none, and so is the first kind's.
	out := [][]string{exact}
	for _, r := range rest[1:] {
		out = append(out, append(r, remoteKey))
	}
	return out
}

// buckets are what a limit has; an entry without a value stands for each that there is.
func buckets(l limit) (out []*commonv3.LocalRateLimitDescriptor) {
	for _, keys := range descriptors(l.By) {
		d := &commonv3.LocalRateLimitDescriptor{TokenBucket: &typev3.TokenBucket{
			MaxTokens: uint32(l.Burst), TokensPerFill: u32(l.Requests), FillInterval: duration(l.Per),
		}}
		for i, k := range keys {
			e := &commonv3.RateLimitDescriptor_Entry{Key: k}
			if i == 0 {
				e.Value = l.name
			}
			d.Entries = append(d.Entries, e)
		}
		out = append(out, d)
	}
	return out
}

// clientHeader has the name of a client that auth knows; checkLimits tells where there is
// no auth.
func (b *builder) clientHeader() string {
	if a := b.bp.Policies.Auth; a != nil {
		return a.ClientHeader
	}
	return string(blueprints.KeyClient)
}
