package translate

import (
	"path/filepath"
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"backworks/blueprints"
)

// The dialect grpc: what a proxyless gRPC client, which is its own proxy, takes of a
// blueprint. It dials a listener by name (xds:///NAME), and of routes, clusters and
// assignments it knows what gRPC's proposals A27 to A61 name; a resource with
// anything that it must understand and does not is refused. What a blueprint says
// beyond that is left out; grpcLeftOut tells it.

// GRPC translates bp for gRPC clients. Problems are errors only.
func GRPC(bp *blueprints.Blueprint) (*Resources, blueprints.Problems) {
	return UpdateGRPC(nil, bp)
}

// UpdateGRPC is GRPC, but takes the resources of pools that did not change (the same
// pointer) from prev, which may be nil and must have come from here.
func UpdateGRPC(prev *Resources, bp *blueprints.Blueprint) (*Resources, blueprints.Problems) {
	b := &builder{bp: bp, sorted: bySpecificity(bp.Endpoints)}
	r := &Resources{grpcPools: make(map[*blueprints.Pool]*grpcPool, len(bp.Pools))}
	names := grpcNames(bp)
	for _, p := range bp.Pools {
		var g *grpcPool
		if prev != nil {
			g = prev.grpcPools[p]
		}
		if g == nil {
			g = b.grpcPool(p)
		}
		r.grpcPools[p] = g
		r.Clusters = append(r.Clusters, g.clusters...)
		if !slices.Contains(names, p.Name) {
			r.Listeners = append(r.Listeners, g.listener)
			r.Routes = append(r.Routes, g.routes)
		}
	}
	for _, name := range names {
		r.Listeners = append(r.Listeners, Resource{Name: name, Message: b.grpcListener(name, RouteName), Position: bp.Position})
	}
	r.Routes = append(r.Routes, Resource{Name: RouteName, Message: grpcRouteConfig(RouteName, b.grpcRoutes()), Position: bp.Position})
	for _, list := range [][]Resource{r.Clusters, r.Listeners, r.Routes} {
		slices.SortFunc(list, func(x, y Resource) int { return strings.Compare(x.Name, y.Name) })
	}
	for _, x := range slices.Concat(r.Listeners, r.Routes) {
		b.validate(x)
	}
	b.problems.Sort()
	if b.problems.Err() != nil {
		return nil, b.problems
	}
	return r, b.problems
}

// grpcPool is all that a pool brings: its clusters, and the listener of its name with
// the routes behind it.
type grpcPool struct {
	clusters         []Resource
	listener, routes Resource
}

func (b *builder) grpcPool(p *blueprints.Pool) *grpcPool {
	// A listener's name and RouteName have no slash.
	routes := "pool/" + p.Name
	all := &routev3.Route{
		Name:   p.Name,
		Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_Route{Route: grpcAction(p, nil)},
	}
	g := &grpcPool{
		clusters: b.grpcClusters(p),
		listener: Resource{Name: p.Name, Message: b.grpcListener(p.Name, routes), Position: p.Position},
		routes:   Resource{Name: routes, Message: grpcRouteConfig(routes, []*routev3.Route{all}), Position: p.Position},
	}
	for _, c := range g.clusters {
		b.validate(c)
	}
	return g
}

// grpcListener is what a client gets for the name it dials (proposal A27): no
// address, and a connection manager of which it reads the routes and the filters.
func (b *builder) grpcListener(name, routes string) *listenerv3.Listener {
	return &listenerv3.Listener{
		Name: name,
		ApiListener: &listenerv3.ApiListener{ApiListener: b.typed(&hcmv3.HttpConnectionManager{
			StatPrefix: statPrefix,
			RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
				RouteConfigName: routes, ConfigSource: ads(),
			}},
			HttpFilters: []*hcmv3.HttpFilter{{
				Name:       routerFilter,
				ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.typed(&routerv3.Router{})},
			}},
		})},
	}
}

// grpcNames are what all of bp is dialled by: the main file's name without its
// ending, and the blueprint's name, both in the form of dialled. A pool is dialled by
// its own name, unless that is one of these.
func grpcNames(bp *blueprints.Blueprint) []string {
	file := filepath.Base(bp.File)
	var out []string
	for _, s := range []string{strings.TrimSuffix(file, filepath.Ext(file)), bp.Name} {
		if s = dialled(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// dialled is s in lower case, with one hyphen for whatever no pool's name may hold:
// "Advanced Proxy API" is advanced-proxy-api.
func dialled(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}), "-")
}
