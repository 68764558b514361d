package xds

import "slices"

// adds says that the response has a resource that is not in a set, nil for the empty
// one.
func (r *reply) adds(to *set) bool {
	return slices.ContainsFunc(r.put, func(x *Resource) bool { return to.lookup(x.name) == nil })
}

// answered takes note of what a request says to a response. A NACK is a request with
// error_detail, and nothing else is (rule 3 of the protocol). A request which names
// the nonce of no open response says nothing.
func (s *stream) answered(sub *subscription, r *request) {
	i := slices.IndexFunc(sub.unanswered, func(o *response) bool { return o.nonce == r.nonce })
	if i < 0 || r.nonce == "" {
		return
	}
	s.answers.Add(cost(r.bytes))
	// A SotW client may skip responses: what it skipped shares the fate of what it
	// answers. A delta client answers each.
	first := 0
	if s.delta {
		first = i
	}
	last, done := sub.unanswered[i], slices.Clone(sub.unanswered[first:i+1])
	sub.unanswered = slices.Delete(sub.unanswered, first, i+1)
	if r.refusal != nil {
		sub.refuse(done, &s.server.names)
		if last.full && len(sub.unanswered) > 0 && s.view != nil && sub.stuck(sub.goal(s.view)) {
			// The whole state is on its way again already. What is no news there for us
			// may be for the client, and is warmed.
			s.owe(assignmentsOf(sub.sent.subset(sub.refused.doubt), &s.server.names))
		}
		s.noteRefused(sub, last, r.refusal.GetMessage())
		return
	}
	if sub.url == typeCluster && slices.ContainsFunc(done, func(r *response) bool { return r.adds(sub.acked) }) {
		s.server.loads.again(s.node.ID)
	}
	sub.acked = last.to
	sub.mend(done, &s.server.names)
	s.noteAcked(sub, last)
}
