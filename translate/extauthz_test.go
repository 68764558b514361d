package translate_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const asked = `
plugins:
  proxy: {config: {targets: [{url: "$target"}]}}
  auth:
    config:
      api_key: {clients: {partner: "${NONE:-the-key-of-the-partner}"}}
      ext_authz: {url: "$authority", protocol: $protocol, timeout: 0.3, headers: [X-Case, Authorization], headers_to_target: X-Auth-User, headers_to_client: [Content-Type, Location, X-Why]}
endpoints:
  - {path: /asked/*, handler: proxy, config: {auth: {require: none}}}
  - {path: /both, handler: proxy}
  - {path: /key, handler: proxy, config: {auth: {ext_authz: false}}}
  - {path: /public, handler: proxy, public: true}
`

// authority decides by the header X-Case, and notes what it was asked.
type authority struct {
	authv3.UnimplementedAuthorizationServer

	mu    sync.Mutex
	asked []string
}

func (a *authority) note(s string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, s)
}

func (a *authority) last() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Concat([]string{""}, a.asked)[len(a.asked)]
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.note(r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("X-Case") + r.Header.Get("Cookie") + r.Header.Get("X-Secret"))
	h := w.Header()
	h.Set("X-Auth-User", "alice")
	h.Set("X-Other", "root")
	h.Set("X-Why", "because")
	h.Set("X-Hidden", "hidden")
	h["Content-Type"] = nil
	switch r.Header.Get("X-Case") {
	case "401":
		w.WriteHeader(401)
	case "403":
		h.Set("Content-Type", "text/html")
		w.WriteHeader(403)
		_, _ = w.Write([]byte("<h1>no</h1>"))
	case "403 bare":
		w.WriteHeader(403)
	case "302":
		h.Set("Location", "https://login.example.com/")
		w.WriteHeader(302)
	case "500":
		w.WriteHeader(500)
	case "slow":
		<-r.Context().Done()
	case "rubbish":
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_, _ = c.Write([]byte("HTTP/9 what\r\n\x00\x01"))
			_ = c.Close()
		}
	}
}

func (a *authority) Check(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	h := r.Attributes.Request.Http
	a.note(h.Method + " " + h.Path + " " + h.Headers["x-case"] + h.Headers["cookie"] + h.Headers["x-secret"])
	option := func(k, v string) *corev3.HeaderValueOption {
		return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: k, Value: v}}
	}
	deny := func(code typev3.StatusCode, body string, headers ...*corev3.HeaderValueOption) (*authv3.CheckResponse, error) {
		return &authv3.CheckResponse{
			Status: &statuspb.Status{Code: int32(codes.PermissionDenied)},
			HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
				Status: &typev3.HttpStatus{Code: code}, Body: body, Headers: append(headers, option("X-Why", "because")),
			}},
		}, nil
	}
	switch h.Headers["x-case"] {
	case "401":
		return deny(typev3.StatusCode_Unauthorized, "")
	case "403":
		return deny(typev3.StatusCode_Forbidden, "<h1>no</h1>", option("Content-Type", "text/html"))
	case "403 bare":
		return deny(typev3.StatusCode_Forbidden, "")
	case "302":
		return deny(typev3.StatusCode_Found, "", option("Location", "https://login.example.com/"))
	case "500":
		return nil, context.Canceled
	case "slow":
		// Envoy tells its deadline; a yes just then could still come in time.
		<-ctx.Done()
		return nil, ctx.Err()
	case "rubbish":
		return new(authv3.CheckResponse), nil // which is yes
	}
	return &authv3.CheckResponse{
		Status: &statuspb.Status{},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers:         []*corev3.HeaderValueOption{option("x-auth-user", "alice"), option("x-other", "root"), option("authorization", "root")},
			HeadersToRemove: []string{"x-case"},
		}},
	}, nil
}

func TestExtAuthzHTTP(t *testing.T) {
	t.Parallel()
	a := new(authority)
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	p := serve(t, strings.ReplaceAll(asked, "$protocol", "http"), map[string]string{"target": target(t, "X-Auth-User", "X-Other", "Authorization"), "authority": s.URL + "/check/"})
	decides(t, p, a, "/check")
	if got := outcome(t, p, "GET", "/asked/a", "X-Case: rubbish"); got != 503 {
		t.Error(got)
	}
	s.Close()
	if got := outcome(t, p, "GET", "/asked/a", ""); got != 503 {
		t.Error(got)
	}
	lis, err := net.Listen("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	back := &http.Server{Handler: a, ReadHeaderTimeout: time.Second}
	go func() { _ = back.Serve(lis) }()
	t.Cleanup(func() { _ = back.Close() })
	poll(t, func() bool { return outcome(t, p, "GET", "/asked/a", "") == 200 })
}

func TestExtAuthzGRPC(t *testing.T) {
	t.Parallel()
	a := new(authority)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	authv3.RegisterAuthorizationServer(s, a)
	go func() { _ = s.Serve(lis) }()
	t.Cleanup(s.Stop)
	p := serve(t, strings.ReplaceAll(asked, "$protocol", "grpc"), map[string]string{"target": target(t, "X-Auth-User", "X-Other", "Authorization"), "authority": "http://" + lis.Addr().String()})
	decides(t, p, a, "")
}

// decides asks an authority about all that it knows.
func decides(t *testing.T, p *proxy, a *authority, prefix string) {
	t.Helper()
	for _, c := range []struct {
		headers string
		status  int
		kind    string
		body    string // its beginning
	}{
		{"X-Case: ok|X-Auth-User: root", 200, "text/plain; charset=utf-8", "GET /asked/a?b=c\nX-Auth-User: alice"},
		{"X-Case: 401", 401, "application/json", `{"error":"unauthorized",`},
		{"X-Case: 403", 403, "text/html", "<h1>no</h1>"},
		{"X-Case: 403 bare", 403, "application/json", `{"error":"forbidden",`},
		{"X-Case: 302", 302, "", ""},
		{"X-Case: 500", 503, "application/json", `{"error":"service_unavailable",`},
		{"X-Case: slow", 503, "application/json", `{"error":"service_unavailable",`},
	} {
		resp, body := p.ask(t, http.MethodGet, "/asked/a?b=c", append(split(c.headers), "Cookie: c", "X-Secret: s")...)
		h := resp.Header
		if resp.StatusCode != c.status || h.Get("Content-Type") != c.kind || !strings.HasPrefix(body, c.body) || strings.Contains(body, "root") || h.Get("X-Hidden") != "" {
			t.Errorf("%s: %d %v %s", c.headers, resp.StatusCode, h, body)
		}
		if (c.status/100 == 3) != (h.Get("Location") != "") || (c.status/100 == 4) && h.Get("X-Why") == "" {
			t.Errorf("%s: %v", c.headers, h)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(c.headers, "X-Case: "), "|")
		if want := "GET " + prefix + "/asked/a?b=c " + name; a.last() != want {
			t.Errorf("%s: asked %q, want %q", c.headers, a.last(), want)
		}
	}
	const key = "X-API-Key: the-key-of-the-partner"
	before := len(a.asked)
	refused(t, p, "no key", "/both", "X-Case: ok")
	passes(t, p, "/key", "GET /key", key, "X-Case: 401")
	passes(t, p, "/public", "GET /public", "X-Case: 401", "X-Other: x")
	if _, body := p.ask(t, http.MethodGet, "/public", "X-Auth-User: root", "x-auth-user: root"); strings.Contains(body, "root") {
		t.Error(body)
	}
	if len(a.asked) != before {
		t.Errorf("asked too often: %v", a.asked[before:])
	}
	passes(t, p, "/both", "GET /both\nX-Auth-User: alice", key, "X-Case: ok")
	if got := outcome(t, p, "GET", "/both", key+"|X-Case: 403 bare"); got != 403 {
		t.Error(got)
	}
}
