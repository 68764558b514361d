package translate_test

import (
	"strings"
	"testing"
)

const posted = "POST /x HTTP/1.1\r\nHost: a\r\n"
const behind = "GET /admin/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

// smuggling are bytes of a client, and the statuses of the answers. The second request, if
// it is one, is for /admin.
var smuggling = []struct{ name, bytes, want string }{
	{"CL and TE", posted + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + behind, "400"},
	{"TE and CL", posted + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + behind + "0\r\n\r\n", "400"},
	{"TE xchunked", posted + "Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + behind, "400"},
	{"TE xchunked alone", posted + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + behind, "501"},
	{"TE identity", posted + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc" + behind, "400"},
	{"TE chunked, identity", posted + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + behind, "501"},
	{"TE identity, chunked", posted + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + behind, "501"},
	{"TE gzip, chunked", posted + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + behind, "501"},
	{"TE twice", posted + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + behind, "501"},
	{"TE CHUNKED", posted + "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n" + behind, "200 403"},
	{"TE with a tab", posted + "Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + behind, "400"},
	{"TE with a vertical tab", posted + "Transfer-Encoding:\x0bchunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + behind, "400"},
	{"TE with a space before the colon", posted + "Transfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + behind, "400"},
	{"TE folded", posted + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + behind, "400"},
	{"TE with an underscore", posted + "Transfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + behind, "400"},
	{"TE behind a bare CR", posted + "X: y\rTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + behind, "200 403"},
	{"TE behind a bare LF", posted + "X: y\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + behind, "400"},
	{"TE quoted", posted + "Transfer-Encoding: \"chunked\"\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + behind, "400"},
	{"CL twice", posted + "Content-Length: 3\r\nContent-Length: 44\r\n\r\nabc" + behind, "400"},
	{"the same CL twice", posted + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + behind, "400"},
	{"a list of CL", posted + "Content-Length: 3, 44\r\n\r\nabc" + behind, "400"},
	{"CL +3", posted + "Content-Length: +3\r\n\r\nabc" + behind, "400"},
	{"CL -1", posted + "Content-Length: -1\r\n\r\nabc" + behind, "400"},
	{"CL 0x3", posted + "Content-Length: 0x3\r\n\r\nabc" + behind, "400"},
	{"CL 3 and a letter", posted + "Content-Length: 3a\r\n\r\nabc" + behind, "400"},
	{"CL beyond 64 bits", posted + "Content-Length: 18446744073709551619\r\n\r\nabc" + behind, "400"},
	{"CL empty", posted + "Content-Length:\r\n\r\n" + behind, "400"},
	{"CL with an underscore", posted + "Content_Length: 44\r\n\r\n" + behind, "400"},
	{"GET with a body", "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 41\r\n\r\n" + behind, "200"},
	{"HEAD with a body", "HEAD /x HTTP/1.1\r\nHost: a\r\nContent-Length: 41\r\n\r\n" + behind, "200"},

	{"a chunk's extension", posted + "Transfer-Encoding: chunked\r\n\r\n3;a=b;c=\"d\"\r\nabc\r\n0\r\n\r\n" + behind, "200 403"},
	{"a chunk's extension with a bare LF", posted + "Transfer-Encoding: chunked\r\n\r\n3;\nxx\r\nabc\r\n0\r\n\r\n" + behind, "400"},
	{"a chunk's extension with a bare CR", posted + "Transfer-Encoding: chunked\r\n\r\n3;\rxx\r\nabc\r\n0\r\n\r\n" + behind, "400"},
	{"chunks with bare LFs", posted + "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n" + behind, "400"},
	{"a chunk beyond 64 bits", posted + "Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n" + behind, "400"},
	{"a chunk of a negative size", posted + "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n" + behind, "400"},
	{"a chunk of 0x3", posted + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n" + behind, "400"},
	{"a chunk with a space", posted + "Transfer-Encoding: chunked\r\n\r\n 3 \r\nabc\r\n0\r\n\r\n" + behind, "400"},
	{"a chunk that is longer", posted + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n" + behind, "200 403"},
	{"trailers", posted + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 44\r\nTransfer-Encoding: x\r\nX-Injected: yes\r\n\r\n" + behind, "200 403"},

	{"a bare LF ends lines", "POST /x HTTP/1.1\nHost: a\nContent-Length: 3\n\nabc" + behind, "200 403"},
	{"a bare CR ends lines", "POST /x HTTP/1.1\rHost: a\rContent-Length: 3\r\rabc" + behind, "400"},
	{"a folded header", "GET /x HTTP/1.1\r\nHost: a\r\nX-In: a\r\n X-Injected: yes\r\n\r\n" + behind, "200 403"},
	{"a header with NUL", "GET /x HTTP/1.1\r\nHost: a\r\nX-In: a\x00b\r\n\r\n" + behind, "400"},
	{"a header with CR", "GET /x HTTP/1.1\r\nHost: a\r\nX-In: a\rX-Injected: yes\r\n\r\n" + behind, "200 403"},
	{"a header with LF", "GET /x HTTP/1.1\r\nHost: a\r\nX-In: a\n\r\n\r\n" + behind, "200 403"},
	{"a header without a name", "GET /x HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n" + behind, "400"},
	{"a header without a colon", "GET /x HTTP/1.1\r\nHost: a\r\nX\r\n\r\n" + behind, "400"},
	{"a space before the first header", "GET /x HTTP/1.1\r\n Host: a\r\n\r\n" + behind, "400"},
	{"a huge header", "GET /x HTTP/1.1\r\nHost: a\r\nX-In: " + strings.Repeat("a", 70<<10) + "\r\n\r\n" + behind, "431"},
	{"many headers", "GET /x HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 200) + "\r\n" + behind, "431"},
	{"no Host", "GET /x HTTP/1.1\r\n\r\n" + behind, "400"},
	{"two Hosts", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + behind, "200 403"},
	{"a Host with a path", "GET /x HTTP/1.1\r\nHost: a/admin\r\n\r\n" + behind, "400"},
	{"a Host with a user", "GET /x HTTP/1.1\r\nHost: u@a\r\n\r\n" + behind, "200 403"},
	{"a Host with a space", "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n" + behind, "400"},

	{"HTTP/0.9", "GET /x\r\n" + behind, "200"},
	{"HTTP/1.0 that keeps alive", "POST /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc" + behind, "200 403"},
	{"HTTP/1.0 with TE", "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" + behind, "200 403"},
	{"HTTP/1.2", "GET /x HTTP/1.2\r\nHost: a\r\n\r\n" + behind, "200"},
	{"HTTP/2.0", "GET /x HTTP/2.0\r\nHost: a\r\n\r\n" + behind, "200"},
	{"HTTP/1.1 and more", "GET /x HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n" + behind, "400"},
	{"a method with a space", "G ET /x HTTP/1.1\r\nHost: a\r\n\r\n" + behind, "400"},
	{"a method that none is", "GE@T /x HTTP/1.1\r\nHost: a\r\n\r\n" + behind, "400"},
	{"two spaces", "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n" + behind, "200 403"},
	{"a tab", "GET\t/x\tHTTP/1.1\r\nHost: a\r\n\r\n" + behind, "200 403"},
	{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + behind, "404"},
	{"behind an error", "GET x HTTP/1.1\r\nHost: a\r\n\r\n" + behind, "400"},
	{"behind 403", "POST /admin HTTP/1.1\r\nHost: a\r\nContent-Length: 41\r\n\r\n" + behind, "403"},

	{"h2c", "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n" + behind, "200 403"},
	{"h2c with a body", posted + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 41\r\n\r\n" + behind, "200"},
	{"WebSocket that is refused", "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 1\r\n\r\n" + behind, "200"},
	{"Connection hides a header", "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close, X-Forwarded-For, Host\r\n\r\n" + behind, "400"},
	{"Expect", posted + "Expect: 100-continue\r\nContent-Length: 41\r\n\r\n" + behind, "100 200"},
	{"Expect something", posted + "Expect: x\r\nContent-Length: 41\r\n\r\n" + behind, "200"},
}

// TestSmuggling: what two servers could part into requests in two ways is refused, or
// reaches the target in one way only; what is behind it is never a request that Envoy did
// not see, and judge by its path.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	p := serve(t, guardedSite, map[string]string{"one": r.url})
	for _, c := range smuggling {
		if got, bodies := p.wire(t, c.bytes, len(strings.Fields(c.want))); got != c.want {
			t.Errorf("%s: %s %q, not %s", c.name, got, bodies, c.want)
		}
	}
	p.wire(t, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 1) // it is still there
	r.check(t)
}
