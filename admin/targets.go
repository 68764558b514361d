package admin

import (
	"net/http"

	"backworks/fleet"
)

// targets answers with each target as each Envoy sees it.
func (p *pages) targets(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Targets []fleet.TargetStatus `json:"targets"`
	}{orEmpty(p.Fleet.Targets(r.Context()))})
}
