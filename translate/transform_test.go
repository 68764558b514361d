package translate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"backworks/transform"
	"backworks/translate"
)

// What a request of the corpus has for its placeholders, and what is made of it.
const (
	corpusQuery  = `a%22%5C%7D%20+%F0`
	corpusHeader = "\"x\" \\ %START_TIME% ]]\xff"
	corpusPath   = "7%22%2e"
)

var corpusValues = strings.NewReplacer("{Q}", `a\u0022\u005c}  `+"\ufffd", "{H}", `\u0022x\u0022 \u005c %START_TIME% ]]`+"\ufffd", "{P}", "7%22.")

// corpusBlueprint has an endpoint for each case.
func corpusBlueprint() string {
	var b strings.Builder
	b.WriteString("plugins: {proxy: {config: {targets: [{url: \"$one\"}]}}}\nendpoints:\n")
	for i, c := range corpus {
		fmt.Fprintf(&b, "  - {path: \"/%d/{id}\", handler: proxy, config: {proxy: {transform_request: {body: %s}, transform_response: {body: %s}}}}\n", i, c.steps, c.steps)
	}
	return b.String()
}

// TestTransformCorpus: Envoy and package transform make the same of every body.
func TestTransformCorpus(t *testing.T) {
	t.Parallel()
	var got sync.Map
	one := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n := strings.Split(r.URL.Path, "/")[1]
		got.Store(n, string(body))
		if r.ContentLength != int64(len(body)) {
			t.Errorf("case %s: a length of %d for %d bytes", n, r.ContentLength, len(body))
		}
		i, _ := strconv.Atoi(n)
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.WriteHeader(207)
		half := len(corpus[i].in) / 2
		_, _ = io.WriteString(w, corpus[i].in[:half])
		_ = http.NewResponseController(w).Flush() // so that it comes in pieces
		_, _ = io.WriteString(w, corpus[i].in[half:])
	}))
	t.Cleanup(one.Close)
	p := serve(t, corpusBlueprint(), map[string]string{"one": one.URL})
	bp := parse(t, strings.ReplaceAll(corpusBlueprint(), "$one", one.URL))
	for i, c := range corpus {
		want := corpusValues.Replace(c.out)
		if want == "" {
			want = c.in
		}
		n := strconv.Itoa(i)
		resp, answer := p.send(t, "POST", "/"+n+"/"+corpusPath+"?q="+corpusQuery, c.in, "Content-Type: application/json", "X-In: "+corpusHeader)
		if sent, _ := got.Load(n); sent != want {
			t.Errorf("%s: the target got\n%q, want\n%q", c.name, sent, want)
		}
		if answer != want || resp.StatusCode != 207 {
			t.Errorf("%s: the client got %d\n%q, want\n%q", c.name, resp.StatusCode, answer, want)
		}
		s, err := transform.NewScript(translate.Transform(bp, bp.Endpoints[i]))
		if err != nil {
			t.Fatal(err)
		}
		s.ClientIP, s.Now, s.Params = "127.0.0.1", time.Now(), map[string]string{"id": "7%22."}
		request := &transform.Message{Body: []byte(c.in), Headers: []transform.Header{
			{Name: ":method", Value: "POST"}, {Name: ":path", Value: "/" + n + "/7%22.?q=" + corpusQuery},
			{Name: "content-type", Value: "application/json"}, {Name: "x-in", Value: corpusHeader},
		}}
		if refusal, err := s.Request(request); err != nil || refusal != nil || string(request.Body) != want {
			t.Errorf("%s: offline: the target would get\n%q, want\n%q (%v, %v)", c.name, request.Body, want, refusal, err)
		}
		response := &transform.Message{Body: []byte(c.in), Headers: []transform.Header{
			{Name: ":status", Value: "207"}, {Name: "content-type", Value: "application/problem+json"}, {Name: "x-envoy-upstream-service-time", Value: "1"},
		}}
		if err := s.Response(response); err != nil || string(response.Body) != want {
			t.Errorf("%s: offline: the client would get\n%q, want\n%q (%v)", c.name, response.Body, want, err)
		}
		s.Close()
	}
}
