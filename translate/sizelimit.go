package translate

import (
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

func sizeFilterName(bytes int64) string { return sizeFilter + "/" + strconv.FormatInt(bytes, 10) }

// sizeFilters are those of all sizes.
func (b *builder) sizeFilters() []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	for _, n := range b.sizeLimits() {
		out = append(out, &hcmv3.HttpFilter{
			Name:       sizeFilterName(n),
			ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.typed(&sizelimitv3.BodySizeLimit{MaxRequestBytes: wrapperspb.UInt64(uint64(n))})},
			Disabled:   true,
		})
	}
	return out
}

// sizeLimits are the sizes of the endpoints, sorted.
func (b *builder) sizeLimits() []int64 {
	var out []int64
	for _, e := range b.bp.Endpoints {
		if e.Handler != blueprints.HandlerProxy {
			continue
		}
		if p := b.pool(e); p != nil {
			if n := settingsOf(p, e.Proxy).maxSize(); n > 0 {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// maxSize is 0 where there is no limit.
func (s settings) maxSize() int64 {
	if s.MaxRequestSize == nil {
		return 0
	}
	return *s.MaxRequestSize
}

// limitSize switches the limit of a route on.
func (b *builder) limitSize(r *routev3.Route, s settings) {
	if n := s.maxSize(); n > 0 {
		b.setting(r, sizeFilterName(n), &routev3.FilterConfig{Config: &anypb.Any{}})
	}
}
