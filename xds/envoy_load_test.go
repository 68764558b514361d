package xds

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load sends requests until stop, which fails the test for each that failed.
type load struct {
	sent, failed atomic.Int64
	last         atomic.Pointer[string] // the last answer
	bad          atomic.Pointer[string]
	stop         func()
}

func (e *envoy) load(addr string) *load {
	l := &load{}
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	client := &http.Client{Timeout: patience, Transport: transport}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					l.request(client, addr)
				}
			}
		})
	}
	l.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		transport.CloseIdleConnections()
		if n := l.failed.Load(); n > 0 || l.sent.Load() == 0 {
			e.t.Errorf("%d of %d requests failed, as in %q", n, l.sent.Load(), *l.bad.Load())
		}
	})
	e.t.Cleanup(l.stop)
	return l
}

func (l *load) request(client *http.Client, addr string) {
	l.sent.Add(1)
	text := ""
	res, err := client.Get("http://" + addr + "/")
	if err == nil {
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		text = string(b)
		if res.StatusCode == http.StatusOK {
			l.last.Store(&text)
			return
		}
	} else {
		text = err.Error()
	}
	l.failed.Add(1)
	l.bad.Store(&text)
}

// answers waits until requests are answered by a backend.
func (l *load) answers(t *testing.T, name string) {
	t.Helper()
	until(t, "answers by "+name, func() bool { s := l.last.Load(); return s != nil && *s == name })
}
