package fleet

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"backworks/envoy"
)

// countedEnvoy is an admin interface that counts what it is asked for.
type countedEnvoy struct {
	mu       sync.Mutex
	clusters string
	asked    map[string]int
	times    []time.Time   // of /clusters
	held     chan struct{} // statistics are told when it is closed; nil: at once
}

func newCountedEnvoy(t *testing.T, clusters string) (*countedEnvoy, envoy.Address) {
	t.Helper()
	e := &countedEnvoy{clusters: clusters, asked: map[string]int{}}
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return e, envoy.Address(strings.TrimPrefix(s.URL, "http://"))
}

func (e *countedEnvoy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	held := e.held
	e.mu.Unlock()
	if held != nil && r.URL.Path == "/stats" {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked[r.URL.Path]++
	switch r.URL.Path {
	case "/server_info":
		_, _ = fmt.Fprint(w, `{"version": "r/1.40.0/Clean/RELEASE/BoringSSL", "state": "LIVE", "node": {"id": "one", "cluster": "c"}, "uptime_all_epochs": "3600s"}`)
	case "/clusters":
		e.times = append(e.times, time.Now())
		_, _ = io.WriteString(w, e.clusters)
	default:
		_, _ = io.WriteString(w, `{"stats": []}`)
	}
}

func (e *countedEnvoy) count(path string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked[path]
}

// TestOneCollector: each question to an Envoy serves the figures, the breakers and the
// judge, so that it is asked once a second while all is well.
func TestOneCollector(t *testing.T) {
	t.Parallel()
	e, address := newCountedEnvoy(t, twoHosts)
	text := strings.Replace(blueprint("one", "p=http://a.test:80"), "          targets:", "          circuit_breaker: true\n          targets:", 1)
	r := newRig(t, map[string]string{"one.yaml": text}, address)
	r.fleet.adminLoads.wanted.Store(true)
	r.until("the breakers saw that it is taken out", func() bool {
		all := r.fleet.Breakers()
		return len(all) == 1 && all[0].State == BreakerOpen
	})
	r.until("there are figures", func() bool { return r.fleet.Telemetry().Number > 3 && r.fleet.Telemetry().Targets[0].Ejected })
	load, known := r.fleet.loadOf("one")
	if !known || load.Errors != 2 {
		t.Errorf("the judge knows %v %+v", known, load)
	}
	if asked, rounds := e.count("/clusters"), int(r.fleet.Telemetry().Number); asked > rounds+2 {
		t.Errorf("/clusters was asked for %d times in %d rounds", asked, rounds)
	}
	if asked, rounds := e.count("/server_info"), int(r.fleet.Telemetry().Number); asked > rounds+2 {
		t.Errorf("/server_info was asked for %d times in %d rounds", asked, rounds)
	}
}

// TestLateAnswer: an Envoy that takes longer to answer than a round waits is told of by a
// later one, though no other is asked.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	e, address := newCountedEnvoy(t, twoHosts)
	held := make(chan struct{})
	e.mu.Lock()
	e.held = held
	e.mu.Unlock()
	r := newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://a.test:80")}, address)
	r.until("a round is over without its answer", func() bool { return e.count("/clusters") > 0 && r.fleet.Telemetry().Number > 1 })
	close(held)
	r.until("its answer is taken", func() bool { return r.fleet.Telemetry().Targets[0].Node == "one" })
}
