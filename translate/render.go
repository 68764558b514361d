package translate

import (
	"slices"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
)

// Static translates bp into listeners and clusters that need no management
// server: routes and assignments stand inside them. It is what `render` prints, and
// what Envoy can check offline, since behind ADS it sees nothing.
func Static(bp *blueprints.Blueprint, state State) (*Resources, blueprints.Problems) {
	r, problems := Blueprint(bp)
	if r == nil {
		return nil, problems
	}
	assignments := map[string]*endpointv3.ClusterLoadAssignment{}
	for _, a := range Assignments(bp, state) {
		assignments[a.Name] = a.Message.(*endpointv3.ClusterLoadAssignment)
	}
	out := &Resources{Secrets: FileSecrets(bp)}
	for _, c := range r.Clusters {
		c.Message = staticCluster(c.Message.(*clusterv3.Cluster), assignments[c.Name])
		unattended(c.Message.(*clusterv3.Cluster), bp)
		out.Clusters = append(out.Clusters, c)
	}
	routes := map[string]*routev3.RouteConfiguration{}
	for _, x := range r.Routes {
		routes[x.Name] = x.Message.(*routev3.RouteConfiguration)
	}
	for _, l := range r.Listeners {
		l.Message = staticListener(l.Message.(*listenerv3.Listener), routes)
		out.Listeners = append(out.Listeners, l)
	}
	return out, problems
}

func staticCluster(c *clusterv3.Cluster, a *endpointv3.ClusterLoadAssignment) *clusterv3.Cluster {
	c = proto.CloneOf(c)
	staticSocket(c.TransportSocket)
	for _, m := range c.TransportSocketMatches {
		staticSocket(m.TransportSocket)
	}
	if c.GetType() != clusterv3.Cluster_EDS {
		return c // Envoy resolves it
	}
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	c.EdsClusterConfig = nil
	c.LoadAssignment = a
	return c
}

// unattended gives a cluster the whole recovery time: nobody holds its targets out after
// Envoy's own time.
func unattended(c *clusterv3.Cluster, bp *blueprints.Blueprint) {
	for _, p := range bp.Pools {
		if ClusterName(p) == c.Name && p.HalfOpens() {
			c.OutlierDetection.BaseEjectionTime = duration(p.Breaker.RecoveryTimeout)
			c.OutlierDetection.MaxEjectionTime = duration(p.Breaker.RecoveryTimeout)
		}
	}
}

func staticListener(l *listenerv3.Listener, routes map[string]*routev3.RouteConfiguration) *listenerv3.Listener {
	l = proto.CloneOf(l)
	for _, chain := range l.FilterChains {
		staticSocket(chain.TransportSocket)
		for _, f := range chain.Filters {
			m := new(hcmv3.HttpConnectionManager)
			if f.GetTypedConfig().UnmarshalTo(m) != nil {
				continue // another kind of filter
			}
			if c := routes[m.GetRds().GetRouteConfigName()]; c != nil {
				m.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: c}
			}
			staticOAuth2(m.HttpFilters)
			for _, u := range m.UpgradeConfigs {
				staticOAuth2(u.Filters)
			}
			f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(m)}
		}
	}
	return l
}

// FileWarnings are what Envoy understands otherwise from a file than by xDS. In
// values of free form its YAML reader takes for a string whatever is not a whole
// number of 32 bits; such are the bodies that it fills in for each request.
func FileWarnings(bp *blueprints.Blueprint) blueprints.Problems {
	var out blueprints.Problems
	for _, e := range bp.Endpoints {
		if e.Static != nil && !fixedJSON(e.Static.JSON) && hasOtherNumber(e.Static.JSON) {
			out = append(out, blueprints.Problem{
				Position: e.Position, Severity: blueprints.Warning,
				Message: "numbers in the body that have a fraction or exceed 32 bits become strings when Envoy reads it from a file; by xDS they stay numbers",
			})
		}
	}
	return out
}

// hasOtherNumber says that a JSON value has a number that is no int32.
func hasOtherNumber(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			if hasOtherNumber(x) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasOtherNumber)
	case float64:
		return v != float64(int32(v))
	}
	return false
}

// AddTo puts what Static gave into a bootstrap's static resources.
func (r *Resources) AddTo(config *bootstrapv3.Bootstrap) {
	if config.StaticResources == nil {
		config.StaticResources = new(bootstrapv3.Bootstrap_StaticResources)
	}
	s := config.StaticResources
	for _, x := range r.Listeners {
		s.Listeners = append(s.Listeners, x.Message.(*listenerv3.Listener))
	}
	for _, x := range r.Clusters {
		s.Clusters = append(s.Clusters, x.Message.(*clusterv3.Cluster))
	}
	for _, x := range r.Secrets {
		s.Secrets = append(s.Secrets, x.Message.(*tlsv3.Secret))
	}
}
