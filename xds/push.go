package xds

import (
	"strconv"
	"time"
)

// advance brings the client nearer to its view, as far as it may go now: first all
// that is added or changed, in order, then what is removed, in reverse.
func (s *stream) advance() error {
	s.wake, s.lingering = time.Time{}, false
	if s.view == nil {
		s.note(s.hold)
		return nil
	}
	now := time.Now()
	for _, sub := range s.inOrder {
		if err := s.push(sub, now); err != nil {
			return err
		}
	}
	for i := len(s.inOrder) - 1; i >= 0; i-- {
		if sub := s.inOrder[i]; !sub.arrived(s.view) {
			if err := s.push(sub, now); err != nil {
				return err
			}
		}
	}
	s.settle()
	return nil
}

// push sends the client what of one type it may have now.
func (s *stream) push(sub *subscription, now time.Time) error {
	goal := sub.goal(s.view)
	if sub.claim != nil {
		s.resume(sub, goal)
	}
	if sub.arrived(s.view) && !sub.doubtful(goal) {
		sub.heldSince, sub.leaving = time.Time{}, leaving{}
		if at := (holding{sub.sent, sub.names}); at != sub.noted && len(sub.unanswered) == 0 && sub.refused == nil {
			sub.noted = at
			s.noteHeld(sub)
		}
		return nil
	}
	if w := s.mayChange(sub, now); w.blocked {
		s.wakeAt(w.until)
		return nil
	}
	if w := s.full(sub, now); w.blocked {
		s.wakeAt(w.until)
		return nil
	}
	target := goal
	if has := sub.has(); has != nil && has != goal {
		if gone := goal.since(has).gone; len(gone) > 0 {
			w := s.mayRemove(sub, now)
			if !w.blocked {
				w = s.lingers(sub, gone, now)
			}
			if w.blocked {
				s.wakeAt(w.until)
				target = goal.union(has)
			}
		}
	}
	return s.send(sub, goal, target, now)
}

// full says whether the client must answer before it is sent more.
func (s *stream) full(sub *subscription, now time.Time) waiting {
	if len(sub.unanswered) < maxUnanswered {
		return waiting{}
	}
	until := sub.unanswered[0].at.Add(s.server.wait)
	return waiting{now.Before(until), until}
}

// send brings the client to target, on its way to goal, with a response if one is
// needed.
func (s *stream) send(sub *subscription, goal, target *set, now time.Time) error {
	in, again, stuck, doubtful := &s.server.names, sub.again, sub.stuck(goal), sub.doubtful(goal)
	if whole := sub.full && !s.delta; stuck && !whole {
		again = in.without(again, sub.refused.doubt)
	} else if stuck || doubtful {
		again = in.join(again, sub.refused.doubt)
	}
	fromNames := sub.sentNames
	if fromNames == nil {
		fromNames = nobody
	}
	k := step{delta: s.delta, fromNames: fromNames, now: sub.names, again: again}
	r := target.reply(k, sub.sent, sub.rule, in)
	if r.full && r.send && stuck && fromNames == sub.names {
		// The whole state again would be refused again: it is sent for other names only.
		return nil
	}
	first := sub.sent == nil
	sub.sent, sub.sentNames, sub.again, sub.heldSince = target, sub.names, nil, time.Time{}
	if stuck {
		sub.refused.base = target.restored(sub.refused.doubt, sub.acked)
	}
	if !r.send {
		if doubtful {
			sub.refused = nil
		}
		if first || len(sub.unanswered) == 0 && sub.refused == nil {
			sub.acked = target
		}
		s.noteHeld(sub)
		return nil
	}
	s.owe(r.assignments)
	s.nonces++
	sub.nonce = strconv.FormatUint(s.nonces, 10)
	if len(sub.unanswered) >= maxUnanswered {
		sub.unanswered = sub.unanswered[1:]
	}
	out := &response{reply: *r, number: s.nonces, nonce: sub.nonce, at: now, snapshot: s.view.version, to: target, goal: goal}
	if doubtful {
		sub.refused.resent, out.mends = true, sub.refused
	} else if stuck && !r.full {
		out.to = target.restored(in.without(sub.refused.doubt, r.touched(in)), sub.acked)
	}
	out.body = nil // it may be kept for long: until the client answers
	sub.unanswered = append(sub.unanswered, out)
	err := s.grpc.SendMsg(&outgoing{r.body, appendString(make([]byte, 0, 16), responseNonce, sub.nonce)})
	if err == nil {
		if sub.last = now; sub.first.IsZero() {
			sub.first = now
		}
		s.noteSent(sub, r)
	}
	return err
}

// owe makes assignments follow their clusters. A cluster that changes is warmed anew,
// and waits for its assignment though that did not change: without it, for the whole
// initial_fetch_timeout (15 s), while the acknowledgement of CDS is held back.
func (s *stream) owe(assignments *names) {
	if assignments == nil {
		return
	}
	if sub := s.subs[typeEndpoint]; sub != nil {
		sub.repeat(assignments, &s.server.names)
	} else {
		s.early = s.server.names.join(s.early, assignments)
	}
}

// resume takes over what the client says it has.
func (s *stream) resume(sub *subscription, goal *set) {
	c, in := sub.claim, &s.server.names
	sub.claim = nil
	if sub.url == typeEndpoint && s.early != nil {
		sub.repeat(s.early, in)
		s.early = nil
	}
	if c.empty() {
		return
	}
	if s.delta {
		had := goal.resume(c.initial, in)
		sub.sent = had.set.disclaimed(func(name string) bool { return !sub.names.has(name) })
		sub.sentNames = in.both(had.names, sub.names)
	} else if c.version == goal.version(sub.names) {
		sub.sent, sub.sentNames = goal, sub.names
	}
	sub.acked = sub.sent
	if c.doubted && sub.sent != nil {
		sub.again = sub.names
	}
}

func (s *stream) wakeAt(t time.Time) {
	if !t.IsZero() && (s.wake.IsZero() || t.Before(s.wake)) {
		s.wake = t
	}
}
