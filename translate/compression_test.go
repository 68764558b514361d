package translate_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const compressionBlueprint = `
plugins:
  proxy: {config: {targets: ["$target"]}}
  compression: {config: {algorithms: [gzip, br], min_length: 100}}
endpoints:
  - {path: "/*"}
  - {path: /unpack, config: {compression: {decompress_requests: true}}}
  - {path: /limit, config: {compression: {decompress_requests: true}, proxy: {max_request_size: 500}}}
  - {path: /zstd, config: {compression: {algorithms: zstd, content_types: text/x-own}}}
  - {path: /off, config: {compression: false}}
  - {path: /static, handler: static, config: {static: {body: "` + "$text" + `"}}}
`

func squeezed(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

var squeezable = strings.Repeat("compress me ", 100)

// compressible is a target whose answers say what it was asked.
func compressible(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Asked", r.Header.Get("Accept-Encoding"))
	h.Set("X-Sent", r.Header.Get("Content-Encoding"))
	body := squeezable
	switch r.URL.Path {
	case "/own":
		h.Set("Content-Encoding", "gzip")
		body = squeezed(squeezable)
	case "/image":
		h.Set("Content-Type", "image/png")
	case "/zstd":
		h.Set("Content-Type", "text/x-own")
	case "/short":
		body = "short"
	case "/part":
		w.WriteHeader(http.StatusPartialContent)
	case "/etag":
		h.Set("ETag", `"one"`)
	case "/unpack", "/echo":
		b, _ := io.ReadAll(r.Body)
		body = string(b)
	}
	_, _ = io.WriteString(w, body)
}

func serveCompressed(t *testing.T) *proxy {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(compressible))
	t.Cleanup(s.Close)
	return serve(t, compressionBlueprint, map[string]string{"target": s.URL, "text": squeezable})
}

// TestCompression: answers are compressed once, by what the client likes best, and targets
// are not asked to.
func TestCompression(t *testing.T) {
	t.Parallel()
	p := serveCompressed(t)
	for _, c := range []struct{ path, accept, encoding string }{
		{"/", "gzip", "gzip"},
		{"/", "br, gzip", "gzip"},
		{"/", "gzip;q=0.5, br;q=0.9", "br"},
		{"/", "br", "br"},
		{"/", "zstd", ""},
		{"/", "gzip;q=0", ""},
		{"/", "identity", ""},
		{"/own", "gzip", "gzip"},
		{"/image", "gzip", ""},
		{"/short", "gzip", ""},
		{"/part", "gzip", ""},
		{"/etag", "gzip", "gzip"},
		{"/zstd", "gzip, zstd", "zstd"},
		{"/zstd", "gzip", ""},
		{"/off", "gzip", ""},
	} {
		resp, body := p.ask(t, http.MethodGet, c.path, "Accept-Encoding: "+c.accept)
		h := resp.Header
		if h.Get("Content-Encoding") != c.encoding {
			t.Errorf("%s with %q: %v", c.path, c.accept, h)
		}
		if asked := h.Get("X-Asked"); (asked != "") != (c.path == "/off") {
			t.Errorf("%s: the target is asked for %q", c.path, asked)
		}
		if c.encoding == "gzip" && plainOf(t, body) != squeezable {
			t.Errorf("%s with %q: not the same once unpacked", c.path, c.accept)
		}
		if c.path == "/etag" && h.Get("ETag") != `W/"one"` {
			t.Error("ETag", h.Get("ETag"))
		}
		if c.path == "/" && !strings.Contains(strings.Join(h.Values("Vary"), ","), "Accept-Encoding") {
			t.Error("no Vary:", h)
		}
	}
}

// TestDecompression: bodies of requests are unpacked where the blueprint says so.
func TestDecompression(t *testing.T) {
	t.Parallel()
	p := serveCompressed(t)
	for path, sent := range map[string]string{"/unpack": "", "/echo": "gzip"} {
		resp, body := p.post(t, path, squeezed(squeezable))
		if resp.Header.Get("X-Sent") != sent || (body == squeezable) != (sent == "") {
			t.Errorf("POST %s: %v, %d bytes", path, resp.Header, len(body))
		}
	}
	if resp, _ := p.post(t, "/limit", squeezed(squeezable)); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Error("a body that is too large once unpacked:", resp.StatusCode)
	}
	// Envoy cannot refuse it: what it has unpacked so far is all that goes on.
	if resp, body := p.post(t, "/unpack", "\x1f\x8b no gzip"); resp.StatusCode != http.StatusOK || body != "" {
		t.Errorf("a body that cannot be unpacked: %d %q", resp.StatusCode, body)
	}
}

// post sends a body as gzip.
func (p *proxy) post(t *testing.T, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(out)
}

func plainOf(t *testing.T, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestCompressedAndTransformed: what changes bodies sees them plain, and clients get the
// outcome compressed, whatever a target would like to do.
func TestCompressedAndTransformed(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, _ := io.ReadAll(r.Body)
		text := `{"got":` + string(body) + `,"filler":"` + squeezable + `"}`
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			text = squeezed(text)
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	p := serve(t, `
plugins:
  proxy: {config: {targets: ["$target"]}}
  compression: {config: {decompress_requests: true}}
  transformations: {config: {request: {body: {set: {in: 1}}}, response: {body: {set: {out: 2}}}}}
endpoints: [{path: "/*"}]
`, map[string]string{"target": s.URL})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader(squeezed(`{"a":0}`)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal(err, resp.Header)
	}
	if got, want := plainOf(t, string(body)), `{"got":{"a":0,"in":1},"filler":"`+squeezable+`","out":2}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
