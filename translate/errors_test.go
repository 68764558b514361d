package translate_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

const errorsBlueprint = `
plugins:
  proxy:
    config:
      targets: [{url: "$slow", timeout: 1}]
      upstreams: {gone: {targets: ["http://127.0.0.1:1"]}}
  errors:
    config:
      body: {error: {code: "{{status}}", reason: "{{error}}", text: "{{message}} 100%"}, path: "{{path}}", id: "{{request_id}}"}
      by_status:
        404: {error: no_such_page}
        405: {message: "not so"}
        4xx: {message: "your %REQ(x-secret)% fault"}
        503: {body: "<h1>{{status}}: {{message}}</h1>"}
endpoints:
  - {path: /slow, method: GET}
  - {path: /gone, upstream: gone}
  - {path: /own, upstream: gone, config: {errors: {body: {sorry: "{{status}}"}, by_status: {}}}}
  - {path: /plain, upstream: gone, config: {errors: false}}
  - {path: /static, handler: static, config: {static: {status: 404, body: "mine"}}}
`

// TestErrors: each answer of the proxy has the shape that the blueprint wants; those of
// targets and static endpoints are left alone.
func TestErrors(t *testing.T) {
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			http.Error(w, "the target's own", http.StatusServiceUnavailable)
			return
		}
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	p := serve(t, errorsBlueprint, map[string]string{"slow": slow.URL})
	shape := func(code, reason, text, path string) string {
		return `{"error":{"code":` + code + `,"reason":"` + reason + `","text":"` + text + ` 100%"},"id":(?:"[0-9a-f-]{36}"|null),"path":` + path + `}`
	}
	fault := regexp.QuoteMeta("your %REQ(x-secret)% fault")
	for _, c := range []struct {
		raw, kind, body string
		status          int
	}{
		{"GET /none?%22q HTTP/1.1\r\nHost: a\r\nx-secret: s", "application/json", shape("404", "no_such_page", fault, `"/none\?%22q"`), 404},
		{"PUT /slow HTTP/1.1\r\nHost: a", "application/json", shape("405", "method_not_allowed", "not so", `"/slow"`), 405},
		{"GET /slow HTTP/1.1\r\nHost: a", "application/json", shape("504", "timeout", "[a-z ]+", `"/slow"`), 504},
		{"GET /slow?own HTTP/1.1\r\nHost: a", "text/plain", "the target's own", 503},
		{"GET /gone HTTP/1.1\r\nHost: a", "text/html", "<h1>503: [a-z ]+</h1>", 503},
		{"GET /own HTTP/1.1\r\nHost: a", "application/json", `{"sorry":503}`, 503},
		{"GET /plain HTTP/1.1\r\nHost: a", "application/json", `{"error":"service_unavailable","message":"[a-z ]+"}`, 503},
		{"GET /static HTTP/1.1\r\nHost: a", "text/plain", "mine", 404},
		{"GET / HTTP/1.1", "application/json", shape("400", "bad_request", fault, "\"/\""), 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nbad header", "application/json", shape("400", "bad_request", fault, ".*"), 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nx_y: 1", "application/json", shape("400", "bad_request", fault, ".*"), 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nx: " + strings.Repeat("a", 70_000), "application/json", shape("431", "headers_too_large", fault, ".*"), 431},
	} {
		resp, body := p.sends(t, c.raw)
		name := c.raw[:min(len(c.raw), 60)]
		if resp.StatusCode != c.status || !strings.HasPrefix(resp.Header.Get("Content-Type"), c.kind) {
			t.Errorf("%q: %d %v %s", name, resp.StatusCode, resp.Header, body)
		}
		if c.status != 400 && !regexp.MustCompile(`^`+c.body+`\n?$`).MatchString(body) {
			t.Errorf("%q: %s, want %s", name, body, c.body)
		}
	}
}

// sends sends the head of a request as it is.
func (p *proxy) sends(t *testing.T, head string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, head+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// setsHeaders is a target whose answers have headers as "Name: value".
func setsHeaders(t *testing.T, headers ...string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Add(name, value)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}
