package fleet

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"backworks/blueprints"
)

// maxTrail bounds what is remembered of a rollout.
const maxTrail = 50

// Step is a step in the life of a version.
type Step struct {
	Stage   Stage     `json:"stage"`
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	What    string    `json:"what,omitempty"`
}

// Verdict is what became of a version.
type Verdict struct {
	// Stage is Accepted or Refused.
	Stage Stage     `json:"stage"`
	At    time.Time `json:"at"`
	// Reason is why it was refused; "" when it was accepted.
	Reason string `json:"reason,omitempty"`
	// Where are the places in the blueprint that it comes from, file:line:column.
	Where []string `json:"where,omitempty"`
}

// verdictOf is the refusal of a node.
func verdictOf(n member) Verdict {
	v := Verdict{Reason: fmt.Sprintf("node %q refuses %s", n.node.ID, n.last.kind)}
	if n.last.said == nil {
		return v
	}
	v.Reason += ": " + strings.TrimSpace(n.last.said.Message)
	for _, x := range n.last.said.Resources {
		if x.Origin != "" {
			v.Where = append(v.Where, x.Origin)
		}
	}
	return v
}

// position is the first place, or another when there is none.
func (v *Verdict) position(or blueprints.Position) blueprints.Position {
	if len(v.Where) == 0 {
		return or
	}
	rest, column, ok1 := cutLast(v.Where[0])
	file, line, ok2 := cutLast(rest)
	if !ok1 || !ok2 {
		return blueprints.Position{File: v.Where[0]}
	}
	return blueprints.Position{File: file, Line: line, Column: column}
}

// cutLast takes the number behind the last colon off.
func cutLast(s string) (string, int, bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, 0, false
	}
	n, err := strconv.Atoi(s[i+1:])
	return s[:i], n, err == nil
}

// judge compares the nodes that are watched with the others.
type judge struct {
	began map[string]load // what each node had answered when the watch began
}

// load is how much a node answered, and how much of that was 5xx, since it connected.
type load struct{ answers, errors uint64 }

// leastAnswers is below what the errors of the watched nodes mean nothing.
const leastAnswers = 50

// judged is why the nodes that are watched are worse than the others; "" when they are
// not, or too little is known.
func (r *rollout) judged(nodes []member, how blueprints.Rollout, now time.Time) string {
	if how.MaxErrors == 0 || r.how.load == nil {
		return ""
	}
	if r.judge == nil {
		r.judge = &judge{began: map[string]load{}}
		for _, n := range nodes {
			answers, errors := r.how.load(n.node.ID)
			r.judge.began[n.node.ID] = load{answers, errors}
		}
		return ""
	}
	var watched, others load
	for _, n := range nodes {
		began, known := r.judge.began[n.node.ID]
		answers, errors := r.how.load(n.node.ID)
		if !known || answers < began.answers || errors < began.errors {
			continue // it came later, or began to count anew
		}
		sum := &others
		if r.on[n.node.ID] {
			sum = &watched
		}
		sum.answers += answers - began.answers
		sum.errors += errors - began.errors
	}
	if watched.answers < leastAnswers {
		return ""
	}
	if worse := watched.share() - others.share(); worse > how.MaxErrors {
		return fmt.Sprintf("%.1f %% of the answers of %s are errors, and %.1f %% of the others': rollout.max_errors is %g %%",
			watched.share(), joined(r.on), others.share(), how.MaxErrors)
	}
	return ""
}

// share is the errors in per cent of the answers.
func (l load) share() float64 {
	if l.answers == 0 {
		return 0
	}
	return 100 * float64(l.errors) / float64(l.answers)
}
