package translate_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"backworks/transform"
)

const messageRules = `
server: {trusted_hops: 0}
plugins:
  proxy:
    config:
      targets: [{url: "$one"}]
      retry_attempts: 1
      transform_response: {headers: {X-Proxied-By: backworks}}
      upstreams:
        dead: {targets: ["http://127.0.0.1:1"], transform_response: {status: {5xx: 200}, body: {wrap: data}}}
  transformations:
    config:
      request: {headers: {X-Plugin: "yes"}}
      response: {headers: {X-All: "yes"}}
endpoints:
  - path: "/query/{id}"
    config:
      transformations:
        request:
          headers: {X-Key: "{{query.key}}", X-Was: "{{header.X-Old}}", X-Path: "{{path}}", X-Id: "{{path.id}}"}
          rename_headers: {X-Old: X-New, X-None: X-Kept}
          query: {rename: {q: search}, remove: [key, "none"], defaults: {page: "1", sort: up}, set: {id: "{{path.id}}", by: "{{header.X-Old}}&x=%", empty: "{{header.X-None}}"}}
          path_rewrite: "/q/{id}"
        response: {rename_headers: {X-Many: X-Lots}, headers: {X-Was: "{{header.X-Old}}"}}
  - {path: /off, config: {transformations: false}}
  - path: /status/*
    config: {proxy: {transform_response: {status_code_mapping: {404: 200, 5xx: 502, 503: 500}, remove_headers: [X-Envoy-Upstream-Service-Time]}}}
  - {path: /force/*, config: {proxy: {transform_response: {force_status_code: 200}}}}
  - {path: /dead, upstream: dead}
  - path: "/pass/*"
    config: {proxy: {transform_request: {max_body_size: 100KiB, body: {wrap: w}}, transform_response: {max_body_size: 100KiB, body: {wrap: w}}}}
  - path: "/refuse/*"
    config: {proxy: {transform_request: {other_bodies: refuse, max_body_size: 1000, body: {wrap: w}}, transform_response: {other_bodies: refuse, max_body_size: 1000, body: {wrap: w}}}}
`

// speaker is a target: the last part of the path says what it answers.
func speaker(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := w.Header()
		what := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		json := func(text string) {
			h.Set("Content-Type", "application/json")
			h.Set("Content-Length", fmt.Sprint(len(text)))
			h.Set("Etag", `"1"`)
			h.Set("Content-Md5", "x")
			_, _ = io.WriteString(w, text)
		}
		var status int
		switch _, _ = fmt.Sscanf(what, "%d", &status); {
		case status >= 200:
			w.WriteHeader(status)
		case what == "json":
			json(`{"a":1}`)
		case what == "broken":
			json(`{"a":`)
		case what == "text":
			_, _ = io.WriteString(w, "text")
		case what == "large":
			json(`"` + strings.Repeat("x", 200<<10) + `"`)
		case what == "chunked", what == "endless":
			h.Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `"`+strings.Repeat("x", map[string]int{"chunked": 200 << 10, "endless": 2 << 20}[what])+`"`)
		case what == "gzip":
			h.Set("Content-Encoding", "gzip")
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = io.WriteString(z, `{"a":1}`)
			_ = z.Close()
			json(b.String())
		case what == "range":
			json(r.Header.Get("Range") + r.Header.Get("Accept-Encoding"))
		case what == "none":
			h.Set("Content-Length", "0")
		case what == "events":
			h.Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			h["X-Many"] = []string{"a", "b"}
			fmt.Fprintf(w, "%s\n%s\n", r.RequestURI, body)
			for _, name := range slices.Sorted(maps.Keys(r.Header)) {
				if strings.HasPrefix(name, "X-") && !strings.HasPrefix(name, "X-Envoy") && !strings.HasPrefix(name, "X-Forwarded") && name != "X-Request-Id" {
					fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], "|"))
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestTransformedMessages(t *testing.T) {
	t.Parallel()
	p := serve(t, messageRules, map[string]string{"one": speaker(t)})
	resp, body := p.send(t, "POST", "/query/a%20b?q=1%2F2&key=s3cret&page=7&q=3&&x", "hello", "X-Old: %START_TIME%", "X-Old: two")
	if want := "/q/a%20b?search=1%2F2&page=7&search=3&x&sort=up&id=a%2520b&by=%25START_TIME%25%2Ctwo%26x%3D%25&empty=\nhello\n" +
		"X-Id: a%20b\nX-Key: s3cret\nX-New: %START_TIME%|two\nX-Path: /query/a%20b?q=1%2F2&key=s3cret&page=7&q=3&&x\nX-Plugin: yes\nX-Was: %START_TIME%,two\n"; body != want {
		t.Errorf("the target got\n%s, want\n%s", body, want)
	}
	if h := resp.Header; strings.Join(h["X-Lots"], "|") != "a|b" || h["X-Many"] != nil || h.Get("X-Was") != "%START_TIME%,two" || h.Get("X-All") != "yes" {
		t.Errorf("the client got %v", h)
	}
	offline(t, messageRules, resp, body)
	resp, body = p.ask(t, "GET", "/off")
	if body != "/off\n\n" || resp.Header.Get("X-All") != "" || resp.Header.Get("X-Proxied-By") != "backworks" {
		t.Errorf("without the plugin: %q %v", body, resp.Header)
	}
	if resp, _ = p.ask(t, "GET", "/none"); resp.Header.Get("X-All") != "yes" {
		t.Errorf("an answer of the proxy: %v", resp.Header)
	}
}

// offline holds package transform to what a target and a client got.
func offline(t *testing.T, blueprint string, got *http.Response, body string) {
	t.Helper()
	ask, err := transform.ParseRequest([]byte("POST /query/a%20b?q=1%2F2&key=s3cret&page=7&q=3&&x\nX-Old: %START_TIME%\nX-Old: two\n\nhello"))
	if err != nil {
		t.Fatal(err)
	}
	x, found, err := transform.NewExchange(parse(t, strings.ReplaceAll(blueprint, "$one", "http://127.0.0.1:1")), ask, time.Now())
	if err != nil || !found || x.Refusal != nil {
		t.Fatal(x, found, err)
	}
	defer x.Close()
	lines := []string{ask.Get(":path"), string(ask.Body)}
	names := map[string]bool{}
	for _, h := range ask.Headers {
		if name := http.CanonicalHeaderKey(h.Name); strings.HasPrefix(name, "X-") && name != "X-Forwarded-Host" && !names[name] {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		lines = append(lines, name+": "+strings.Join(ask.All(name), "|"))
	}
	if want := strings.Join(lines, "\n") + "\n"; want != body {
		t.Errorf("offline the target would get\n%s, but it got\n%s", want, body)
	}
	answer, err := transform.ParseResponse([]byte("200\nX-Many: a\nX-Many: b\n\n" + body))
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Answer(answer); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"X-Many", "X-Lots", "X-Was", "X-All", "X-Proxied-By", "X-Plugin"} {
		if strings.Join(answer.All(name), "|") != strings.Join(got.Header.Values(name), "|") {
			t.Errorf("offline the client would get %s %q, but it got %q", name, answer.All(name), got.Header.Values(name))
		}
	}
}

func TestTransformedAnswers(t *testing.T) {
	t.Parallel()
	p := serve(t, messageRules, map[string]string{"one": speaker(t)})
	large := `"` + strings.Repeat("x", 200<<10) + `"`
	const no = `{"error":"bad_gateway","message":"the answer of the target cannot be changed as it must be"}`
	for _, c := range []struct {
		method, path string
		status       int
		body, header string // and what that header has
	}{
		{"GET", "/status/404", 200, "", "X-Envoy-Upstream-Service-Time: "},
		{"GET", "/status/500", 502, "", ""},
		{"GET", "/status/503", 500, "", ""},
		{"GET", "/status/201", 201, "", ""},
		{"GET", "/force/404", 200, "", ""},
		{"GET", "/force/204", 200, "", "Content-Length: 0"},
		{"GET", "/force/304", 304, "", ""},
		{"GET", "/dead", 503, `{"error":"service_unavailable","message":"no target could serve this request"}` + "\n", ""},
		{"GET", "/pass/json", 200, `{"w":{"a":1}}`, `Etag: W/"1"`},
		{"GET", "/pass/json", 200, `{"w":{"a":1}}`, `Content-Length: 13`},
		{"GET", "/pass/json", 200, `{"w":{"a":1}}`, `Content-Md5: `},
		{"HEAD", "/pass/json", 200, "", `Content-Length: `},
		{"GET", "/pass/broken", 200, `{"a":`, `Etag: "1"`},
		{"GET", "/pass/text", 200, "text", "Content-Length: 4"},
		{"GET", "/pass/large", 200, large, ""},
		{"GET", "/pass/chunked", 200, large, ""},
		{"GET", "/pass/endless", 500, "{\"error\":\"internal_error\",\"message\":\"the answer could not be made\"}\n", ""},
		{"GET", "/pass/range", 200, ``, ""},
		{"GET", "/pass/304", 304, "", ""},
		{"GET", "/pass/204", 204, "", ""},
		{"GET", "/pass/none", 200, "", "Content-Length: 0"},
		{"GET", "/refuse/json", 200, `{"w":{"a":1}}`, ""},
		{"HEAD", "/refuse/json", 200, "", ""},
		{"GET", "/refuse/none", 200, "", ""},
		{"GET", "/refuse/204", 204, "", ""},
		{"GET", "/refuse/broken", 502, no, "Content-Type: application/json"},
		{"GET", "/refuse/text", 502, no, "Content-Type: application/json"},
		{"GET", "/refuse/large", 502, no, "Etag: "},
		{"GET", "/refuse/gzip", 502, no, "Content-Encoding: "},
	} {
		resp, body := p.ask(t, c.method, c.path, "Range: bytes=0-1", "Accept-Encoding: gzip")
		name, value, _ := strings.Cut(c.header, ": ")
		if resp.StatusCode != c.status || body != c.body || name != "" && resp.Header.Get(name) != value {
			t.Errorf("%s %s: %d %.200q %v, want %d %.200q and %s", c.method, c.path, resp.StatusCode, body, resp.Header, c.status, c.body, c.header)
		}
	}
	if _, body := p.ask(t, "GET", "/pass/gzip", "Accept-Encoding: gzip"); len(body) < 20 || body[:2] != "\x1f\x8b" {
		t.Errorf("a compressed body does not pass as it is: %q", body)
	}
}

func TestTransformedRequests(t *testing.T) {
	t.Parallel()
	p := serve(t, messageRules, map[string]string{"one": speaker(t)})
	large := `"` + strings.Repeat("x", 120<<10) + `"`
	many := "[" + strings.Repeat("1,", 7000) + "1]"
	fits := `"` + strings.Repeat("x", 90<<10) + `"`
	for _, c := range []struct {
		path, kind, body string
		status           int
		want             string
	}{
		{"/pass/x", "application/json", `{"a":1}`, 200, `{"w":{"a":1}}`},
		{"/pass/x", "text/plain", `{"a":1}`, 200, `{"a":1}`},
		{"/pass/x", "application/json-seq", `{"a":1}`, 200, `{"a":1}`},
		{"/pass/x", "application/json", `{"a":`, 200, `{"a":`},
		{"/pass/x", "application/json", large, 200, large},
		{"/pass/x", "application/json", fits, 200, `{"w":` + fits + `}`},
		{"/pass/x", "application/json", many, 200, many}, // each value costs time
		{"/pass/x", "application/json", ``, 200, ``},
		{"/refuse/x", "application/json", ``, 502, ``}, // the answer is text
		{"/refuse/json", "", ``, 200, ``},
		{"/refuse/x", "text/plain", `{"a":1}`, 415, `"unsupported_media_type"`},
		{"/refuse/x", "application/json", `{"a":`, 400, `"bad_request"`},
		{"/refuse/x", "application/json", strings.Repeat("[", 100) + strings.Repeat("]", 100), 400, `"the body is nested too deep"`},
		{"/refuse/x", "application/json", large, 413, `"payload_too_large"`},
	} {
		headers := []string{}
		if c.kind != "" {
			headers = append(headers, "Content-Type: "+c.kind)
		}
		resp, body := p.send(t, "POST", c.path, c.body, headers...)
		if resp.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s %.40q: %d %.200q, want %d %.200q", c.path, c.kind, c.body, resp.StatusCode, body, c.status, c.want)
		}
	}
	if resp, body := p.send(t, "POST", "/refuse/x", `{"a":1}`, "Content-Type: application/json", "Content-Encoding: br"); resp.StatusCode != 415 {
		t.Errorf("a compressed request: %d %s", resp.StatusCode, body)
	}
}
