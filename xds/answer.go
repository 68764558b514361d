package xds

import "slices"

// answered takes note of what a request says to a response. A NACK is a request with
// error_detail, and nothing else is (rule 3 of the protocol). A request which names
// the nonce of no open response says nothing.
func (s *stream) answered(sub *subscription, r *request) {
	i := slices.IndexFunc(sub.unanswered, func(o *response) bool { return o.nonce == r.nonce })
	if i < 0 || r.nonce == "" {
		return
	}
	// A client answers in order; what it skipped shares the fate of what it answers.
	done := sub.unanswered[:i+1]
	sub.unanswered = slices.Clone(sub.unanswered[i+1:])
	last := done[i]
	if r.refusal != nil {
		sub.refuse(done, &s.server.names)
		s.noteRefused(sub, last, r.refusal.GetMessage())
		return
	}
	sub.acked = last.to
	if sub.refused != nil && (last.full || last.mends == sub.refused) {
		sub.refused = nil
	}
	s.noteAcked(sub, last)
}
