package admin

import (
	"fmt"
	"net/http"
	"strings"

	"backworks/fleet"
)

// health says that the process serves, whatever becomes of Envoys and blueprints:
// who restarts us for their sake only loses time.
func (p *pages) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}{"healthy", p.Version})
}

// ready says whether an Envoy serves what is published. Degraded is ready: a last
// good version serves traffic.
func (p *pages) ready(w http.ResponseWriter, _ *http.Request) {
	s := p.Fleet.Status()
	code := http.StatusOK
	if !s.Ready {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, struct {
		Ready    bool   `json:"ready"`
		Degraded bool   `json:"degraded"`
		Reason   string `json:"reason,omitempty"`
	}{s.Ready, s.Degraded, reason(s)})
}

// reason tells why the fleet is not ready or is degraded, by the first thing that
// one would have to see to; "" when all is well.
func reason(s fleet.Status) string {
	refused := ""
	for _, n := range s.Nodes {
		for _, t := range n.Types {
			if t.Refused != nil && refused == "" {
				refused = fmt.Sprintf("node %q refuses %s: %s", n.ID, t.Type, strings.TrimSpace(t.Refused.Message))
			}
		}
	}
	errors := s.Problems.Errors()
	switch {
	case s.Degraded && len(errors) == 1:
		return "blueprints have an error: " + errors[0].String()
	case s.Degraded && len(errors) > 0:
		return fmt.Sprintf("blueprints have %d errors, the first: %s", len(errors), errors[0])
	case s.Degraded:
		return "a blueprint is served from its last good version"
	case s.Ready:
		return ""
	case s.Last == nil:
		return "the blueprints are not loaded yet"
	case len(s.Blueprints) == 0:
		return "there is no blueprint to serve"
	case len(s.Nodes) == 0:
		return "no Envoy is connected"
	case refused != "":
		return refused
	}
	return "no Envoy has acknowledged what is published yet"
}
