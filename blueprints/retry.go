package blueprints

import (
	"reflect"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// Retry is when and how a request is tried again. What is zero is not said.
type Retry struct {
	Position
	// On are conditions of retryConditions, Statuses those of answers; both empty: failures.
	On       []string
	Statuses []int
	// PerTryTimeout is for one try, 0: all that is left.
	PerTryTimeout time.Duration
	// BackoffBase and BackoffMax bound the wait, 25 ms and 10 times base by default.
	BackoffBase, BackoffMax time.Duration
	// Hedge lets a try go on after PerTryTimeout while the next one is made.
	Hedge *bool
}

// Over is r with what base says and r does not; either may be nil.
func (r *Retry) Over(base *Retry) *Retry {
	if r == nil || base == nil {
		return choose(r == nil, base, r)
	}
	out := *base
	if len(r.On)+len(r.Statuses) > 0 {
		out.On, out.Statuses = nil, nil
	}
	lay(reflect.ValueOf(&out).Elem(), reflect.ValueOf(r).Elem())
	return &out
}

// RetryFailures stands for the statuses 500 and 502 to 599, and connection errors.
const RetryFailures = "failures"

// retryConditions are the others as Envoy calls them.
var retryConditions = []string{RetryFailures, "5xx", "gateway-error", "connect-failure", "reset", "refused-stream", "retriable-4xx"}

// retryOn is a condition, or the status of an answer.
type retryOn struct{ str }

func (s *retryOn) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	s.str.decode(d, n, p, nil)
	if !s.given() || contains(retryConditions, s.v) {
		return
	}
	if status, err := strconv.Atoi(s.v); err != nil {
		d.fail(s.at, append(oneOf(retryConditions, s.v, s.src), ", or a status")...)
	} else if status < 400 || status > 599 {
		d.fail(s.at, "must be a status from 400 to 599, got ", s.quote())
	}
}

func (*retryOn) schema(*schema, *field) object {
	return anyOf(object{"enum": retryConditions}, object{"type": "integer", "minimum": 400, "maximum": 599},
		object{"type": "string", "pattern": "^[45][0-9][0-9]$"}, environment())
}

// A number of retries may stand for the mapping.
func (s *retrySpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		s.at = place(n, p)
		s.Attempts.decode(d, n, p, fieldOf[retrySpec]("attempts"))
		return
	}
	d.object(reflect.ValueOf(s).Elem(), n, p)
}

func (*retrySpec) schema(s *schema, _ *field) object {
	return anyOf(s.of(reflect.TypeFor[integer](), fieldOf[retrySpec]("attempts")), s.ref(reflect.TypeFor[retrySpec]()))
}
func (*retrySpec) kind(*field) string { return "whole number or mapping" }
func (*retrySpec) inside() []inner    { return self[retrySpec]() }

// retry puts what has an older key of its own there.
func (d *decoder) retry(r *retrySpec, s *poolSpec) {
	if r.Attempts.given() {
		if s.RetryAttempts.given() {
			d.fail(r.Attempts.at, "stands a second time, first as retry_attempts")
		}
		s.RetryAttempts = r.Attempts
	}
	if r.NonIdempotent.given() {
		if s.RetryUnsafe.given() {
			d.fail(r.NonIdempotent.at, "stands a second time, first as retry_non_idempotent")
		}
		s.RetryUnsafe = r.NonIdempotent
	}
}

// retryPolicy is the rest of r, for a pool or endpoint with so many retries.
func (d *decoder) retryPolicy(r *retrySpec) *Retry {
	if !r.given() {
		return nil
	}
	out := &Retry{
		Position: d.position(r.at), PerTryTimeout: r.PerTryTimeout.v,
		BackoffBase: r.Backoff.Base.v, BackoffMax: r.Backoff.Max.v,
		Hedge: said(r.Hedge.v, r.Hedge.given()),
	}
	for _, o := range r.On.items {
		if status, err := strconv.Atoi(o.v); err == nil {
			out.Statuses = append(out.Statuses, status)
		} else if o.given() {
			out.On = append(out.On, o.v)
		}
	}
	switch {
	case r.Hedge.v && !r.PerTryTimeout.given():
		d.fail(r.Hedge.at, "needs the key per_try_timeout: after that time the next try is made")
	case r.On.given() && len(r.On.items) == 0:
		d.fail(r.On.at, "must have at least one; for no retries use attempts: 0")
	case r.Backoff.Max.given() && !r.Backoff.Base.given():
		d.fail(r.Backoff.Max.at, "needs the key base beside it")
	case r.Backoff.Max.given() && r.Backoff.Max.v < r.Backoff.Base.v:
		d.fail(r.Backoff.Max.at, "must not be below base")
	}
	return out
}
