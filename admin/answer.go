package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// route is one page. Its path is exact.
type route struct {
	path, method string // GET means HEAD as well
	page         http.HandlerFunc
}

// routes answers by exact path; what no route has is a 404.
func (p *pages) routes(all ...route) http.Handler {
	byPath := map[string]route{}
	for _, r := range all {
		byPath[r.path] = r
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, ok := byPath[r.URL.Path]
		switch {
		case !ok:
			refuse(w, http.StatusNotFound, "there is no such page; / lists those there are")
		case r.Method == found.method, r.Method == http.MethodHead && found.method == http.MethodGet:
			found.page(w, r)
		default:
			allow := found.method
			if allow == http.MethodGet {
				allow += ", " + http.MethodHead
			}
			w.Header().Set("Allow", allow)
			refuse(w, http.StatusMethodNotAllowed, "this page answers to "+allow)
		}
	})
}

// refuse answers with an error as JSON.
func refuse(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, struct {
		Error string `json:"error"`
	}{message})
}

// writeJSON answers with v, indented for people.
func writeJSON(w http.ResponseWriter, status int, v any) { writeText(w, status, indented(v)) }

// writeText answers with what is JSON already.
func writeText(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // fails when the client is gone only
}

func indented(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // of our own types: they can be
	return b.Bytes()
}

// writeShort answers with v on one line, for what is long.
func writeShort(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // fails when the client is gone only
}
