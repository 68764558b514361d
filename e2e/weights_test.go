package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestDistribution: 400 requests are shared out by weight within 1, whatever the
// number of Envoy's workers. Each worker shares out its own connections, so over many
// of them it is 1 for each worker.
func TestDistribution(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		weights [3]string
		want    [3]int
	}{
		{[3]string{"1.0", "2.0", "1.0"}, [3]int{100, 200, 100}},
		{[3]string{"1.0", "2.0", "0.5"}, [3]int{114, 229, 57}},
	} {
		for _, workers := range []int{1, 2} {
			t.Run(strings.Join(c.weights[:], "/")+fmt.Sprint(" workers ", workers), func(t *testing.T) {
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
				s.start("--", "--concurrency", strconv.Itoa(workers)).live()
				keep := &http.Client{Timeout: patience}
				defer keep.CloseIdleConnections()
				for client, off := range map[*http.Client]int{keep: 1, &curl: workers} {
					for _, b := range backends {
						b.asked.Store(0)
					}
					for range 400 {
						if status, body, _ := ask(client, http.MethodGet, s.proxy+"/", ""); status != 200 {
							t.Fatalf("%d %s", status, body)
						}
					}
					for i, b := range backends {
						if got := int(b.asked.Load()); got < c.want[i]-off || got > c.want[i]+off {
							t.Errorf("%s got %d of 400 requests, want %d within %d", b.name, got, c.want[i], off)
						}
					}
				}
			})
		}
	}
}
