package blueprints

import (
	"strconv"
	"time"
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
	if b := &s.CircuitBreaker; b.given() && b.Enabled.or(true) {
		p.Breaker = &Breaker{Position: d.position(b.at), FailureThreshold: b.FailureThreshold.or(5),
			RecoveryTimeout: b.RecoveryTimeout.or(time.Minute), HalfOpenMaxCalls: b.HalfOpenMaxCalls.or(3)}
	}
	switch {
	case !s.Targets.given():
		d.fail(a, `needs the key "targets"`)
	case len(s.Targets.items) == 0:
		d.fail(s.Targets.at, "must have at least one target")
	}
	d.targets(p, s)
	d.timeouts(p, s)
	d.retries(p, s)
	d.healthCheck(p, s)
	d.weights(p, s)
	return p
}

// timeouts takes the longest: a timeout is a route's in Envoy, and the route
// does not know which target will answer.
func (d *decoder) timeouts(p *Pool, s *poolSpec) {
	p.Timeout = s.Timeout.or(30 * time.Second)
	for i := range s.Targets.items {
		t := s.Targets.items[i].Timeout.or(s.Timeout.or(30 * time.Second))
		if i > 0 && t != p.Timeout {
			d.warn(pick(s.Targets.items[i].Timeout.at, s.Targets.items[i].at),
				"differs from the timeout of other targets of the pool: the longest holds for all, ", max(t, p.Timeout).String())
		}
		if i == 0 || t > p.Timeout {
			p.Timeout = t
		}
	}
}

func (d *decoder) retries(p *Pool, s *poolSpec) {
	p.Retries = s.RetryAttempts.or(0)
	for i := range s.Targets.items {
		r := s.Targets.items[i].RetryAttempts.or(s.RetryAttempts.or(0))
		if i > 0 && r != p.Retries {
			d.warn(pick(s.Targets.items[i].RetryAttempts.at, s.Targets.items[i].at),
				"differs from the retry_attempts of other targets of the pool: the largest holds for all, ", strconv.Itoa(max(r, p.Retries)))
		}
		if i == 0 || r > p.Retries {
			p.Retries = r
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

// healthCheck unites the pool's check with those of its targets, which must then
// be the same: Envoy has one check per cluster.
func (d *decoder) healthCheck(p *Pool, s *poolSpec) {
	var first *HealthCheck
	by := -1
	for i := range s.Targets.items {
		own := &s.Targets.items[i].HealthCheck
		if !own.given() && !s.HealthCheck.given() {
			continue
		}
		switch check := d.united(own, &s.HealthCheck); {
		case by < 0:
			first, by = check, i
		case !sameCheck(first, check):
			d.fail(pick(own.at, s.Targets.items[i].at), "the health check differs from that of ", s.Targets.items[by].label(by),
				" (line ", strconv.Itoa(s.Targets.items[by].line), "), but is one for the whole pool: make them equal, or use two pools")
			return
		}
	}
	p.HealthCheck = first
	for i := range s.Targets.items {
		if t := &s.Targets.items[i]; first != nil && !t.HealthCheck.given() && !s.HealthCheck.given() {
			d.warn(t.at, "has no health_check of its own, so that of ", s.Targets.items[by].label(by), " holds for it too")
		}
	}
	if first != nil && first.Timeout > first.Interval {
		d.warn(pick(s.Targets.items[by].HealthCheck.Timeout.at, pick(s.HealthCheck.Timeout.at, pick(s.HealthCheck.at, s.Targets.items[by].at))),
			"the check's timeout is longer than its interval: a check that hangs delays the next one")
	}
}

func sameCheck(a, b *HealthCheck) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.Position, y.Position = Position{}, Position{}
	return x == y
}

func (d *decoder) united(own, pool *healthCheckSpec) *HealthCheck {
	if !own.given() && !pool.given() || !own.Enabled.or(pool.Enabled.or(true)) {
		return nil
	}
	path := pickStr(own.Path, pool.Path)
	if path.given() {
		d.checkPath(path)
	}
	return &HealthCheck{
		Position: d.position(pick(own.at, pool.at)), Path: path.or("/health"),
		Interval:           own.Interval.or(pool.Interval.or(30 * time.Second)),
		Timeout:            own.Timeout.or(pool.Timeout.or(5 * time.Second)),
		HealthyThreshold:   own.HealthyThreshold.or(pool.HealthyThreshold.or(2)),
		UnhealthyThreshold: own.UnhealthyThreshold.or(pool.UnhealthyThreshold.or(3)),
	}
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
