package admin

import (
	"maps"
	"net/http"
	"slices"

	"backworks/fleet"
)

// History is what /api/v1/history answers: what became of the versions of blueprints.
type History struct {
	Blueprints []BlueprintHistory `json:"blueprints"`
}

// BlueprintHistory are the versions of a blueprint, by its main file, the newest verdict
// first.
type BlueprintHistory struct {
	File     string          `json:"file"`
	Versions []fleet.Version `json:"versions"`
}

// history tells of all blueprints, or of those that ?blueprint= names.
func (p *pages) history(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("blueprint")
	all := p.Fleet.History(name)
	if name != "" && len(all) == 0 {
		refuse(w, http.StatusNotFound, "no blueprint that is served goes by that name")
		return
	}
	answer := History{Blueprints: []BlueprintHistory{}}
	for _, file := range slices.Sorted(maps.Keys(all)) {
		answer.Blueprints = append(answer.Blueprints, BlueprintHistory{file, orEmpty(all[file])})
	}
	writeJSON(w, http.StatusOK, answer)
}

// rollback gives the nodes of ?blueprint= an earlier ?version=, by default the one that
// was accepted before.
func (p *pages) rollback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.answer(w, r, q.Get("blueprint"), p.Fleet.Rollback(r.Context(), q.Get("blueprint"), q.Get("version")))
}

// retry brings the version that was loaded last to the nodes of ?blueprint= once more.
func (p *pages) retry(w http.ResponseWriter, r *http.Request) {
	blueprint := r.URL.Query().Get("blueprint")
	p.answer(w, r, blueprint, p.Fleet.Retry(r.Context(), blueprint))
}

// answer tells how far the rollouts are after something was done by hand, or why it was
// not: 409.
func (p *pages) answer(w http.ResponseWriter, r *http.Request, blueprint string, err error) {
	if err != nil {
		p.log.Warn("not done by hand", "path", r.URL.Path, "blueprint", blueprint, "error", err)
		refuse(w, http.StatusConflict, err.Error())
		return
	}
	p.log.Info("done by hand", "path", r.URL.Path, "blueprint", blueprint)
	writeJSON(w, http.StatusOK, struct {
		Blueprints []fleet.BlueprintStatus `json:"blueprints"`
	}{orEmpty(p.Fleet.Status().Blueprints)})
}
