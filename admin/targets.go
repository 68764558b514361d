package admin

import "net/http"

func (p *pages) targets(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Targets []any `json:"targets"`
	}{[]any{}})
}
