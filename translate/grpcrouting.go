package translate

import "backworks/blueprints"

// balancing tells what of a pool's balancing gRPC clients have not.
func (l *leftOut) balancing(p *blueprints.Pool) {
	if p.Algorithm == blueprints.Maglev {
		l.warn(p.Position, "maglev is ring_hash with them")
	}
	for _, k := range p.HashOn {
		switch {
		case k.Cookie != "":
			l.warn(k.Position, "hash_on a cookie is left out: they have none")
		case k.Query != "":
			l.warn(k.Position, "hash_on a query parameter is left out: they have none")
		}
	}
	if s := p.SlowStart; s != nil {
		l.warn(s.Position, "slow_start is left out")
	}
	if s := p.Sessions; s != nil {
		l.warn(s.Position, "sticky_sessions is left out: they have no cookies")
	}
	if p.Limits.MaxConnections+p.Limits.MaxPending > 0 || p.Limits.RetryBudget != nil {
		l.warn(p.Position, "of limits max_requests holds alone")
	}
	if f := p.Fallback; f != nil {
		l.warn(f.Position, "fallback is left out: without a target in %s their calls fail", p.Name)
	}
}

// routing tells what of an endpoint's ways they have not.
func (l *leftOut) routing(e *blueprints.Endpoint) {
	if len(e.Proxy.Split) > 0 {
		l.warn(position(e.Proxy.Position, e.Position), "split is left out: all calls go to %s", e.Proxy.Pool)
	}
	for _, c := range e.Proxy.Canaries {
		l.warn(position(c.Position, e.Position), "canary is left out: its calls go where the others do")
	}
	for _, m := range e.Proxy.Mirrors {
		l.warn(position(m.Position, e.Position), "mirror is left out: they send no copies")
	}
}
