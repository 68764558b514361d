package translate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// trier answers its first request for a path as the query says (a status, or "hang" until
// it ends), and later ones with 200.
type trier struct {
	url   string
	mu    sync.Mutex
	asked map[string][]time.Time
	under atomic.Int64
}

func newTrier(t *testing.T) *trier {
	t.Helper()
	s := &trier{asked: map[string][]time.Time{}}
	end := make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		key := r.Method + " " + r.URL.String()
		s.asked[key] = append(s.asked[key], time.Now())
		n := len(s.asked[key])
		s.mu.Unlock()
		q := r.URL.RawQuery
		if status, err := strconv.Atoi(q); err == nil && n <= 2 {
			w.WriteHeader(status)
		} else if q == "hang" && n == 1 {
			s.under.Add(1)
			defer s.under.Add(-1)
			select {
			case <-end:
			case <-r.Context().Done():
			}
			return
		}
		_, _ = io.WriteString(w, "try "+strconv.Itoa(n))
	}))
	t.Cleanup(h.Close)
	t.Cleanup(func() { close(end) })
	s.url = h.URL
	return s
}

func (s *trier) tries(request string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[request]
}

// On what, how long and how soon a request is tried again.
func TestRetryPolicies(t *testing.T) {
	t.Parallel()
	s := newTrier(t)
	p := serve(t, `
plugins:
  proxy:
    config:
      targets: [$S]
      retry: {attempts: 1}
      upstreams:
        many: {targets: [$S], retry: {attempts: 3, on: [503, 429, gateway-error]}}
endpoints:
  - {path: /one}
  - {path: /none, config: {proxy: {retry: {attempts: 0}}}}
  - {path: /many, upstream: many}
  - {path: /own, upstream: many, config: {proxy: {retry: {on: retriable-4xx}}}}
  - {path: /slow, config: {proxy: {retry: {per_try_timeout: 150ms}}}}
  - {path: /hedged, config: {proxy: {retry: {per_try_timeout: 150ms, hedge: true}}}}
  - {path: /waits, upstream: many, config: {proxy: {retry: {on: 503, backoff: {base: 400ms, max: 400ms}}}}}
`, map[string]string{"S": s.url})
	for _, c := range []struct {
		request string
		status  int
		tries   int
	}{
		{"GET /one?503", 503, 2},
		{"GET /none?503", 503, 1},
		{"GET /many?503", 200, 3},
		{"GET /many?429", 200, 3},
		{"GET /many?502", 200, 3},
		{"GET /many?500", 500, 1},
		{"POST /many?503", 503, 1},
		{"GET /own?409", 200, 3},
		{"GET /own?503", 503, 1},
		{"GET /slow?hang", 200, 2},
		{"GET /hedged?hang", 200, 2},
		{"GET /waits?503", 200, 3},
	} {
		method, path := c.request[:3], c.request[4:]
		if method == "POS" {
			method, path = "POST", c.request[5:]
		}
		resp, body := p.ask(t, method, path)
		if n := len(s.tries(c.request)); resp.StatusCode != c.status || n != c.tries {
			t.Errorf("%s: %d after %d tries, want %d after %d: %s", c.request, resp.StatusCode, n, c.status, c.tries, body)
		}
	}
	if at := s.tries("GET /slow?hang"); len(at) == 2 && (at[1].Sub(at[0]) < 140*time.Millisecond || at[1].Sub(at[0]) > time.Second) {
		t.Errorf("the second try came after %v, want 150 ms", at[1].Sub(at[0]))
	}
}

// With hedge the first try goes on beside the second one, and its answer counts where it
// is the first.
func TestHedge(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	second := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1) > 1 {
			close(second)
			<-r.Context().Done() // slower still
			return
		}
		select {
		case <-second:
			_, _ = io.WriteString(w, "the first")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	p := serve(t, `
plugins: {proxy: {config: {targets: [$S], retry: {per_try_timeout: 100ms, hedge: true, attempts: 1}, timeout: 5s}}}
`, map[string]string{"S": s.URL})
	if resp, body := p.ask(t, "GET", "/x"); resp.StatusCode != 200 || body != "the first" || tries.Load() != 2 {
		t.Errorf("%d %s after %d tries", resp.StatusCode, body, tries.Load())
	}
}
