package demo

import (
	"cmp"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxDelay is longer than any timeout that one tries out.
	maxDelay = 30 * time.Second
	// maxEcho is how much of a body is shown.
	maxEcho = 64 << 10
)

// misbehave waits as long as asked for, and gives the status asked for: 200 by
// default. It answers, and gives false, when the wish is none it can fulfil or the
// client is gone. Only /echo takes wishes from the query, where other paths may
// have a use for these names.
func misbehave(w http.ResponseWriter, r *http.Request, byQuery bool) (int, bool) {
	status, delay := r.Header.Get("X-Demo-Status"), r.Header.Get("X-Demo-Delay")
	if byQuery {
		query := r.URL.Query()
		status, delay = cmp.Or(query.Get("status"), status), cmp.Or(query.Get("delay"), delay)
	}
	code, err := strconv.Atoi(cmp.Or(status, "200"))
	if err != nil || code < 200 || code > 599 {
		refuse(w, http.StatusBadRequest, "status must be a number from 200 to 599")
		return 0, false
	}
	wait, err := time.ParseDuration(cmp.Or(delay, "0s"))
	if err != nil || wait < 0 || wait > maxDelay {
		refuse(w, http.StatusBadRequest, "delay must be a duration up to "+maxDelay.String()+", as in 200ms")
		return 0, false
	}
	if wait == 0 {
		return code, true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return code, true
	case <-r.Context().Done():
		return 0, false
	}
}

// echo shows the request.
func echo(w http.ResponseWriter, r *http.Request, name string, status int) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxEcho))
	answer := map[string]any{
		"backend": name,
		"method":  r.Method,
		"path":    r.URL.Path,
		"query":   r.URL.Query(),
		"host":    r.Host,
		"headers": r.Header,
	}
	if len(body) > 0 {
		answer["body"] = string(body)
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		w.WriteHeader(status) // these have no body
		return
	}
	write(w, status, answer)
}
