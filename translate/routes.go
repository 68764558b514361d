package translate

import routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

func (b *builder) routes() *routev3.RouteConfiguration {
	return &routev3.RouteConfiguration{Name: RouteName}
}
