package e2e

import (
	"fmt"
	"strings"
	"testing"

	"backworks/envoy/testport"
)

// TestDashboardShowsRefusals of Envoy itself: an edit that is well formed, and that it
// cannot do, is told with its line in the first line, at the Envoy, at the rollout and
// among the events; and no more once it is healed.
func TestDashboardShowsRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	target := newBackend(t, "one")
	good := watched(s, "one", target)
	p, b := s.opened(t, good)
	l := run(40, func(int) string { return s.proxy + "/a" }, well)
	b.says("#headline", "Serving: 1 of 1 target healthy")

	taken := testport.Listen(t)
	defer func() { _ = taken.Close() }()
	_, port, _ := strings.Cut(taken.Addr().String(), ":")
	s.write("main.yaml", strings.Replace(good, fmt.Sprint("port: ", s.port), "port: "+port, 1))
	b.says("#headline", "Refused edit: main.yaml:2:9")
	b.says("#headline", "cannot bind '127.0.0.1:"+port)
	b.says("#standing[data-state=refused] #headline", "Refused edit")
	b.says("#envoys .node .pill[data-tone=bad]", "REJECTED")
	b.says("#envoys .refused", "LDS refused")
	b.says("#envoys .refused", "main.yaml:2:9")
	b.says("#envoys .refused", "cannot bind")
	b.says("#envoys .rollout .pill[data-tone=bad]", "refused")
	b.says("#envoys .rollout .why", "main.yaml:2:9")
	b.says("#configuration .problem code", "main.yaml:2:9")
	b.says("#configuration .versions .pill[data-tone=bad]", "refused")
	b.says("#events .pill", "refusal")
	b.judge("refused-by-envoy")

	s.write("main.yaml", strings.Replace(good, `"one"`, `"two"`, 1))
	b.says("#headline", "Serving: 1 of 1 target healthy, 1 Envoy up to date")
	b.says("#envoys .node .pill", "SYNCED")
	b.until("nothing of it is left but what happened", `!document.querySelector("#envoys .refused li") && !document.querySelector("#configuration .problem")`)
	b.says("#envoys .rollout .pill[data-tone=good]", "accepted")
	b.says("#events .pill", "refusal")
	l.end(t)
	b.quiet(p.admin)
}
