package translate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backworks/blueprints"
)

// defaultConnectTimeout is a pool's where the blueprint has none.
const defaultConnectTimeout = 5 * time.Second

// grpcLeftOut warns of each thing in bp that gRPC clients get otherwise, or not at
// all.
func grpcLeftOut(bp *blueprints.Blueprint) blueprints.Problems {
	l := &leftOut{bp: bp, names: grpcNames(bp)}
	l.headers(bp.RequestHeaders, bp.Position)
	l.headers(bp.ResponseHeaders, bp.Position)
	l.rewrite(bp.PathRewrite, bp.Position)
	l.traffic(bp.Server.Position, blueprints.Traffic{MaxRequestSize: &bp.Server.MaxRequestSize})
	if t := bp.TLS; t != nil {
		l.warn(t.Position, "the plugin tls is left out: they connect to no listener, and the credentials of their channel decide on TLS")
	}
	if a := bp.Policies.Auth; a != nil && a.Enabled {
		l.warn(a.Position, "auth is left out: they ask targets themselves, which then have to ask who calls")
	}
	l.transforms(bp.Transforms, bp.Position)
	if t := bp.Policies.Transformations; t != nil && t.Enabled {
		l.plugin(t)
	}
	l.policies(&bp.Policies)
	for _, p := range bp.Pools {
		l.pool(p)
	}
	for _, e := range bp.Endpoints {
		l.endpoint(e)
	}
	l.problems.Sort()
	return slices.Compact(l.problems) // an alias stands at the place of its anchor
}

type leftOut struct {
	bp       *blueprints.Blueprint
	names    []string // of the blueprint as a whole
	problems blueprints.Problems
}

func (l *leftOut) warn(pos blueprints.Position, format string, args ...any) {
	l.problems = append(l.problems, blueprints.Problem{
		Position: pos, Severity: blueprints.Warning, Message: "gRPC clients: " + fmt.Sprintf(format, args...),
	})
}

func (l *leftOut) pool(p *blueprints.Pool) {
	first := p.Position // of what stands in the targets' URLs
	if len(p.Targets) > 0 {
		first = position(p.Targets[0].Position, p.Position)
	}
	if slices.Contains(l.names, p.Name) {
		l.warn(p.Position, "xds:///%s is the blueprint as a whole, so this pool cannot be dialled: name it otherwise", p.Name)
	}
	if p.TLS {
		l.warn(first, "https is left out: the credentials of their channel decide on TLS, by the certificate providers of their own bootstrap")
	}
	if p.PathPrefix != "" {
		l.warn(first, "the path %s in the targets' URLs is left out: a call keeps its path", p.PathPrefix)
	}
	if h := p.HealthCheck; h != nil {
		l.warn(position(h.Position, p.Position), "health_check is left out: they do not check targets")
	}
	if br := p.Breaker; br != nil {
		l.warn(position(br.Position, p.Position), "circuit_breaker counts otherwise: a target is out after %v in which at least %d calls, and all of them, failed; half_open_max_calls is left out",
			min(grpcSweep, br.RecoveryTimeout), br.FailureThreshold)
	}
	if p.ConnectTimeout != defaultConnectTimeout {
		l.warn(p.Position, "connect_timeout is left out: they have their own")
	}
	if p.Algorithm == blueprints.LeastConnections && uneven(p) {
		l.warn(p.Position, "the targets' weights are left out: with least_connections they do not follow them")
	}
	l.balancing(p)
	if grpcSplit(p) {
		l.warn(p.Position, "with resolve: envoy a target gets its share of the calls whether it is up or not: resolve: backworks avoids that")
	}
	l.retries(p.Position, settingsOf(p, nil))
	l.traffic(p.Position, p.Traffic)
	l.headers(p.RequestHeaders, p.Position)
	l.headers(p.ResponseHeaders, p.Position)
	l.transforms(p.Transforms, p.Position)
}

func uneven(p *blueprints.Pool) bool {
	return slices.ContainsFunc(p.Targets, func(t *blueprints.Target) bool { return t.Weight != p.Targets[0].Weight })
}

func (l *leftOut) retries(pos blueprints.Position, s settings) {
	if s.retries > 0 && !s.retryUnsafe {
		l.warn(pos, "retry_attempts is left out: every call is a POST, which is sent again only when it never reached a target; retry_non_idempotent changes that")
	}
	if s.retry != nil {
		l.warn(position(s.retry.Position, pos), "of retry the attempts hold alone: they have conditions and waits of their own")
	}
}

func (l *leftOut) traffic(pos blueprints.Position, t blueprints.Traffic) {
	if t.MaxRequestSize != nil && *t.MaxRequestSize > 0 {
		l.warn(pos, "max_request_size is left out: they do not bound what they send")
	}
	if t.IdleTimeout != nil {
		l.warn(pos, "idle_timeout is left out: silent streams are not ended")
	}
}

func (l *leftOut) endpoint(e *blueprints.Endpoint) {
	switch {
	case !grpcMethodOf(e):
		l.warn(e.Position, "the endpoint is left out: every call is a POST")
		return
	case !grpcPathOf(e):
		l.warn(e.Position, "the endpoint is left out: the path of every call is /service/method")
		return
	case e.Handler != blueprints.HandlerProxy:
		l.warn(e.Position, "the endpoint's answer is left out: its calls fail with UNAVAILABLE")
		return
	}
	if a := e.Policies.Auth; a != nil && a.Enabled {
		l.warn(a.Position, "auth is left out: they ask targets themselves, which then have to ask who calls")
	}
	l.policies(&e.Policies)
	l.headers(e.RequestHeaders, e.Position)
	l.headers(e.ResponseHeaders, e.Position)
	l.transforms(e.Transforms, e.Position)
	if t := e.Policies.Transformations; t != nil && t.Enabled {
		l.plugin(t)
	}
	l.routing(e)
	l.rewrite(e.Proxy.Rewrite, position(e.Proxy.Position, e.Position))
	l.traffic(position(e.Proxy.Position, e.Position), e.Proxy.Traffic)
	if e.Proxy.Retries != nil || e.Proxy.RetryUnsafe != nil || e.Proxy.Retry != nil {
		b := builder{bp: l.bp}
		if p := b.pool(e); p != nil {
			l.retries(position(e.Proxy.Position, e.Position), settingsOf(p, e.Proxy))
		}
	}
}

func (l *leftOut) policies(p *blueprints.Policies) {
	names, places := p.On()
	for i, name := range names {
		l.warn(places[i], "the plugin %s is left out: no proxy stands in their way", name)
	}
}

func (l *leftOut) rewrite(w *blueprints.Rewrite, pos blueprints.Position) {
	if w != nil {
		l.warn(position(w.Position, pos), "the new path is left out: a call keeps its path")
	}
}

func (l *leftOut) plugin(t *blueprints.Transformations) {
	l.headers(t.RequestHeaders, t.Position)
	l.headers(t.ResponseHeaders, t.Position)
	l.rewrite(t.Rewrite, t.Position)
	l.transforms(t.Transforms, t.Position)
}

func (l *leftOut) transforms(t blueprints.Transforms, pos blueprints.Position) {
	for _, body := range []blueprints.Body{t.RequestBody, t.ResponseBody} {
		if len(body.Steps) > 0 {
			l.warn(position(body.Position, pos), "body is left out: messages are no JSON")
		}
	}
	if q := t.Query; len(q.Rename)+len(q.Remove)+len(q.Defaults)+len(q.Set) > 0 {
		l.warn(position(q.Position, pos), "query is left out: a call has none")
	}
	if s := t.Status; len(s.Map) > 0 || s.Force != 0 {
		l.warn(position(s.Position, pos), "status is left out: a call has its own statuses")
	}
}

func (l *leftOut) headers(h blueprints.Headers, pos blueprints.Position) {
	for _, x := range slices.Concat(h.Set, h.Add) {
		l.warn(position(x.Position, pos), "the header %s is left out: they change no headers", x.Name)
	}
	for _, r := range h.Rename {
		l.warn(pos, "rename_headers is left out, they change no headers: %s", r.From)
	}
	if len(h.Remove) > 0 {
		l.warn(pos, "remove_headers is left out, they change no headers: %s", strings.Join(h.Remove, ", "))
	}
}
