package translate_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const logBlueprint = `
plugins:
  proxy: {config: {targets: ["$target"], upstreams: {gone: {targets: ["http://127.0.0.1:1"]}}}}
  access_log: {config: {file: $dir/base.log, exclude_paths: ["/quiet/*"]}}
endpoints:
  - {path: "/*", method: GET}
  - {path: "/quiet/{id}", config: {proxy: {path: "/moved/{id}"}}}
  - {path: /gone, upstream: gone, config: {access_log: {file: $dir/gone.log, line: "{{method}} 100% {{status}} {{flags}} %ENVIRONMENT(HOME)% {{header.X-None}}", status: 5xx}}}
  - {path: /errors, config: {access_log: {file: $dir/errors.log, only_errors: true}}}
  - {path: /slow, config: {access_log: {file: $dir/slow.log, min_duration: 5s}}}
  - {path: /none, config: {access_log: false}}
  - {path: /half, config: {access_log: {file: $dir/half.log, sample: 50, fields: {n: "{{query.n}}", code: "{{status}}", two: "{{method}} {{path}}", type: "{{response_header.X-Target}}"}}}}
`

// TestAccessLog: which requests are logged where, and that nothing which clients or
// blueprints write breaks a line or reads Envoy's environment.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, logBlueprint, map[string]string{"target": target(t), "dir": dir})
	for _, path := range []string{"/a?x=%22%0a", "/quiet/1", "/moved/1", "/gone", "/errors", "/slow", "/none"} {
		p.ask(t, http.MethodGet, path, "User-Agent: a\"b")
	}
	p.ask(t, http.MethodPost, "/a")                       // 405
	p.sends(t, "GET / HTTP/1.1\r\nHost: a\r\nbad header") // 400, without a route
	for range 200 {
		p.ask(t, http.MethodGet, "/half?n=1")
	}
	p.ask(t, http.MethodGet, "/last")
	var base []string
	poll(t, func() bool {
		base = lines(t, dir, "base.log")
		return len(base) > 0 && strings.Contains(base[len(base)-1], "/last")
	})
	var paths []string
	for _, l := range base {
		var v struct {
			Path, Method, Protocol, Endpoint, Pool, Target, Flags string
			Host, UserAgent                                       string
			Status                                                int
			RequestID                                             string `json:"request_id"`
			DurationMS                                            *int   `json:"duration_ms"`
		}
		if err := json.Unmarshal([]byte(l), &v); err != nil {
			t.Errorf("%v: %s", err, l)
		}
		paths = append(paths, v.Method+" "+v.Path)
		if v.Path == "/last" && (v.Status != 200 || v.Pool != "default" || v.Endpoint != "GET /*" || v.Target == "" || v.RequestID == "" || v.DurationMS == nil || v.Protocol != "HTTP/1.1") {
			t.Errorf("a line: %s", l)
		}
	}
	if got, want := strings.Join(paths, ", "), "GET /a?x=%22%0a, GET /moved/1, POST /a,  , GET /last"; got != want {
		t.Errorf("logged %s, want %s", got, want)
	}
	if got, want := strings.Join(lines(t, dir, "gone.log"), "|"), "GET 100% 503 UF %ENVIRONMENT(HOME)% -"; got != want {
		t.Errorf("the line of /gone: %q, want %q", got, want)
	}
	for _, name := range []string{"errors.log", "slow.log"} {
		if got := lines(t, dir, name); len(got) > 0 {
			t.Errorf("%s: %s", name, got)
		}
	}
	half := lines(t, dir, "half.log")
	if len(half) < 50 || len(half) > 150 || half[0] != `{"code":200,"n":"1","two":"GET /half?n=1","type":"yes"}` {
		t.Errorf("%d of 200 lines, %s", len(half), half)
	}
}

func lines(t *testing.T, dir, name string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
}
