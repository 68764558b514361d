package admin

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backworks/fleet"
)

func tokenFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestToken(t *testing.T) {
	t.Parallel()
	path := tokenFile(t, "s3cret\n")
	token, err := LoadToken(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := busy()
	h := New(Options{Fleet: f, Token: token})
	basic := func(user, password string) string {
		r, _ := http.NewRequest(http.MethodGet, "/", http.NoBody)
		r.SetBasicAuth(user, password)
		return "Authorization: " + r.Header.Get("Authorization")
	}
	for _, c := range []struct {
		method, path, header string
		status               int
	}{
		{"GET", "/health", "X-A: b", 200},
		{"GET", "/ready", "X-A: b", 200},
		{"GET", "/", "X-A: b", 401},
		{"GET", "/metrics", "X-A: b", 401},
		{"GET", "/nothing", "X-A: b", 401},
		{"GET", "/health/", "X-A: b", 401},
		{"GET", "//health", "X-A: b", 401},
		{"GET", "/api/v1/status", "X-A: b", 401},
		{"POST", "/api/v1/retry?blueprint=shop", "X-A: b", 401},
		{"OPTIONS", "/api/v1/status", "X-A: b", 401},
		{"GET", "/api/v1/status", "Authorization: Bearer s3cret", 200},
		{"GET", "/api/v1/status", "Authorization: bearer s3cret", 200},
		{"POST", "/api/v1/retry?blueprint=shop", "Authorization: Bearer s3cret", 200},
		{"GET", "/nothing", "Authorization: Bearer s3cret", 404},
		{"GET", "/api/v1/status", "Authorization: Bearer s3cre", 401},
		{"GET", "/api/v1/status", "Authorization: Bearer s3cret2", 401},
		{"GET", "/api/v1/status", "Authorization: Bearer", 401},
		{"GET", "/api/v1/status", "Authorization: s3cret", 401},
		{"GET", "/api/v1/status", basic("", "s3cret"), 200},
		{"GET", "/api/v1/status", basic("admin", "s3cret"), 200},
		{"GET", "/api/v1/status", basic("s3cret", ""), 401},
		{"GET", "/api/v1/status", basic("admin", "S3cret"), 401},
	} {
		w := call(h, c.method, c.path, c.header)
		if w.Code != c.status {
			t.Errorf("%s %s with %q: %d, want %d", c.method, c.path, c.header, w.Code, c.status)
		}
		if asks := strings.Join(w.Header().Values("WWW-Authenticate"), " "); (c.status == 401) != (strings.Contains(asks, "Bearer") && strings.Contains(asks, "Basic")) {
			t.Errorf("%s %s with %q: WWW-Authenticate %q", c.method, c.path, c.header, asks)
		}
	}
	if len(f.did) != 1 {
		t.Errorf("done by hand: %v", f.did)
	}
	for _, header := range []string{"X-Requested-With: fetch", "Accept: text/event-stream"} {
		if w := call(h, "GET", "/api/v1/status", header); w.Code != 401 || strings.Contains(strings.Join(w.Header().Values("WWW-Authenticate"), " "), "Basic") {
			t.Errorf("%s: %d, and the browser asks over the page: %q", header, w.Code, w.Header())
		}
	}
	open := New(Options{Fleet: f, Token: token, OpenMetrics: true})
	if m, s := call(open, "GET", "/metrics").Code, call(open, "GET", "/api/v1/status").Code; m != 200 || s != 401 {
		t.Errorf("open metrics: %d, %d", m, s)
	}
	if w := call(Metrics(Options{Fleet: f, Token: token}), "GET", "/metrics"); w.Code != 200 {
		t.Errorf("what Envoys ask for: %d", w.Code)
	}
}

// TestTokenIsReadAgain: a new one holds at once, and a file that went bad changes nothing.
func TestTokenIsReadAgain(t *testing.T) {
	t.Parallel()
	path := tokenFile(t, "one")
	token, err := LoadToken(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := New(Options{Fleet: busy(), Token: token})
	says := func(shown string) int {
		return call(h, "GET", "/api/v1/status", "Authorization: Bearer "+shown).Code
	}
	for _, c := range []struct {
		file     string
		one, two int
	}{{"one", 200, 401}, {"two", 401, 200}, {"", 401, 200}, {" \n", 401, 200}, {"one", 200, 401}} {
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if one, two := says("one"), says("two"); one != c.one || two != c.two || says("") != 401 {
			t.Errorf("with the file %q: %d and %d", c.file, one, two)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if says("one") != 200 || says("") != 401 {
		t.Error("without its file the last good token does not hold")
	}
}

func TestBadTokens(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{"": "there is none", "\n \n": "there is none", "a b": "one word", "a\nb": "one word", "ä": "one word", strings.Repeat("x", 5000): "over 4 KiB"} {
		if _, err := LoadToken(tokenFile(t, text), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	if _, err := LoadToken("none", nil); err == nil {
		t.Error("no file will do")
	}
}

// TestSlowClients do not keep others out: neither those that never finish a request nor
// those that never read an answer.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(New(Options{Fleet: busy()}), nil)
	t.Cleanup(func() { _ = server.Close() })
	go func() { _ = server.Serve(lis) }()
	for i := range 200 {
		c, err := net.Dial("tcp", lis.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		text := "GET /api/v1/status HTTP/1.1\r\nHost: local"
		if i%2 == 0 {
			text = "POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx"
		}
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + lis.Addr().String() + "/health")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != 200 {
		t.Errorf("%d", response.StatusCode)
	}
	if server.ReadHeaderTimeout > 5*time.Second || server.ReadTimeout > 10*time.Second || server.MaxHeaderBytes > 16<<10 {
		t.Errorf("limits: %+v", server)
	}
}

// TestLongBodies are refused, or no more of them is taken in than is done with at once.
func TestLongBodies(t *testing.T) {
	t.Parallel()
	f := busy()
	f.report = &fleet.Report{}
	s := serving(t, f)
	for length, want := range map[int]int{maxRequestBody: http.StatusOK, maxRequestBody + 1: http.StatusRequestEntityTooLarge} {
		answer, err := s.Client().Post(s.URL+"/api/v1/reload", "application/json", strings.NewReader(strings.Repeat("x", length)))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%d bytes: %d, want %d", length, answer.StatusCode, want)
		}
	}
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte("POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	chunk := []byte("10000\r\n" + strings.Repeat("x", 64<<10) + "\r\n")
	for sent := 0; ; sent += len(chunk) {
		if sent > 64<<20 { // far above what the sockets hold
			t.Fatal("it takes a body without an end")
		}
		if _, err := conn.Write(chunk); err != nil {
			break
		}
	}
}

// FuzzAdmin: whatever a client sends, nothing panics and nothing is the server's fault.
func FuzzAdmin(f *testing.F) {
	f.Add("GET", "/api/v1/history?blueprint=shop", "Accept", "text/html", "")
	f.Add("POST", "/api/v1/rollback?blueprint=%00&version=..%2f", "Origin", "http://x", "{}")
	f.Add("GET", "/metrics?format=json", "Accept", "application/json;q=x, */*", "")
	f.Add("GET", "//", "Host", "[::1", "")
	f.Add("GET", "/api/v1/blueprint?blueprint=shop&version=abc", "Authorization", "Basic !", "")
	f.Add("PUT", "/%2e%2e/x?;", "Sec-Fetch-Site", "none", "x")
	f.Fuzz(func(t *testing.T, method, path, header, value, body string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(header+value, "\r\n") {
			return
		}
		r, err := http.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header.Set(header, value)
		if strings.EqualFold(header, "Host") {
			r.Host = value
		}
		served := busy()
		served.report = &fleet.Report{}
		if code := answered(New(Options{Fleet: served}), r); code >= 500 || code < 200 {
			t.Errorf("%s %q: %d", method, path, code)
		}
	})
}
