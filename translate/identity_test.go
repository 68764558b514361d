package translate_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const identified = `
plugins:
  proxy: {config: {targets: ["$target"]}}
  auth:
    config:
      jwt: {providers: {main: {issuer: https://id.example.com, audience: api, jwks: '$jwks', claims_to_headers: {X-User: sub, X-Role: role}}}}
      api_key: {clients: {partner: "${NONE:-first-key-of-partner}"}}
      ext_authz: {url: "$authority", headers: [X-Case], headers_to_target: X-Team}
endpoints:
  - {path: /closed}
  - {path: /open, public: true}
`

// TestIdentitiesByAllMeans: no way to write a header has a target believe that the proxy
// said it, nor takes away what the proxy says: not as a trailer, not as a header of the
// connection, not in several lines.
func TestIdentitiesByAllMeans(t *testing.T) {
	t.Parallel()
	authority := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Team", "blue") }))
	t.Cleanup(authority.Close)
	p := serve(t, identified, map[string]string{"target": newWitness(t).url, "jwks": newIssuer(t).jwks(), "authority": authority.URL})
	const with = "X-API-Key: " + key + "\r\n"
	for _, c := range []struct {
		path, headers, body string
		status              int
	}{
		{"/open", "X-User: root\r\nX-ROLE: root\r\nx-team: root\r\nX-Client-Id: root\r\n", "", 200},
		{"/open", "X-User: a\r\nX-User: root\r\nX-Client-Id:root\r\nX-Client-Id:\troot\t\r\n", "", 200},
		{"/open", "X-User:\r\n root\r\n", "", 200},
		{"/open", "X-User : root\r\n", "", 400},
		{"/open", "X_User: root\r\n", "", 400},
		{"/open", "X-User\x00: root\r\n", "", 400},
		{"/open", "X-A: b\rX-User: r\r\n", "", 200},
		{"/closed", with + "X-User: root\r\nX-ROLE: root\r\nX-Team: root\r\nX-Client-Id: root\r\n", "", 200},
		{"/closed", with + "Connection: keep-alive, X-Client-Id, X-Team, X-Forwarded-For, X-API-Key\r\n", "", 400},
		{"/closed", with + "Connection: keep-alive, X-Client-Id, X-Team\r\n", "", 200},
		{"/closed", with + "Connection: X-Client-Id\r\nKeep-Alive: X-Team\r\nProxy-Connection: X-Team\r\n", "", 200},
		{"/closed", with + "TE: trailers\r\nTrailer: X-User, X-Client-Id\r\nTransfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nX-User: root\r\nX-Client-Id: root\r\n\r\n", 200},
		{"/closed", "Connection: X-Client-Id\r\nX-Client-Id: partner\r\n", "", 401},
		{"/closed", "Trailer: X-API-Key\r\nTransfer-Encoding: chunked\r\n", "0\r\nX-API-Key: " + key + "\r\n\r\n", 401},
	} {
		status, body := raw(t, p, "POST "+c.path+" HTTP/1.1\r\nHost: a\r\n"+c.headers+"\r\n"+c.body)
		switch {
		case c.status != status:
			t.Errorf("%q: %d %s, want %d", c.headers, status, body, c.status)
		case strings.Contains(body, "root") || strings.Contains(body, key) || strings.Contains(body, "connection: ") || strings.Contains(body, "\nx-user: "):
			t.Errorf("%q: a target sees %s", c.headers, body)
		case c.path == "/closed" && status == 200 && !(strings.Contains(body, "\nx-client-id: partner\n") && strings.Contains(body, "\nx-team: blue\n") && strings.Contains(body, "\nx-forwarded-for: ")):
			t.Errorf("%q: a target does not see who it is: %s", c.headers, body)
		}
	}
}

// raw sends these bytes and reads one answer.
func raw(t *testing.T, p *proxy, request string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}
