package blueprints

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// healthCheckSpec is the health check of a pool or a target.
type healthCheckSpec struct {
	at
	Enabled            boolean           `yaml:"enabled" default:"true" doc:"Whether it acts."`
	Type               str               `yaml:"type" enum:"http|tcp|grpc" default:"http" doc:"http asks for a path, tcp opens a connection, grpc calls grpc.health.v1.Health/Check and needs protocol: http2 or auto."`
	Path               str               `yaml:"path" default:"/health" doc:"The path asked for."`
	Method             methodName        `yaml:"method" default:"GET" doc:"The method of the request."`
	Host               str               `yaml:"host,hostname" doc:"The Host of the request, for grpc its :authority; the target's own without it."`
	Port               integer           `yaml:"port" min:"1" max:"65535" doc:"The port asked; the target's own without it."`
	Headers            dict[headerValue] `yaml:"headers" doc:"Headers of the request; file:PATH reads a value from a file."`
	ExpectedStatuses   list[statusRange] `yaml:"expected_statuses,expected_status" single:"true" default:"200-299" doc:"The statuses that are healthy, as 204 or 200-399."`
	Service            str               `yaml:"service" doc:"For grpc, the service asked about; the server as a whole without it."`
	Interval           duration          `yaml:"interval" default:"30s" above:"0" doc:"The time between two checks."`
	Timeout            duration          `yaml:"timeout" default:"5s" above:"0" doc:"How long an answer may take."`
	HealthyThreshold   integer           `yaml:"healthy_threshold" default:"2" min:"1" max:"4294967295" doc:"Good checks in a row that bring a target back. One is enough where it is the first that Envoy makes of a target, as after its start."`
	UnhealthyThreshold integer           `yaml:"unhealthy_threshold" default:"3" min:"1" max:"4294967295" doc:"Failed checks in a row that take a target out."`
}

// CheckType is how a target is asked for its health.
type CheckType string

// The types of health checks.
const (
	CheckHTTP CheckType = "http"
	CheckTCP  CheckType = "tcp"
	CheckGRPC CheckType = "grpc"
)

// HealthCheck is the active check of a pool's targets.
type HealthCheck struct {
	Position
	Type CheckType
	// Path is asked for with Method and Headers, and a status of Statuses is healthy;
	// empty unless Type is CheckHTTP.
	Path, Method string
	Headers      []Header
	Statuses     []StatusRange
	// Host is "" and Port 0 where they are the target's.
	Host string
	Port uint16
	// Service is what CheckGRPC asks about, "" for the server as a whole.
	Service string
	// Interval is 30 s, Timeout 5 s by default.
	Interval, Timeout time.Duration
	// HealthyThreshold is 2, UnhealthyThreshold 3 by default.
	HealthyThreshold, UnhealthyThreshold int
}

// StatusRange is First to Last, both in it.
type StatusRange struct{ First, Last int }

// healthCheck is one for the whole pool: Envoy has one check per cluster.
func (d *decoder) healthCheck(p *Pool, s *poolSpec) {
	by := -1
	p.HealthCheck, by = shared(d, s, "health_check", s.HealthCheck.at,
		func(t *targetSpec) (at, *HealthCheck) {
			return t.HealthCheck.at, d.united(&t.HealthCheck, &s.HealthCheck)
		})
	h := p.HealthCheck
	if h == nil {
		return
	}
	own, first := &s.HealthCheck, &s.Targets.items[by]
	place := func(of func(*healthCheckSpec) at) at {
		return pick(of(&first.HealthCheck), pick(of(own), pick(own.at, first.at)))
	}
	if h.Timeout > h.Interval {
		d.warn(place(func(c *healthCheckSpec) at { return c.Timeout.at }),
			"the check's timeout is longer than its interval: a check that hangs delays the next one")
	}
	if h.Type == CheckGRPC && !p.HTTP2 && !p.ALPN {
		d.fail(place(func(c *healthCheckSpec) at { return c.Type.at }), "grpc is spoken over HTTP/2: set the pool's protocol to http2")
	}
}

// united is a target's health check with what the pool's says beside it.
func (d *decoder) united(own, pool *healthCheckSpec) *HealthCheck {
	if !own.given() && !pool.given() || !own.Enabled.or(pool.Enabled.or(true)) {
		return nil
	}
	h := &HealthCheck{
		Position:           d.position(pick(own.at, pool.at)),
		Type:               CheckType(own.Type.or(pool.Type.or("http"))),
		Host:               own.Host.or(pool.Host.v),
		Port:               uint16(own.Port.or(pool.Port.v)),
		Interval:           own.Interval.or(pool.Interval.or(30 * time.Second)),
		Timeout:            own.Timeout.or(pool.Timeout.or(5 * time.Second)),
		HealthyThreshold:   own.HealthyThreshold.or(pool.HealthyThreshold.or(2)),
		UnhealthyThreshold: own.UnhealthyThreshold.or(pool.UnhealthyThreshold.or(3)),
	}
	for _, s := range []*healthCheckSpec{own, pool} {
		d.checkHost(s.Host)
		s.onlyFor(d, h.Type)
	}
	switch h.Type {
	case CheckHTTP:
		d.request(h, own, pool)
	case CheckGRPC:
		h.Service = own.Service.or(pool.Service.v)
	}
	return h
}

// request is what an HTTP check sends and wants.
func (d *decoder) request(h *HealthCheck, own, pool *healthCheckSpec) {
	path := pickStr(own.Path, pool.Path)
	if path.given() {
		d.checkPath(path)
	}
	h.Path, h.Method = path.or("/health"), "GET"
	method := choose(own.Method.given(), own.Method, pool.Method)
	if m := d.methods(list[methodName]{items: []methodName{method}}); len(m) > 0 {
		h.Method = m[0]
	} else if method.given() && contains([]string{"*", "ANY", "ALL"}, strings.ToUpper(method.v)) {
		d.fail(method.at, "must be one method")
	}
	headers := headersSpec{Headers: choose(own.Headers.given(), own.Headers, pool.Headers)}
	h.Headers = d.headers(toTarget, nil, &headers).Set
	for _, e := range headers.Headers.items {
		if i := slices.IndexFunc(h.Headers, func(x Header) bool { return x.Name == e.key }); i >= 0 && !h.Headers[i].Value.fixed() {
			d.fail(e.at, "a health check has no request that placeholders could be filled in from")
		}
	}
	statuses := choose(own.ExpectedStatuses.given(), own.ExpectedStatuses, pool.ExpectedStatuses)
	for _, r := range statuses.items {
		if r.given() {
			h.Statuses = append(h.Statuses, r.v)
		}
	}
	if len(h.Statuses) == 0 {
		h.Statuses = []StatusRange{{200, 299}}
	}
}

// onlyFor refuses keys of another type of check.
func (s *healthCheckSpec) onlyFor(d *decoder, t CheckType) {
	for _, k := range []struct {
		at
		of CheckType
	}{
		{s.Path.at, CheckHTTP}, {s.Method.at, CheckHTTP}, {s.Headers.at, CheckHTTP}, {s.ExpectedStatuses.at, CheckHTTP},
		{s.Service.at, CheckGRPC},
	} {
		if k.given() && k.of != t {
			d.fail(k.at, "belongs to a check of type ", string(k.of), ", and this one is ", string(t))
		}
	}
	if t == CheckTCP && s.Host.given() {
		d.fail(s.Host.at, "a check of type tcp sends nothing, so that there is no host")
	}
}

// checkHost takes what a Host header may be (RFC 9110, 7.2).
func (d *decoder) checkHost(s str) {
	if !s.given() {
		return
	}
	host, port := s.v, "1"
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host, port = host[:i], host[i+1:]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || !hostName(strings.Trim(host, "[]")) {
		d.fail(s.at, "must be a host such as api.example.com, with a port or without, got ", s.quote())
	}
}

// statusRange is a status, or two with a hyphen between.
type statusRange struct {
	at
	v StatusRange
}

func (s *statusRange) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	const want = "a status such as 204, or a range such as 200-399, of 100 to 599"
	text, ok := d.text(n, p, want)
	if !ok {
		return
	}
	low, high, two := strings.Cut(text, "-")
	if !two {
		high = low
	}
	first, err1 := strconv.Atoi(strings.TrimSpace(low))
	last, err2 := strconv.Atoi(strings.TrimSpace(high))
	if err1 != nil || err2 != nil || first < 100 || last > 599 || first > last {
		d.fail(place(n, p), "must be ", want, ", got ", written(n))
		return
	}
	*s = statusRange{at: place(n, p), v: StatusRange{first, last}}
}

func (*statusRange) schema(*schema, *field) object {
	return anyOf(object{"type": "integer", "minimum": 100, "maximum": 599}, object{"type": "string", "pattern": `^ *[0-9]+ *(- *[0-9]+ *)?$`}, environment())
}
func (*statusRange) kind(*field) string { return "status or range of them" }
func (*statusRange) inside() []inner    { return nil }
