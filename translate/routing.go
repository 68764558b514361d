package translate

import (
	"math"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"backworks/blueprints"
)

// way is one of the pools that an endpoint's requests go to, and what only its requests
// have. Each way is a route of its own, so that everything a pool says (its timeout, its
// targets' path, what it hashes on) holds for its part. Envoy's weighted clusters have one
// of these for all.
type way struct {
	pool   *blueprints.Pool
	canary *blueprints.Canary
	// upTo is the share of all requests, in millionths, that this way and those before it
	// of a split get; 0: all that come here.
	upTo uint32
}

// ways are an endpoint's, in the order in which Envoy is to try them.
func (b *builder) ways(e *blueprints.Endpoint) []way {
	var out []way
	add := func(ref string, pos blueprints.Position, w way) {
		if w.pool = b.poolNamed(ref); w.pool == nil {
			b.problem(position(pos, e.Position), "the endpoint's upstream does not exist")
			return
		}
		out = append(out, w)
	}
	for i := range e.Proxy.Canaries {
		c := &e.Proxy.Canaries[i]
		add(c.Pool, c.Position, way{canary: c})
	}
	parts := slices.DeleteFunc(slices.Clone(e.Proxy.Split), func(w blueprints.Weighted) bool { return w.Weight == 0 })
	if len(parts) == 0 {
		add(e.Proxy.Pool, e.Proxy.Position, way{})
		return out
	}
	total, sum := 0.0, 0.0
	for _, x := range parts {
		total += x.Weight
	}
	for i, x := range parts {
		sum += x.Weight
		w := way{}
		if i < len(parts)-1 {
			// Envoy draws one number for a request, so that what each way gets ends where the
			// next one's begins.
			w.upTo = uint32(max(1, math.Round(sum/total*million)))
		}
		add(x.Pool, x.Position, w)
	}
	return out
}

// narrow lets a route match the requests of the way alone.
func (w way) narrow(m *routev3.RouteMatch) {
	if w.upTo > 0 {
		m.RuntimeFraction = &corev3.RuntimeFractionalPercent{DefaultValue: &typev3.FractionalPercent{
			Numerator: w.upTo, Denominator: typev3.FractionalPercent_MILLION,
		}}
	}
	if w.canary == nil {
		return
	}
	for _, h := range w.canary.Headers {
		x := header(h.Name, exact(h.Value))
		if strings.EqualFold(h.Name, "host") {
			x.Name = ":authority" // as Envoy keeps it, whatever the version of HTTP
		}
		if h.Value == "*" {
			x.HeaderMatchSpecifier = &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}
		}
		m.Headers = append(m.Headers, x)
	}
	for _, c := range w.canary.Cookies {
		x := &routev3.CookieMatcher{Name: c.Name, StringMatch: exact(c.Value)}
		if c.Value == "*" {
			x.StringMatch = matches(".*")
		}
		m.Cookies = append(m.Cookies, x)
	}
}

// mirrors are the pools that get copies of what goes to p. A copy has the path that p's
// targets get.
func (b *builder) mirrors(e *blueprints.Endpoint, p *blueprints.Pool, s settings) []*routev3.RouteAction_RequestMirrorPolicy {
	var out []*routev3.RouteAction_RequestMirrorPolicy
	for _, m := range e.Proxy.Mirrors {
		to := b.poolNamed(m.Pool)
		if to == nil {
			b.problem(m.Position, "the pool to mirror to does not exist")
			continue
		}
		b.samePath(m.Position, p, to, "a copy has the path of the request it is of")
		x := &routev3.RouteAction_RequestMirrorPolicy{
			Cluster: clusterFor(to),
			RuntimeFraction: &corev3.RuntimeFractionalPercent{DefaultValue: &typev3.FractionalPercent{
				Numerator: uint32(math.Round(m.Percent / 100 * million)), Denominator: typev3.FractionalPercent_MILLION,
			}},
			// By default "-shadow" is added to the host.
			DisableShadowHostSuffixAppend: true,
		}
		if !s.preserveHost {
			// A copy is made before its target is chosen, so it cannot have that one's name.
			x.HostRewriteLiteral = mirrorHost(to)
		}
		out = append(out, x)
	}
	return out
}

func mirrorHost(p *blueprints.Pool) string {
	if len(p.Targets) == 0 {
		return ""
	}
	return Authority(p, p.Targets[0])
}

// mirrorHosts are those of the pools that get copies: all that a route has of targets.
func mirrorHosts(bp *blueprints.Blueprint) (out []string) {
	for _, e := range bp.Endpoints {
		if e.Proxy == nil {
			continue
		}
		for _, m := range e.Proxy.Mirrors {
			if p := poolNamed(bp, m.Pool); p != nil {
				out = append(out, mirrorHost(p))
			}
		}
	}
	return out
}

// samePath finds two pools of one request whose targets' URLs have different paths: the
// path is the route's, before Envoy knows which pool it will be.
func (b *builder) samePath(pos blueprints.Position, p, other *blueprints.Pool, why string) {
	if p.PathPrefix != other.PathPrefix {
		b.problem(pos, "the path in the URLs of the targets of "+other.Name+" differs from that of "+p.Name+", but "+why+": make them equal")
	}
}

func (b *builder) poolNamed(name string) *blueprints.Pool { return poolNamed(b.bp, name) }

func poolNamed(bp *blueprints.Blueprint, name string) *blueprints.Pool {
	i, known := slices.BinarySearchFunc(bp.Pools, name, func(p *blueprints.Pool, name string) int { return strings.Compare(p.Name, name) })
	if !known {
		return nil
	}
	return bp.Pools[i]
}
