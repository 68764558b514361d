package blueprints

import "strings"

// noRoute is that of an endpoint which says nothing of its way to a pool.
var noRoute routeSpec

// route fills in an endpoint that a pool answers; the result is the endpoint's
// own pool, or nil.
func (d *decoder) route(e *Endpoint, s *endpointSpec, r *routeSpec) *Pool {
	place := s.at
	if r == nil {
		r = &noRoute
	} else {
		place = r.at
	}
	e.Proxy = &ProxyRoute{Position: d.position(place), Pool: "default", step: place.path}
	e.RequestHeaders, e.ResponseHeaders = d.transforms(&r.transformsSpec, &e.Path)
	e.Transforms = d.changes(&r.transformsSpec, &e.Path)
	if r.given() {
		short := rewriteSpec{template: r.Path, StripPrefix: r.StripPrefix, AddPrefix: r.AddPrefix}
		e.Proxy.Rewrite = d.rewrite(rewritesOf(&r.transformsSpec, &short, &r.PathRewrite), &e.Path)
	}
	d.sameMethod(e, r)
	d.singleTarget(r)
	upstream := s.Upstream
	if r.Upstream.given() {
		if upstream.given() {
			d.fail(r.Upstream.at, "stands a second time, first at ", upstream.path.String())
		}
		upstream = r.Upstream
	}
	d.routing(e.Proxy, r, upstream.at)
	if r.Targets.given() {
		if upstream.given() {
			d.fail(upstream.at, "the endpoint has targets of its own: take one of the two out")
		}
		own := d.pool(ownPoolName(e), pick(r.Targets.at, r.at), &r.poolSpec)
		e.Proxy.Pool = own.Name
		return own
	}
	d.override(e.Proxy, r)
	if upstream.given() {
		e.Proxy.Pool, e.Proxy.written = upstream.v, upstream.src
		e.Proxy.Position, e.Proxy.step = d.position(upstream.at), upstream.path
	}
	return nil
}

// singleTarget makes target: URL a list of one.
func (d *decoder) singleTarget(r *routeSpec) {
	if !r.Target.given() {
		return
	}
	if r.Targets.given() {
		d.fail(r.Target.at, "must not stand beside targets: take one of the two out")
		return
	}
	r.Targets = list[targetSpec]{at: r.Target.at, items: []targetSpec{{at: r.Target.at, URL: r.Target}}}
}

func (d *decoder) sameMethod(e *Endpoint, r *routeSpec) {
	if !r.Method.given() {
		return
	}
	m := strings.ToUpper(r.Method.v)
	if len(e.Methods) != 1 || e.Methods[0] != m {
		if m == "*" && len(e.Methods) == 0 {
			return
		}
		d.fail(r.Method.at, "a request's method is passed on as it is: must be the endpoint's, or be left out, got ", r.Method.quote())
	}
}

// override is what an endpoint says of a pool that others use too.
func (d *decoder) override(p *ProxyRoute, r *routeSpec) {
	p.Timeout = said(r.Timeout.v, r.Timeout.given())
	p.Traffic = r.traffic()
	d.retry(&r.Retry, &r.poolSpec)
	if r.RetryAttempts.given() {
		p.Retries = &r.RetryAttempts.v
	}
	if r.PreserveHost.given() {
		p.PreserveHost = &r.PreserveHost.v
	}
	if r.RetryUnsafe.given() {
		p.RetryUnsafe = &r.RetryUnsafe.v
	}
	p.Retry = d.retryPolicy(&r.Retry)
	for _, a := range append(r.belongsToPool(), r.LoadBalancing.at, r.CircuitBreaker.at, r.HealthCheck.at, r.ConnectTimeout.at, r.Resolve.at, r.Protocol.at) {
		if a.given() {
			d.fail(a, "belongs to a pool, and the endpoint has no targets of its own: set it there")
		}
	}
}

// ownPoolName is "endpoint-users", or "endpoint-get-api-users-id" without a name.
func ownPoolName(e *Endpoint) string {
	from := e.Name
	if from == "" {
		from = strings.Join(e.Methods, "-") + e.Path.Raw
	}
	var b strings.Builder
	b.WriteString("endpoint")
	gap := true
	for i := range len(from) {
		c := from[i]
		if !alphanumeric(c) && c != '_' && c != '.' {
			gap = true
			continue
		}
		if gap {
			b.WriteByte('-')
		}
		gap = false
		b.WriteByte(c)
	}
	return strings.ToLower(b.String())
}
