package blueprints

import (
	"reflect"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// poolName says whether an upstream may be called so: names become Envoy's
// cluster names and stand in metrics.
func (d *decoder) poolName(u entry[*upstreamSpec]) bool {
	switch {
	case u.key == "default":
		d.fail(u.at, `the pool "default" is that of plugins.proxy.config.targets: choose another name`)
	case !poolWord(u.key):
		d.fail(u.at, "a pool's name must be letters, digits, -, _ and . (64 at most), got ", quote(u.key))
	default:
		return true
	}
	return false
}

func (s *proxyConfig) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	s.node = n
	d.object(reflect.ValueOf(s).Elem(), n, p)
}

// noDefault warns of what the file says of the pool default where there is none. Changes
// to requests and answers are not among it: they hold for every pool.
func (d *decoder) noDefault(s *proxyConfig) {
	if s.Targets.given() {
		return
	}
	all := typeOf(reflect.TypeFor[transformsSpec]()).index
	v := reflect.ValueOf(&s.poolSpec).Elem()
	for _, f := range typeOf(v.Type()).fields {
		if _, holds := all[f.name]; holds || f.ignored {
			continue
		}
		if value := v.FieldByIndex(f.path).Addr().Interface().(interface{ place() at }).place(); value.given() {
			d.warn(s.keyOf(&f, value), "has no effect: it is for the targets beside it alone, and there are none: say it in each of the upstreams, or where an endpoint has targets of its own")
		}
	}
}

// keyOf is where the key of f stands; where that is in a mapping which is merged, its value's place.
func (s *proxyConfig) keyOf(f *field, value at) at {
	for _, name := range append([]string{f.name}, f.aliases...) {
		if k := key(s.node.Content, name); k != nil {
			return place(k, s.path.under(k.Value))
		}
	}
	return value
}

func poolWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// pool normalises one pool; a names it, and is its position.
func (d *decoder) pool(name string, a at, s *poolSpec) *Pool {
	p := &Pool{
		Position: d.position(a), Name: name,
		Algorithm:      choose(s.LoadBalancing.given(), s.LoadBalancing.v, WeightedRoundRobin),
		ConnectTimeout: s.ConnectTimeout.or(5 * time.Second),
		RetryUnsafe:    s.RetryUnsafe.or(false),
		PreserveHost:   s.PreserveHost.or(false),
		ResolveByEnvoy: s.Resolve.v == "envoy",
	}
	if p.Algorithm == "" {
		p.Algorithm = WeightedRoundRobin
	}
	switch {
	case !s.Targets.given():
		d.fail(a, `needs the key "targets"`)
	case len(s.Targets.items) == 0:
		d.fail(s.Targets.at, "must have at least one target")
	}
	d.balancing(p, s)
	d.targets(p, s)
	d.protocol(p, s)
	d.poolTLS(p, &s.TLS)
	d.timeouts(p, s)
	d.retry(&s.Retry, s)
	if s.Retry.given() && !s.RetryAttempts.given() { // to say how is to want one
		s.RetryAttempts = integer{at: s.Retry.at, v: 1, src: "1"}
	}
	d.retries(p, s)
	p.Retry = d.retryPolicy(&s.Retry)
	d.healthCheck(p, s)
	d.breaker(p, s)
	d.halfOpens(p, s)
	d.weights(p, s)
	return p
}

// timeouts takes the longest: a timeout is a route's in Envoy, and the route
// does not know which target will answer.
func (d *decoder) timeouts(p *Pool, s *poolSpec) {
	p.Timeout = s.Timeout.or(30 * time.Second)
	src := ""
	for i := range s.Targets.items {
		own := &s.Targets.items[i].Timeout
		t := own.or(s.Timeout.or(30 * time.Second))
		differs := i > 0 && t != p.Timeout
		if i == 0 || longest(t, p.Timeout) {
			p.Timeout, src = t, choose(own.given(), own.src, s.Timeout.src)
		}
		if differs {
			d.warn(pick(own.at, s.Targets.items[i].at),
				"differs from the timeout of other targets of the pool: the longest holds for all, ", unlessFilledIn(src, timeText(p.Timeout)))
		}
	}
}

func (d *decoder) retries(p *Pool, s *poolSpec) {
	p.Retries = s.RetryAttempts.or(0)
	src := ""
	for i := range s.Targets.items {
		own := &s.Targets.items[i].RetryAttempts
		r := own.or(s.RetryAttempts.or(0))
		differs := i > 0 && r != p.Retries
		if i == 0 || r > p.Retries {
			p.Retries, src = r, choose(own.given(), own.src, s.RetryAttempts.src)
		}
		if differs {
			d.warn(pick(own.at, s.Targets.items[i].at),
				"differs from the retry_attempts of other targets of the pool: the largest holds for all, ", unlessFilledIn(src, strconv.Itoa(p.Retries)))
		}
	}
}

func pick(a, b at) at { return choose(a.given(), a, b) }

func (d *decoder) weights(p *Pool, s *poolSpec) {
	unequal := at{}
	for i, t := range p.Targets {
		if t.Weight != p.Targets[0].Weight {
			unequal = pick(s.Targets.items[i].Weight.at, s.Targets.items[i].at)
			break
		}
	}
	if unequal.given() && (p.Algorithm == Random || p.Algorithm == IPHash) {
		d.warn(s.LoadBalancing.at, string(p.Algorithm), " does not follow the targets' weights: use weighted_round_robin or least_connections, or leave the weights out")
	}
	if p.ResolveByEnvoy {
		d.warn(s.Resolve.at, "with envoy, the targets' weights are part of the cluster: changing one makes the cluster anew, and it forgets which targets fail")
	}
}

// breaker is one for the whole pool too: its settings are the cluster's.
func (d *decoder) breaker(p *Pool, s *poolSpec) {
	p.Breaker, _ = shared(d, s, "circuit_breaker", s.CircuitBreaker.at,
		func(t *targetSpec) (at, *Breaker) {
			return t.CircuitBreaker.at, d.unitedBreaker(&t.CircuitBreaker, &s.CircuitBreaker)
		})
	d.breakerBounds(p, s)
}

// shared is what the targets' own key comes to, united with the pool's: the same
// for each, or it is a problem. by is the first target that has one.
func shared[T any](d *decoder, s *poolSpec, key string, pool at, own func(*targetSpec) (at, *T)) (first *T, by int) {
	by = -1
	for i := range s.Targets.items {
		place, x := own(&s.Targets.items[i])
		if !place.given() && !pool.given() {
			continue
		}
		if by < 0 {
			first, by = x, i
		} else if !Alike(x, first) {
			d.fail(pick(place, s.Targets.items[i].at), "the ", key, " differs from that of ", s.Targets.items[by].label(by),
				" (line ", strconv.Itoa(s.Targets.items[by].line), "), but is one for the whole pool: make them equal, or use two pools")
			return nil, by
		}
	}
	for i := range s.Targets.items {
		t := &s.Targets.items[i]
		if place, _ := own(t); first != nil && !place.given() && !pool.given() {
			d.warn(t.at, "has no ", key, " of its own, so that of ", s.Targets.items[by].label(by), " holds for it too")
		}
	}
	return first, by
}

func pickStr(a, b str) str { return choose(a.given(), a, b) }

// checkPath: a query is allowed, but nothing that a request line cannot hold.
func (d *decoder) checkPath(s str) {
	if len(s.v) == 0 || s.v[0] != '/' {
		d.fail(s.at, `must start with "/", got `, s.quote())
		return
	}
	for i := range len(s.v) {
		if c := s.v[i]; c <= ' ' || c >= 0x7f || c == '#' {
			d.fail(s.at, "must be a URL path without spaces, fragment and characters beyond ASCII, got ", s.quote())
			return
		}
	}
}
