package admin

import (
	"io"
	"net/http"
	"strings"
)

// entry is a page, as / lists it.
type entry struct{ method, path, about string }

var entries = []entry{
	{"GET", "/health", "whether this process serves"},
	{"GET", "/ready", "whether an Envoy serves what is published"},
	{"GET", "/metrics", "figures of all Envoys and of the management server, for Prometheus"},
	{"GET", "/metrics?format=json", "the figures of every target, for people"},
	{"GET", "/api/v1/status", "nodes, blueprints, problems"},
	{"GET", "/api/v1/targets", "targets as the Envoys see them"},
	{"GET", "/api/v1/telemetry", "figures of targets, pools, endpoints and Envoys; ?window= seconds of series"},
	{"GET", "/api/v1/stream", "the same as server-sent events"},
	{"GET", "/api/v1/openapi.yaml", "the description of this API"},
	{"GET", "/api/v1/history", "versions of the blueprints, and what became of them"},
	{"GET", "/api/v1/blueprint", "what a ?version= of a ?blueprint= was written in"},
	{"GET", "/api/v1/resource", "the resource of ?type= and ?name= that a ?version= of a ?blueprint= became"},
	{"POST", "/api/v1/reload", "read the blueprints now"},
	{"POST", "/api/v1/rollback", "give the nodes of ?blueprint= an earlier ?version="},
	{"POST", "/api/v1/retry", "bring the nodes of ?blueprint= what they refused once more"},
	{"POST", "/api/v1/switch", "have ?target= drained, ejected or restored: ?to=drain, eject, restore"},
}

// index lists what is there: with links for browsers, as text for others.
func (p *pages) index(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		for _, e := range entries {
			b.WriteString(e.method + strings.Repeat(" ", 5-len(e.method)) + e.path + strings.Repeat(" ", 22-len(e.path)) + e.about + "\n")
		}
		_, _ = io.WriteString(w, b.String())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Backworks</title></head><body>\n<h1>Backworks</h1>\n<ul>\n")
	for _, e := range entries {
		path := "<code>" + e.method + " " + e.path + "</code>"
		if e.method == "GET" {
			path = `<a href="` + e.path + `">` + e.path + "</a>"
		}
		b.WriteString("<li>" + path + ": " + e.about + "</li>\n")
	}
	b.WriteString("</ul>\n</body></html>\n")
	_, _ = io.WriteString(w, b.String())
}
