package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backworks/envoy/testport"
)

// curl connects anew for each request, as the tool does.
var curl = http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

// ask sends a request; a failure to get an answer is status 0.
func ask(client *http.Client, method, url, body string) (int, string, http.Header) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, err.Error(), nil
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return resp.StatusCode, string(b), resp.Header
}

func (s *site) get(url string) (int, string) {
	status, body, _ := ask(&curl, http.MethodGet, url, "")
	return status, body
}

// backend is a target that answers with its name, unless status or answer say
// otherwise. It is well when its health is asked.
type backend struct {
	name, url string
	asked     atomic.Int64 // requests, without health checks
	checked   atomic.Int64
	status    atomic.Int64                  // of its answers; 0: 200
	sick      atomic.Bool                   // what it tells health checks
	hold      atomic.Pointer[chan struct{}] // requests wait for its end
	server    *http.Server
}

func newBackend(t testing.TB, name string) *backend {
	t.Helper()
	b := &backend{name: name}
	lis := testport.Listen(t)
	b.url = "http://" + lis.Addr().String()
	b.serve(lis)
	t.Cleanup(b.stop)
	return b
}

func (b *backend) serve(lis net.Listener) {
	server := &http.Server{Handler: b, ReadHeaderTimeout: patience}
	b.server = server
	go func() { _ = server.Serve(lis) }()
}

// stop makes connections to it refused.
func (b *backend) stop() { _ = b.server.Close() }

// restart makes it answer again, on the same port.
func (b *backend) restart(t testing.TB) {
	t.Helper()
	lis, err := net.Listen("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	b.serve(lis)
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		b.checked.Add(1)
		if b.sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	b.asked.Add(1)
	if hold := b.hold.Load(); hold != nil {
		<-*hold
	}
	w.Header().Set("X-Backend", b.name)
	if status := b.status.Load(); status != 0 {
		w.WriteHeader(int(status))
	}
	_, _ = io.WriteString(w, b.name)
}

// load is clients who send requests at a steady rate, whether the answers come or
// not, over connections that live on and over new ones.
type load struct {
	total, lost atomic.Int64
	mu          sync.Mutex
	losses      []string // the first of them
	stop        chan struct{}
	done        sync.WaitGroup
}

// run sends rate requests a second to next's URLs until ended. A request is lost
// when good does not like its answer.
func run(rate int, next func(i int) string, good func(status int, body string) bool) *load {
	keep := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}, Timeout: patience}
	return runBy(keep, &curl, rate, next, good)
}

// runBy is run with one client for connections that live on, and one for new ones.
func runBy(keep, fresh *http.Client, rate int, next func(i int) string, good func(status int, body string) bool) *load {
	l := &load{stop: make(chan struct{})}
	l.done.Go(func() {
		defer keep.CloseIdleConnections()
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		var flying sync.WaitGroup
		defer flying.Wait()
		for i := 0; ; i++ {
			select {
			case <-l.stop:
				return
			case <-tick.C:
			}
			client := keep
			if i%16 == 0 {
				client = fresh
			}
			flying.Go(func() {
				status, body, _ := ask(client, http.MethodGet, next(i), "")
				l.total.Add(1)
				if !good(status, body) {
					l.lose(fmt.Sprintf("%s: %d %s", time.Now().Format("15:04:05.000"), status, body))
				}
			})
		}
	})
	return l
}

func (l *load) lose(what string) {
	l.lost.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.losses) < 10 {
		l.losses = append(l.losses, what)
	}
}

// end waits for the requests under way; none may have been lost.
func (l *load) end(t testing.TB) {
	t.Helper()
	close(l.stop)
	l.done.Wait()
	t.Logf("%d requests, %d lost", l.total.Load(), l.lost.Load())
	if l.lost.Load() > 0 || l.total.Load() == 0 {
		t.Errorf("of %d requests %d were lost: %s", l.total.Load(), l.lost.Load(), strings.Join(l.losses, "\n"))
	}
}
