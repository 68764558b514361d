package envoy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// adminTimeout bounds each call; 15 MB of statistics took 0.7 s.
	adminTimeout = 10 * time.Second
	// adminLimit bounds each answer: 1,000 clusters of 3 hosts are 3 MB of
	// /clusters and 18 MB of statistics.
	adminLimit = 256 << 20
)

// Admin is the admin interface of one Envoy. Its methods may be used at the same
// time; each gives up after 10 s, and on answers above 256 MiB.
type Admin struct {
	address Address
	base    string
	client  *http.Client
	limit   int64 // bytes of an answer
}

// NewAdmin talks to the admin interface at the address; a wrong address shows with
// the first call.
func NewAdmin(address Address) *Admin {
	network, target, err := address.Split()
	dialer := net.Dialer{}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, network, target)
		},
		MaxIdleConns:    2,
		IdleConnTimeout: time.Minute,
	}
	host := target
	if network != "tcp" {
		host = "envoy"
	}
	return &Admin{address: address, base: "http://" + host, client: &http.Client{Transport: transport, Timeout: adminTimeout}, limit: adminLimit}
}

// Bound makes answers above so many bytes an error, in place of 256 MiB. It is for before
// the first call.
func (a *Admin) Bound(bytes int64) { a.limit = bytes }

// Address is where it listens.
func (a *Admin) Address() Address { return a.address }

// Ready gives the server's state, as in "LIVE", "PRE_INITIALIZING", "INITIALIZING"
// or "DRAINING", and whether that is live.
func (a *Admin) Ready(ctx context.Context) (state string, live bool, err error) {
	response, err := a.do(ctx, http.MethodGet, "/ready")
	if err != nil {
		return "", false, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 100))
	if err != nil {
		return "", false, a.failed("/ready", err)
	}
	return strings.TrimSpace(string(body)), response.StatusCode == http.StatusOK, nil
}

// Prometheus copies the statistics that were ever used, in Prometheus' text format,
// to w. After an error w may have a part of them.
func (a *Admin) Prometheus(ctx context.Context, w io.Writer) error {
	return a.get(ctx, "/stats/prometheus?usedonly", w)
}

// ConfigDump gives what Envoy holds, assignments included, as its JSON.
func (a *Admin) ConfigDump(ctx context.Context) (json.RawMessage, error) {
	return a.read(ctx, "/config_dump?include_eds")
}

// Stats gives the counters and gauges whose name matches the filter, a regular
// expression of RE2; "" gives all.
func (a *Admin) Stats(ctx context.Context, filter string) (map[string]uint64, error) {
	path := "/stats?format=json&filter=" + url.QueryEscape(filter)
	body, err := a.read(ctx, path)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Stats []struct {
			Name  string
			Value json.Number // histograms have none, text readouts a string
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, a.failed(path, err)
	}
	stats := make(map[string]uint64, len(answer.Stats))
	for _, s := range answer.Stats {
		if n, err := s.Value.Int64(); err == nil && n >= 0 {
			stats[s.Name] = uint64(n)
		}
	}
	return stats, nil
}

// DrainListeners makes Envoy stop listening at once; open connections stay. With
// graceful it goes on listening, and asks clients to leave with each answer.
func (a *Admin) DrainListeners(ctx context.Context, graceful bool) error {
	if graceful {
		return a.post(ctx, "/drain_listeners?graceful&skip_exit")
	}
	return a.post(ctx, "/drain_listeners")
}

// FailHealthCheck makes Envoy's own health checks fail and its state DRAINING; each
// answer asks the client to close the connection.
func (a *Admin) FailHealthCheck(ctx context.Context) error { return a.post(ctx, "/healthcheck/fail") }

// Quit ends Envoy at once, whatever it is doing.
func (a *Admin) Quit(ctx context.Context) error { return a.post(ctx, "/quitquitquit") }

// Close lets go of idle connections.
func (a *Admin) Close() { a.client.CloseIdleConnections() }

func (a *Admin) post(ctx context.Context, path string) error {
	response, err := a.do(ctx, http.MethodPost, path)
	if err != nil {
		return err
	}
	return a.copy(path, response, io.Discard)
}

func (a *Admin) get(ctx context.Context, path string, w io.Writer) error {
	response, err := a.do(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	return a.copy(path, response, w)
}

func (a *Admin) read(ctx context.Context, path string) ([]byte, error) {
	var body strings.Builder
	if err := a.get(ctx, path, &body); err != nil {
		return nil, err
	}
	return []byte(body.String()), nil
}

func (a *Admin) do(ctx context.Context, method, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, nil)
	if err != nil {
		return nil, a.failed(path, err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		var wrapped *url.Error // says the made-up host of the URL again
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, a.failed(path, err)
	}
	return response, nil
}

func (a *Admin) copy(path string, response *http.Response, w io.Writer) error {
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		words, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return a.failed(path, fmt.Errorf("%s: %s", response.Status, shorten(string(words))))
	}
	n, err := io.Copy(w, io.LimitReader(response.Body, a.limit+1))
	if err != nil {
		return a.failed(path, err)
	}
	if n > a.limit {
		return a.failed(path, fmt.Errorf("the answer is above %d MiB", a.limit>>20))
	}
	return nil
}

func (a *Admin) failed(path string, err error) error {
	path, _, _ = strings.Cut(path, "?")
	return fmt.Errorf("ask envoy at %q for %s: %w", a.address, path, err)
}
