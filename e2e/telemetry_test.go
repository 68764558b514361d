package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// telemetry is what the tests read of /api/v1/telemetry.
type telemetry struct {
	Envoys  []struct{ Requests, Restarts int64 }
	Targets []struct {
		Target                        string
		Requests, Successes, Failures int64
	}
	Pools     []flowFigures
	Endpoints []flowFigures
	Events    []struct{ Kind, Subject, Text string }
	Series    struct {
		Times []string
		Pools []struct {
			Requests []*float64 `json:"requests_per_second"`
		}
	}
}

type flowFigures struct {
	Pool, Endpoint string
	Requests       int64
	Classes        map[string]int64
	Latency        map[string]float64 `json:"latency_ms"`
}

func (p *process) telemetry(query string) telemetry {
	p.Helper()
	var t telemetry
	status, body := p.get(p.admin + "/api/v1/telemetry" + query)
	if err := json.Unmarshal([]byte(body), &t); err != nil || status != http.StatusOK {
		p.Fatalf("%d %v: %s", status, err, body)
	}
	return t
}

// counted is what a client knows of its own requests.
type counted struct {
	all, failed atomic.Int64
	by          [2]atomic.Int64 // backend a or b
}

// send makes n requests over eight connections: every tenth of the second endpoint.
func (c *counted) send(t testing.TB, proxy string, n int) {
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8}, Timeout: patience}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				path := "/a"
				if i%10 == 0 {
					path = "/b.c/" + fmt.Sprint(i)
				}
				status, body, header := ask(client, http.MethodGet, proxy+path, "")
				if status == 0 {
					t.Errorf("no answer: %s", body)
				}
				c.all.Add(1)
				if status >= 500 {
					c.failed.Add(1)
				}
				if header.Get("X-Backend") == "b" {
					c.by[1].Add(1)
				} else {
					c.by[0].Add(1)
				}
			}
		})
	}
	done.Wait()
}

// agrees compares the figures with the client's own.
func (c *counted) agrees(f telemetry) string {
	of := map[string]int64{"a": c.by[0].Load(), "b": c.by[1].Load()}
	if len(f.Targets) != 2 || len(f.Pools) != 1 || len(f.Endpoints) != 2 {
		return "not all is told"
	}
	var sum, failed int64
	for _, x := range f.Targets {
		if x.Requests != of[x.Target] || x.Successes+x.Failures != x.Requests {
			return fmt.Sprintf("target %+v, want %d", x, of[x.Target])
		}
		sum, failed = sum+x.Requests, failed+x.Failures
	}
	pool, ends := f.Pools[0], f.Endpoints[0].Requests+f.Endpoints[1].Requests
	if all := c.all.Load(); sum != all || pool.Requests != all || ends != all || f.Envoys[0].Requests != all {
		return fmt.Sprintf("targets %d, pool %d, endpoints %d, clients %d, want %d", sum, pool.Requests, ends, f.Envoys[0].Requests, all)
	}
	if n := c.failed.Load(); failed != n || pool.Classes["5xx"] != n || pool.Classes["2xx"] != c.all.Load()-n {
		return fmt.Sprintf("failures %d, classes %v, want %d", failed, pool.Classes, n)
	}
	return ""
}

// TestCountersEqualTheClients: over 10,000 requests, and across the death of Envoy.
func TestCountersEqualTheClients(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := newBackend(t, "a"), newBackend(t, "b")
	b.status.Store(http.StatusInternalServerError)
	s.write("main.yaml", fmt.Sprintf(`name: counted
server: {host: 127.0.0.1, port: %d}
plugins:
  proxy:
    config:
      targets:
        - {name: a, url: %q, weight: 3}
        - {name: b, url: %q}
      circuit_breaker: {failure_threshold: 1000000}
endpoints:
  - {path: /a, method: GET, handler: proxy}
  - {path: "/b.c/{id}", method: GET, handler: proxy}
`, s.port, a.url, b.url))
	p := s.start().live()
	s.until("it is ready", func() bool { status, _ := s.get(p.admin + "/ready"); return status == 200 })
	events := p.stream()
	c := new(counted)
	agree := func() {
		t.Helper()
		why := "nothing asked"
		defer func() { // until ends the test when it takes too long
			if why != "" {
				t.Error(why)
			}
		}()
		s.until("the figures are the client's", func() bool { why = c.agrees(p.telemetry("")); return why == "" })
	}
	c.send(t, s.proxy, 5000)
	agree()
	s.until("response times are told", func() bool {
		l := p.telemetry("").Pools[0].Latency
		return l["p50"] >= 0 && l["p99"] > 0 && l["p99"] >= l["p50"]
	})

	pid := p.envoyPID()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.until("another Envoy serves", func() bool {
		if p.envoyPID() == pid {
			return false
		}
		status, _ := s.get(p.admin + "/ready")
		return status == 200 && listens(s.port)
	})
	c.send(t, s.proxy, 5000)
	agree()
	f := p.telemetry("?window=300")
	if c.all.Load() != 10000 || f.Envoys[0].Restarts != 1 {
		t.Errorf("%d requests, %d restarts", c.all.Load(), f.Envoys[0].Restarts)
	}
	if n := len(f.Series.Times); n == 0 || len(f.Series.Pools) != 1 || len(f.Series.Pools[0].Requests) != n {
		t.Errorf("series %+v", f.Series)
	}
	_, metrics := s.get(p.admin + "/metrics")
	if want := fmt.Sprintf(`backworks_target_requests_total{blueprint="%s",node="sidecar",pool="default",target="b"} %d`, s.path("main.yaml"), c.by[1].Load()); !strings.Contains(metrics, want) {
		t.Errorf("no %s", want)
	}
	s.until("the stream tells of the restart", func() bool {
		return strings.Contains(events.String(), "event: sample") && strings.Contains(events.String(), "started again")
	})
}

// listens tells whether the proxy takes connections, without a request.
func listens(port int) bool {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// stream reads /api/v1/stream until the test ends.
func (p *process) stream() *buffer {
	p.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.admin+"/api/v1/stream", http.NoBody)
	if err != nil {
		p.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	out, done := new(buffer), make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(out, bufio.NewReader(answer.Body))
	}()
	p.Cleanup(func() {
		cancel()
		<-done
		_ = answer.Body.Close()
	})
	return out
}
