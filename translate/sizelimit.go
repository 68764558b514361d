package translate

import (
	"fmt"
	"slices"
	"strconv"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	sizelimitv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/body_size_limit/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"backworks/blueprints"
)

// sizeFilter takes no settings of routes. So there is one for each size that the blueprint
// has, all of them switched off, and a route switches its own on.
const sizeFilter = "envoy.filters.http.body_size_limit"

// maxSizes bounds them, since every request passes them all.
const maxSizes = 50

func sizeFilterName(bytes int64) string { return sizeFilter + "/" + strconv.FormatInt(bytes, 10) }

// sizeFilters are those of all sizes.
func (b *builder) sizeFilters() []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	sizes := b.sizeLimits()
	if len(sizes) > maxSizes {
		b.problem(b.bp.Position, fmt.Sprintf("there are %d different values of max_request_size: use %d at most", len(sizes), maxSizes))
		return nil
	}
	for _, n := range sizes {
		out = append(out, off(b.filter(sizeFilterName(n), &sizelimitv3.BodySizeLimit{MaxRequestBytes: wrapperspb.UInt64(uint64(n))})))
	}
	return out
}

// sizeLimits are all sizes that the blueprint has, sorted.
func (b *builder) sizeLimits() []int64 {
	out := []int64{b.bp.Server.MaxRequestSize}
	add := func(t blueprints.Traffic) {
		if t.MaxRequestSize != nil {
			out = append(out, *t.MaxRequestSize)
		}
	}
	for _, p := range b.bp.Pools {
		add(p.Traffic)
	}
	for _, e := range b.bp.Endpoints {
		if e.Proxy != nil {
			add(e.Proxy.Traffic)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if out[0] == 0 { // no limit
		out = out[1:]
	}
	return out
}

// limitSize switches the limit of a route on.
func (b *builder) limitSize(r *routev3.Route, s settings) {
	n := b.bp.Server.MaxRequestSize
	if s.MaxRequestSize != nil {
		n = *s.MaxRequestSize
	}
	if n > 0 {
		b.setting(r, sizeFilterName(n), &routev3.FilterConfig{Config: &anypb.Any{}})
	}
}
