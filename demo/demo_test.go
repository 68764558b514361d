package demo

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestHandler: what each request of the default blueprint, and others, are answered.
func TestHandler(t *testing.T) {
	t.Parallel()
	h := Handler("backend-7")
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/", "", 200, "/users/1"},
		{"GET", "/health", "", 200, "healthy"},
		{"GET", "/users", "", 200, `"total": 5`},
		{"GET", "/api/users", "", 200, "Ada"},
		{"GET", "/users/1", "", 200, "Ada"},
		{"GET", "/users/77", "", 404, "77"},
		{"POST", "/users", `{"name":"Fay"}`, 201, "Fay"},
		{"POST", "/users", `{"name":`, 400, "error"},
		{"PUT", "/orders/1001", `{"status":"paid"}`, 200, "paid"},
		{"DELETE", "/products/100", "", 204, ""},
		{"DELETE", "/products", "", 405, ""},
		{"GET", "/nothing", "", 404, "/nothing"},
		{"GET", "/apiary", "", 404, ""},
		{"GET", "/echo?a=b", "", 200, `"b"`},
		{"GET", "/echo?status=503", "", 503, ""},
		{"GET", "/echo?status=99", "", 400, ""},
		{"GET", "/echo?delay=1h", "", 400, ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
		if w.Header().Get("X-Backend") != "backend-7" || w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: %v %s", c.method, c.path, w.Header(), w.Body)
		}
		if w.Code == 405 && w.Header().Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.path)
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	g, err := Listen(Backend{"a", "127.0.0.1:0"}, Backend{"b", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(ctx, nil) }()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for i, want := range []string{"a", "b"} {
		resp, err := client.Get("http://" + g.Addresses()[i] + "/health")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("X-Backend"); got != want {
			t.Errorf("backend %q, want %q", got, want)
		}
	}
	if err := Run(ctx, nil, Backend{"c", "127.0.0.1:0"}, Backend{"d", g.Addresses()[0]}); err == nil || !strings.Contains(err.Error(), `"d"`) {
		t.Errorf("a taken port: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
