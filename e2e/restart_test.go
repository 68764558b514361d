package e2e

import (
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
)

// resources is how many resources the peers were sent, in all, and how often they
// connected.
func received(peers []*peer) (resources, streams int) {
	for _, p := range peers {
		r, s := p.received()
		resources, streams = resources+r, streams+s
	}
	return resources, streams
}

// steady checks that no peer saw an edit older than one it had.
func steady(t *testing.T, peers []*peer) {
	t.Helper()
	for _, p := range peers {
		p.mu.Lock()
		if !slices.IsSorted(p.edits) {
			t.Errorf("%s went back: %v", p.id, p.edits)
		}
		p.mu.Unlock()
	}
}

// TestRestartUnderStreams: 1,000 clients come back to a management server that was
// killed, and are sent nothing that they have; an edit in between reaches all, and
// only what it changed.
func TestRestartUnderStreams(t *testing.T) {
	t.Parallel()
	f := newFleetSite(t, "edge")
	f.save("edge", 0, "")
	var address atomic.Value
	p, xds := f.serve("a")
	address.Store(xds)
	peers := crowd("edge", 1000, dialer(t, func() string { return address.Load().(string) }))
	fleetOf(t, peers...)
	f.all(peers, 0)
	p.want(0, nil, "status", "--wait", "60s")

	again := func(edit int) {
		t.Helper()
		before, streams := received(peers)
		p.kill(syscall.SIGKILL)
		change := edit != peers[0].edit()
		if change {
			f.save("edge", edit, "")
		}
		p, xds = f.serve("a")
		address.Store(xds)
		f.until("all came back", func() bool { _, s := received(peers); return s >= streams+len(peers) })
		f.all(peers, edit)
		p.want(0, nil, "status", "--wait", "60s")
		resources, _ := received(peers)
		want := 0
		if change {
			want = 2 * len(peers) // the listener and its routes; what else changed are assignments
		}
		if sent := resources - before; sent != want {
			t.Errorf("edit %d: %d resources were sent to %d clients that came back", edit, sent, len(peers))
		}
	}
	again(0)
	again(5)
	again(5)
	steady(t, peers)
}

// TestTwoServers over the same files behind one fleet, each killed in turn: no client
// sees a version go back, and nothing is sent again that it has.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	f := newFleetSite(t, "edge")
	f.save("edge", 0, "")
	var address atomic.Value
	servers := map[string]*process{}
	addresses := map[string]string{}
	for _, name := range []string{"a", "b"} {
		servers[name], addresses[name] = f.serve(name)
	}
	var n atomic.Int64
	dial := dialer(t, func() string { // turn and turn about, or the one that is left
		if only := address.Load(); only != nil && only != "" {
			return only.(string)
		}
		return addresses[[]string{"a", "b"}[n.Add(1)%2]]
	})
	peers := crowd("edge", 200, dial)
	fleetOf(t, peers...)
	f.all(peers, 0)
	edit := 0
	for _, down := range []string{"a", "b", "a"} {
		up := map[string]string{"a": "b", "b": "a"}[down]
		edit += 5 // another header, the same pools
		f.save("edge", edit, "")
		f.all(peers, edit)
		before, _ := received(peers)
		address.Store(addresses[up])
		servers[down].kill(syscall.SIGKILL)
		f.until("all are with the other", func() bool {
			_, out := servers[up].command("status", "-o", "json")
			return countNodes(out) == len(peers)
		})
		servers[up].want(0, nil, "status", "--wait", "30s")
		if after, _ := received(peers); after != before {
			t.Errorf("%d resources were sent again", after-before)
		}
		servers[down], addresses[down] = f.serve(down)
		address.Store("")
	}
	steady(t, peers)
}
