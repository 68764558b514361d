package admin

import (
	"embed"
	"mime"
	"net/http"
	"path"
	"strings"
)

// web is the page: modules as they are written, with no build step.
//
//go:embed web
var web embed.FS

// pagePolicy lets the page have what is embedded with it, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// root gives browsers the page, unless blueprints do without, and others the index.
func (p *pages) root(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") || !p.page() {
		p.index(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	p.asset("web/index.html")(w, r)
}

func (p *pages) page() bool { return p.Page == nil || p.Page() }

// assets are routes to what the page is made of, by the names of the files.
func (p *pages) assets() (all []route) {
	entries, _ := web.ReadDir("web") // is there, or nothing is built
	for _, e := range entries {
		if name := "web/" + e.Name(); e.Name() != "index.html" {
			all = append(all, route{"/" + name, http.MethodGet, func(w http.ResponseWriter, r *http.Request) {
				if !p.page() {
					refuse(w, http.StatusNotFound, "dashboard.enabled is false")
					return
				}
				p.asset(name)(w, r)
			}})
		}
	}
	return all
}

func (p *pages) asset(name string) http.HandlerFunc {
	text, _ := web.ReadFile(name)
	kind := mime.TypeByExtension(path.Ext(name))
	if path.Ext(name) == ".js" {
		kind = "text/javascript; charset=utf-8" // whatever the machine's tables say
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(text) // fails when the client is gone only
	}
}
