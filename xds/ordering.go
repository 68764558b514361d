package xds

import (
	"slices"
	"time"
)

// waiting is the answer to "may this be sent": not before until, or, when until is
// zero, not before something else happened.
type waiting struct {
	blocked bool
	until   time.Time
}

// mayChange says whether additions and changes of a type may be sent: when those of
// the types before it were acknowledged. Where one of these was refused, it waits
// until there is something else to send: what depends on it would fail.
func (s *stream) mayChange(sub *subscription, now time.Time) waiting {
	for _, url := range sub.change {
		before := s.subs[url]
		if before == nil || before.names.empty() {
			continue
		}
		if before.refused != nil {
			sub.heldSince = time.Time{}
			return waiting{blocked: true}
		}
		if before.adding() || !before.changed(s.view) {
			if sub.heldSince.IsZero() {
				sub.heldSince = now
			}
			if until := sub.heldSince.Add(s.server.wait); now.Before(until) {
				return waiting{true, until}
			}
		}
	}
	return waiting{}
}

// adding says that an addition or change is not answered yet.
func (sub *subscription) adding() bool {
	for _, r := range sub.unanswered {
		if len(r.put) > 0 {
			return true
		}
	}
	return false
}

// changed says that all additions and changes were sent.
func (sub *subscription) changed(v *view) bool {
	return sub.sent != nil && (sub.arrived(v) || len(sub.goal(v).since(sub.sent).put) == 0)
}

// mayRemove says whether resources of a type may be removed: when the client has
// acknowledged that nothing names them any more.
func (s *stream) mayRemove(sub *subscription, now time.Time) waiting {
	for _, url := range sub.removal {
		user := s.subs[url]
		switch {
		case user == nil:
			// A client that comes back may be about to name the type.
			if until := s.since.Add(resumeWait); s.resumed && now.Before(until) {
				return waiting{true, until}
			}
		case user.names.empty() || user.settled(s.view):
		case user.refused != nil || !user.arrived(s.view) || len(user.unanswered) == 0:
			// What it uses now is not known, or it has not been told yet.
			return waiting{blocked: true}
		default:
			last := user.unanswered[len(user.unanswered)-1].at
			if until := last.Add(s.server.wait); now.Before(until) {
				return waiting{true, until}
			}
		}
	}
	return s.stillNamed(sub, now)
}

// lingers says whether what is needless stays a while longer: see Options.Linger.
func (s *stream) lingers(sub *subscription, gone []*Resource, now time.Time) waiting {
	if s.server.linger == 0 || slices.ContainsFunc(gone, func(r *Resource) bool { return !r.lingers }) {
		return waiting{}
	}
	l := &sub.leaving
	if to := sub.goal(s.view); l.to != to {
		l.to, l.since = to, now
		if l.first.IsZero() {
			l.first = now
		}
	}
	until := l.since.Add(s.server.linger)
	if last := l.first.Add(mostLingers * s.server.linger); last.Before(until) {
		until = last
	}
	if !now.Before(until) {
		*l = leaving{}
		return waiting{}
	}
	s.lingering = true
	return waiting{true, until}
}

// stillNamed holds clusters back from removal which a client has named, and not
// unsubscribed from since. A gRPC client acknowledges routes when it has read them,
// goes on with the old cluster until the new one's addresses are there, and then
// unsubscribes: its acknowledgement says less than that of Envoy, which has a wildcard.
func (s *stream) stillNamed(sub *subscription, now time.Time) waiting {
	routes := s.subs[typeRoute]
	if sub.url != typeCluster || sub.names.wild || routes == nil || routes.names.empty() ||
		!slices.ContainsFunc(sub.goal(s.view).since(sub.has()).gone, func(r *Resource) bool { return sub.names.lists(r.name) }) {
		sub.namedSince = time.Time{}
		return waiting{}
	}
	if sub.namedSince.IsZero() {
		sub.namedSince = now
	}
	until := sub.namedSince.Add(s.server.wait)
	if !now.Before(until) {
		sub.namedSince = time.Time{}
		return waiting{}
	}
	return waiting{true, until}
}
