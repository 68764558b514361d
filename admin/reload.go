package admin

import (
	"net/http"

	"backworks/fleet"
)

// reload loads the blueprints now, and answers what came of it: 200 when all that
// was read is served, 422 when there are errors, so that a last good version is.
func (p *pages) reload(w http.ResponseWriter, r *http.Request) {
	report, err := p.Fleet.Reload(r.Context())
	if err != nil {
		p.log.Warn("reload by hand failed", "error", err)
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	status := http.StatusOK
	if report.Outcome == fleet.Rejected {
		status = http.StatusUnprocessableEntity
	}
	writeJSON(w, status, loadAnswer(report))
}
