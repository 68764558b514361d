package translate_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const websockets = `
plugins:
  proxy:
    config:
      targets: [{url: "$echo"}]
      timeout: 500ms
      max_request_size: 1000
      retry_attempts: 2
  auth: {enabled: false, config: {basic: {users: {me: "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="}}}}
endpoints:
  - {path: /echo, handler: proxy}
  - {path: /locked, handler: proxy, config: {auth: true}}
  - {path: /idle, handler: proxy, config: {proxy: {idle_timeout: 300ms}}}
  - {path: /off, handler: proxy, config: {proxy: {websocket: false}}}
  - {path: /post, method: POST, handler: proxy}
  - {path: /refused, handler: proxy}
  - {path: /static, handler: static, config: {static: {body: fixed}}}
`

// echo is a target that sends back what comes by WebSocket.
func echo(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			http.Error(w, "not you", http.StatusUnauthorized)
			return
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"chat"}})
		if err != nil {
			return // it has answered
		}
		c.SetReadLimit(-1)
		defer func() { _ = c.CloseNow() }()
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, message) != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func dial(t *testing.T, url string) (*websocket.Conn, *http.Response) {
	t.Helper()
	c, resp, _ := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"chat"}})
	if c != nil {
		c.SetReadLimit(-1)
		t.Cleanup(func() { _ = c.CloseNow() })
	}
	if resp == nil {
		t.Fatal("no answer")
	}
	return c, resp
}

// echoes sends a message of n bytes and waits for it.
func echoes(t *testing.T, c *websocket.Conn, n int) bool {
	t.Helper()
	sent := bytes.Repeat([]byte("x"), n)
	if c.Write(t.Context(), websocket.MessageBinary, sent) != nil {
		return false
	}
	_, got, err := c.Read(t.Context())
	return err == nil && bytes.Equal(sent, got)
}

// TestWebSockets: a WebSocket passes on every endpoint that does not refuse it, and
// neither the timeout nor the largest size of a request ends it.
func TestWebSockets(t *testing.T) {
	t.Parallel()
	p := serve(t, websockets, map[string]string{"echo": echo(t)})
	c, resp := dial(t, p.url+"/echo")
	if c == nil || resp.StatusCode != http.StatusSwitchingProtocols || c.Subprotocol() != "chat" {
		t.Fatalf("no WebSocket: %d", resp.StatusCode)
	}
	begun := time.Now()
	poll(t, func() bool { // beyond the timeout of 500 ms
		if !echoes(t, c, 700) {
			t.Fatal("the WebSocket was ended")
		}
		return time.Since(begun) > 1200*time.Millisecond
	})
	if !echoes(t, c, 3_000_000) {
		t.Error("a message of 3 MB was not echoed")
	}
	silent, _ := dial(t, p.url+"/idle")
	if silent == nil {
		t.Fatal("no WebSocket")
	}
	begun = time.Now()
	if _, _, err := silent.Read(t.Context()); err == nil || time.Since(begun) > 5*time.Second {
		t.Errorf("silent for %v: %v", time.Since(begun), err)
	}
	for path, want := range map[string]int{"/off": 403, "/post": 405, "/refused": 401, "/static": 200, "/nowhere": 404} {
		if _, resp := dial(t, p.url+path); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	handshake := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	if resp, _ := p.ask(t, "GET", "/locked", handshake...); resp.StatusCode != 401 {
		t.Errorf("without a password: %d", resp.StatusCode)
	}
	if answer := p.raw(t, "GET /locked HTTP/1.1\r\nHost: a\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"+strings.Join(handshake, "\r\n")+"\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 101") {
		t.Errorf("with a password: %s", answer)
	}
	upgrade := []string{"Connection: Upgrade", "Upgrade: websocket"}
	if resp, body := p.ask(t, "GET", "/off", upgrade...); resp.StatusCode != 403 || !strings.Contains(body, `{"error":`) {
		t.Errorf("refused: %d %s", resp.StatusCode, body)
	}
	if answer := p.raw(t, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 404") {
		t.Errorf("CONNECT: %s", answer)
	}
}
