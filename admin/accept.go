package admin

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// wantsJSON tells whether a client asks for JSON rather than text: by ?format=json,
// else by its Accept header. Prometheus and browsers list text.
func wantsJSON(r *http.Request) bool {
	switch r.URL.Query().Get("format") {
	case "json":
		return true
	case "prometheus", "text":
		return false
	}
	var json, text float64
	for listed := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, parameters, err := mime.ParseMediaType(listed)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, ok := parameters["q"]; ok {
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		switch kind {
		case "application/json":
			json = max(json, weight)
		case "text/plain", "text/html", "application/openmetrics-text":
			text = max(text, weight)
		}
	}
	return json > text
}
