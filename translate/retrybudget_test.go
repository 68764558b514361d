package translate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// failing is a target whose every answer is 503. It holds first tries of /slow and all second
// ones until it is let go.
type failing struct {
	url            string
	slow           chan struct{}
	mu             sync.Mutex
	seen           map[string]bool
	first, retries atomic.Int64
}

func newFailing(t *testing.T) *failing {
	t.Helper()
	s := &failing{seen: map[string]bool{}, slow: make(chan struct{})}
	end := make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		again := s.seen[r.URL.String()]
		s.seen[r.URL.String()] = true
		s.mu.Unlock()
		switch {
		case again:
			s.retries.Add(1)
			<-end
		case r.URL.Path == "/slow":
			s.first.Add(1)
			select {
			case <-s.slow:
			case <-end:
			}
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(h.Close)
	t.Cleanup(func() { close(end) })
	s.url = h.URL
	return s
}

// budgeted is an Envoy whose one target fails.
func budgeted(t *testing.T, budget, wait string) (*proxy, *failing) {
	t.Helper()
	s := newFailing(t)
	return serve(t, `
plugins: {proxy: {config: {targets: [$S], timeout: 0, retry: {attempts: 1, backoff: {base: `+wait+`}}, limits: {retry_budget: `+budget+`}}}}
`, map[string]string{"S": s.url}), s
}

// ask sends n requests at once. refused counts those that got the target's answer.
func (s *failing) ask(t *testing.T, p *proxy, path string, n int) (refused *atomic.Int64) {
	t.Helper()
	refused = new(atomic.Int64)
	for i := range n {
		go func() {
			resp, err := http.Get(fmt.Sprint(p.url, path, "?", i))
			if err != nil {
				return // the end of the test
			}
			defer func() { _ = resp.Body.Close() }()
			if body, err := io.ReadAll(resp.Body); err == nil && resp.StatusCode == http.StatusServiceUnavailable && len(body) == 0 {
				refused.Add(1)
			}
		}()
	}
	return refused
}

// Retries under way are at most the budget's share of all requests under way, themselves
// among them, and as many as min_concurrency in any case. Whoever gets none gets the
// target's own answer.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	const more = 5
	for _, c := range []struct {
		budget string
		held   int
		want   int64
	}{
		{"{percent: 20, min_concurrency: 3}", 80, 20}, // of 80 and 20
		{"{percent: 20, min_concurrency: 3}", 0, 3},
		{"{percent: 20, min_concurrency: 30}", 80, 30},
		{"{percent: 0, min_concurrency: 0}", 80, 0},
		{"{percent: 0, min_concurrency: 0}", 0, 0},
		{"{}", 0, 50},
	} {
		p, s := budgeted(t, c.budget, "1ms")
		s.ask(t, p, "/slow", c.held)
		poll(t, func() bool { return s.first.Load() == int64(c.held) })
		// One after the other, so that all that are under way are those that are held.
		refused := new(atomic.Int64)
		for i := range c.want + more {
			one := s.ask(t, p, fmt.Sprint("/", i), 1)
			poll(t, func() bool { return refused.Load()+one.Load()+s.retries.Load() > i })
			refused.Add(one.Load())
		}
		overflow := overflowOf(t, p)
		if s.retries.Load() != c.want || refused.Load() != more || overflow != more {
			t.Errorf("%s beside %d requests: %d retries, not %d; %d refused, Envoy counted %d", c.budget, c.held, s.retries.Load(), c.want, refused.Load(), overflow)
		}
	}
}

// When all requests of a busy pool fail at once, the target gets few of them again.
func TestRetryBudgetAtOnce(t *testing.T) {
	t.Parallel()
	const n, most = 200, 40 // 20 % of them
	p, s := budgeted(t, "{percent: 20, min_concurrency: 3}", "1ms")
	refused := s.ask(t, p, "/slow", n)
	poll(t, func() bool { return s.first.Load() == n })
	close(s.slow)
	poll(t, func() bool { return refused.Load()+s.retries.Load() == n })
	if got := s.retries.Load(); got < 3 || got > most {
		t.Errorf("%d of %d requests were sent again, not 3 to %d", got, n, most)
	}
	if overflow := overflowOf(t, p); overflow != uint64(refused.Load()) {
		t.Errorf("%d got the target's answer, Envoy counted %d", refused.Load(), overflow)
	}
}

// What waits for its second try is a retry under way, not a request.
func TestRetryBudgetWaits(t *testing.T) {
	t.Parallel()
	p, s := budgeted(t, "{percent: 100, min_concurrency: 3}", "1h")
	first := s.ask(t, p, "/first", 3) // of which no more than three are under way
	second := new(atomic.Int64)
	for i := range int64(5) {
		one := s.ask(t, p, fmt.Sprint("/", i), 1)
		poll(t, func() bool { return first.Load()+second.Load()+one.Load() == i+1 })
		second.Add(one.Load())
	}
}

func overflowOf(t *testing.T, p *proxy) uint64 {
	t.Helper()
	const name = "cluster.default.upstream_rq_retry_overflow"
	stats, err := p.admin.Stats(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return stats[name]
}
