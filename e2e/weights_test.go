package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestDistribution: 400 requests are shared out by weight, over one connection and
// over new ones, whatever the number of Envoy's workers.
func TestDistribution(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		weights [3]string
		want    [3]float64
	}{
		{[3]string{"1.0", "2.0", "1.0"}, [3]float64{100, 200, 100}},
		{[3]string{"1.0", "2.0", "0.5"}, [3]float64{400 * 2 / 7.0, 400 * 4 / 7.0, 400 * 1 / 7.0}},
	} {
		for _, workers := range []string{"1", "2"} {
			t.Run(strings.Join(c.weights[:], "/")+" workers "+workers, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				var targets strings.Builder
				backends := [3]*backend{}
				for i := range backends {
					backends[i] = newBackend(t, fmt.Sprintf("backend-%d", i+1))
					fmt.Fprintf(&targets, "        - {name: %s, url: %q, weight: %s}\n", backends[i].name, backends[i].url, c.weights[i])
				}
				s.write("main.yaml", fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy:
    config:
      load_balancing: weighted_round_robin
      targets:
%sendpoints: [{path: /, method: GET, handler: proxy}]
`, s.port, targets.String()))
				s.start("--", "--concurrency", workers).live()
				keep := &http.Client{Timeout: patience}
				defer keep.CloseIdleConnections()
				for _, client := range []*http.Client{keep, &curl} {
					for _, b := range backends {
						b.asked.Store(0)
					}
					for range 400 {
						if status, body, _ := ask(client, http.MethodGet, s.proxy+"/", ""); status != 200 {
							t.Fatalf("%d %s", status, body)
						}
					}
					for i, b := range backends {
						if got := float64(b.asked.Load()); got < c.want[i]-1 || got > c.want[i]+1 {
							t.Errorf("%s got %v of 400 requests, want %.1f", b.name, got, c.want[i])
						}
					}
				}
			})
		}
	}
}
