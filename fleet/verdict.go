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
