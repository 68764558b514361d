package admin

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// BlueprintText is what /api/v1/blueprint answers: a version as it was written, and what
// it became.
type BlueprintText struct {
	Version string     `json:"version"`
	Files   []FileText `json:"files"`
	// Resources are Envoy's, by name; none of a version that is neither served nor on
	// its way.
	Resources []ResourcePlace `json:"resources"`
}

// FileText is a file of a blueprint. References to secrets and the environment stand in
// it as they were written.
type FileText struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// ResourcePlace is a resource of Envoy, and where it was written.
type ResourcePlace struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	Position string `json:"position"`
}

// blueprint gives the text of ?version= of ?blueprint=, by default of the one that was
// loaded last.
func (p *pages) blueprint(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	written, err := p.Fleet.Text(r.Context(), q.Get("blueprint"), q.Get("version"))
	if err != nil {
		refuse(w, http.StatusNotFound, err.Error())
		return
	}
	answer := BlueprintText{written.Version, []FileText{}, make([]ResourcePlace, len(written.Resources))}
	for _, path := range slices.Sorted(maps.Keys(written.Files)) {
		answer.Files = append(answer.Files, FileText{path, string(written.Files[path])})
	}
	for i, x := range written.Resources {
		answer.Resources[i] = ResourcePlace{x.Type, x.Name, x.Origin}
	}
	writeJSON(w, http.StatusOK, answer)
}

// ResourceContent is what /api/v1/resource answers: a resource that a version became.
type ResourceContent struct {
	Type    string          `json:"type"`
	Name    string          `json:"name"`
	Content json.RawMessage `json:"content"`
}

// resource gives the content of the resource of ?type= and ?name= that ?version= of
// ?blueprint= became, without secrets.
func (p *pages) resource(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	label, name := q.Get("type"), q.Get("name")
	content, err := p.Fleet.Content(r.Context(), q.Get("blueprint"), q.Get("version"), label, name)
	switch {
	case err != nil:
		refuse(w, http.StatusNotFound, err.Error())
	case content == nil:
		refuse(w, http.StatusNotFound, "there is no such resource of a version that is served or on its way; /api/v1/blueprint lists those there are")
	default:
		writeJSON(w, http.StatusOK, ResourceContent{label, name, content})
	}
}
