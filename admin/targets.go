package admin

import (
	"net/http"
	"slices"

	"backworks/fleet"
)

// targets answers with each target as each Envoy sees it. However many ask, each Envoy is
// asked once at a time.
func (p *pages) targets(w http.ResponseWriter, r *http.Request) {
	list, err := p.statuses.get(r.Context())
	if err != nil {
		return // the client is gone
	}
	writeJSON(w, http.StatusOK, struct {
		Targets []fleet.TargetStatus `json:"targets"`
	}{orEmpty(list)})
}

// switchTarget does ?to= (drain, eject, restore) with ?target=, which ?pool= and ?blueprint=
// tell from others of its name, and answers with the target as the Envoys see it then.
func (p *pages) switchTarget(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	of, to := fleet.Switched{Blueprint: q.Get("blueprint"), Pool: q.Get("pool"), Target: q.Get("target")}, fleet.Switch(q.Get("to"))
	if !slices.Contains([]fleet.Switch{fleet.Drain, fleet.Eject, fleet.Restore}, to) || of.Target == "" {
		refuse(w, http.StatusBadRequest, "needs ?target= and ?to=drain, eject or restore")
		return
	}
	if err := p.Fleet.Switch(of, to); err != nil {
		p.log.Warn("not done by hand", "path", r.URL.Path, "target", of.Target, "error", err)
		refuse(w, http.StatusConflict, err.Error())
		return
	}
	p.log.Info("done by hand", "path", r.URL.Path, "target", of.Target, "to", string(to))
	list := slices.DeleteFunc(p.Fleet.Targets(r.Context()), func(t fleet.TargetStatus) bool {
		return t.Target != of.Target || of.Pool != "" && t.Pool != of.Pool
	})
	writeJSON(w, http.StatusOK, struct {
		Targets []fleet.TargetStatus `json:"targets"`
	}{orEmpty(list)})
}
