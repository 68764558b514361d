package xds

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
)

// tally sums up what load reports tell, by cluster and endpoint.
type tally struct {
	mu      sync.Mutex
	by      map[string]Counts
	nodes   map[string]bool
	streams map[uint64]bool
	reports int
}

func newTally() *tally {
	return &tally{by: map[string]Counts{}, nodes: map[string]bool{}, streams: map[uint64]bool{}}
}

func (y *tally) add(r LoadReport) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.reports++
	y.nodes[r.Node.ID+" "+r.Node.Cluster] = true
	y.streams[r.Stream] = true
	for _, c := range r.Clusters {
		y.by[c.Cluster] = y.by[c.Cluster].plus(c.Counts)
		for _, e := range c.Endpoints {
			key := c.Cluster + " " + e.Address
			y.by[key] = y.by[key].plus(e.Counts)
		}
	}
}

// ended returns how many requests to a cluster, or to one of its endpoints, ended well
// and not well.
func (y *tally) ended(key string) Counts {
	y.mu.Lock()
	defer y.mu.Unlock()
	c := y.by[key]
	c.InProgress = 0 // counted once in each report
	return c
}

// Every request is reported once, by cluster and by endpoint, errors apart; so it goes
// on with another management server.
func TestEnvoyLoadReports(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		e := startEnvoy(t, delta)
		good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
		bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
		missing := httptest.NewServer(http.NotFoundHandler())
		t.Cleanup(func() { good.Close(); bad.Close(); missing.Close() })
		port := func(s *httptest.Server) int { return s.Listener.Addr().(*net.TCPAddr).Port }
		resources := func(to *httptest.Server) []*Resource {
			return []*Resource{proxied(1), route("r", "a"), cluster("a", 0), assignment("a", port(to))}
		}
		ask := func(n int) {
			t.Helper()
			client := &http.Client{Timeout: patience}
			defer client.CloseIdleConnections()
			for range n {
				res, err := client.Get("http://" + e.address() + "/")
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
			}
		}
		version, seen := 0, newTally()
		// What is asked for is counted for the target that answers.
		count := func(to *httptest.Server, n int, want Counts) {
			t.Helper()
			version++
			e.publish(fmt.Sprint(version), resources(to)...)
			e.synced(fmt.Sprint(version))
			ask(n)
			at := "a 127.0.0.1:" + strconv.Itoa(port(to))
			until(t, fmt.Sprintf("%+v of %s", want, at), func() bool { return seen.ended(at) == want })
		}
		stop := e.serve("0", resources(good)...)
		e.server.NotifyLoad(seen.add)
		count(good, 12, Counts{Issued: 12, Successes: 12})
		count(bad, 26, Counts{Issued: 26, Errors: 26})
		count(missing, 5, Counts{Issued: 5, Successes: 5})
		if got := seen.ended("a"); got != (Counts{Issued: 43, Successes: 17, Errors: 26}) {
			t.Errorf("the cluster has %+v", got)
		}
		if n := e.server.LoadStreams(); n != 1 || len(seen.streams) != 1 || !seen.nodes["n test"] || len(seen.nodes) != 1 {
			t.Errorf("%d streams, those of %v", n, seen.nodes)
		}
		stop()
		ask(3) // while nobody listens
		e.serve(fmt.Sprint(version), resources(good)...)
		seen = newTally()
		e.server.NotifyLoad(seen.add)
		until(t, "reports again", func() bool { return e.server.LoadStreams() == 1 })
		count(good, 12, Counts{Issued: 12, Successes: 12})
	})
}
