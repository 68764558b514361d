package e2e

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// crowd makes n peers of a group, every second one SotW.
func crowd(group string, n int, dial func() *grpc.ClientConn) []*peer {
	out := make([]*peer, n)
	for i := range out {
		out[i] = newPeer(fmt.Sprintf("%s-%04d", group, i), group, i%2 == 0, dial)
	}
	return out
}

// all waits until every peer has an edit.
func (f *fleetSite) all(peers []*peer, edit int) {
	f.Helper()
	f.until(fmt.Sprintf("all have edit %d", edit), func() bool {
		return !slices.ContainsFunc(peers, func(p *peer) bool { return p.edit() != edit })
	})
}

// sees counts the peers that ever had an edit.
func sees(peers []*peer, edit int) (n int) {
	for _, p := range peers {
		p.mu.Lock()
		if slices.Contains(p.edits, edit) {
			n++
		}
		p.mu.Unlock()
	}
	return n
}

// groupOf100 has 100 peers of a group on edit 0.
func groupOf100(t *testing.T) (f *fleetSite, p *process, peers []*peer) {
	t.Helper()
	f = newFleetSite(t, "edge")
	f.save("edge", 0, "")
	p, xds := f.serve("a")
	peers = crowd("edge", 100, dialer(t, func() string { return xds }))
	fleetOf(t, peers...)
	f.all(peers, 0)
	p.want(0, nil, "status", "--wait", "30s")
	return f, p, peers
}

// exits waits until the exit code of status is this one.
func (p *process) exits(code int, when string) {
	p.Helper()
	p.until(when, func() bool { got, _ := p.command("status"); return got == code })
}

// TestCanaryAlone: in a group of 100 of which the first refuses a version, the others
// never see it, and it is not tried again. One odd node that refuses everything stops
// nobody.
func TestCanaryAlone(t *testing.T) {
	t.Parallel()
	f, p, peers := groupOf100(t)

	for _, x := range peers {
		x.refuse("edit-1.")
	}
	f.save("edge", 1, "")
	p.exits(1, "it is refused")
	tried := func() (out []*peer) {
		for _, x := range peers {
			x.mu.Lock()
			if !x.nacked.IsZero() {
				out = append(out, x)
			}
			x.mu.Unlock()
		}
		return out
	}()
	if len(tried) != 1 || sees(peers, 1) != 0 {
		t.Fatalf("%d peers were sent it", len(tried))
	}
	for _, x := range peers { // they would take it now, but are not asked
		x.refuse("")
	}
	f.save("edge", 0, "")
	p.exits(0, "what is served is loaded again")
	f.save("edge", 1, "")
	p.exits(1, "the refusal is remembered")
	f.save("edge", 2, "")
	f.all(peers, 2)
	if n := sees(peers, 1); n != 0 {
		t.Errorf("%d peers had what was refused", n)
	}

	odd := peers[57]
	odd.refuse("edit-")
	f.save("edge", 3, "")
	others := slices.DeleteFunc(slices.Clone(peers), func(x *peer) bool { return x == odd })
	f.all(others, 3)
	f.until("the odd one is held", func() bool {
		_, out := p.command("status", "--node", odd.id)
		return reflect.DeepEqual(odd.edit(), 2) && len(out) > 0
	})
	p.want(1, []string{"REJECTED", odd.id}, "status", "--node", odd.id)
	p.want(0, nil, "status", "--node", others[0].id)
	if got := p.metric("backworks_rollout_held_nodes"); got != "1" {
		t.Errorf("%s are held", got)
	}
}

// TestTooManyRefuse: what the canary took and many others do not goes back from all;
// the time from the first refusal until the last peer is back is logged.
func TestTooManyRefuse(t *testing.T) {
	t.Parallel()
	f, p, peers := groupOf100(t)
	for _, x := range peers[50:] {
		x.refuse("edit-1.")
	}
	f.save("edge", 1, "")
	p.exits(1, "it is refused")
	f.all(peers, 0)
	first, last := time.Time{}, time.Time{}
	for _, x := range peers {
		x.mu.Lock()
		if !x.nacked.IsZero() && (first.IsZero() || x.nacked.Before(first)) {
			first = x.nacked
		}
		if x.back.After(last) {
			last = x.back
		}
		x.mu.Unlock()
	}
	t.Logf("from the first refusal until the last peer was back: %v", last.Sub(first))
	f.save("edge", 2, "")
	for _, x := range peers {
		x.refuse("")
	}
	f.all(peers, 2)
}

// TestMixedFleet: real Envoys and simulated ones in five groups, both protocols, under
// edits of which some are refused. Afterwards everyone has what a client has that comes
// new, nothing is stuck, and the real ones lost no request.
func TestMixedFleet(t *testing.T) {
	t.Parallel()
	groups := []string{"amber", "blue", "cyan", "dun", "ecru"}
	f := newFleetSite(t, groups...)
	for _, g := range groups {
		f.save(g, 0, "")
	}
	p, xds := f.serve("a")
	reals, edits := 1, 200
	if soak {
		reals, edits = 4, 1000
	}
	dial := dialer(t, func() string { return xds })
	peers, nodes := map[string][]*peer{}, []*node{}
	var loads []*load
	for i, g := range groups {
		peers[g] = crowd(g, 100, dial)
		fleetOf(t, peers[g]...)
		for n := range reals {
			args := []string{}
			if (i+n)%2 == 0 {
				args = append(args, "--sotw")
			}
			nodes = append(nodes, f.envoyNode(fmt.Sprintf("%s-real-%d", g, n), g, xds, args...))
		}
	}
	for _, g := range groups {
		url := fmt.Sprintf("http://127.0.0.1:%d/0", f.ports[g])
		f.until("the Envoys of "+g+" serve", func() bool { status, _ := f.get(url); return status == 200 })
		f.all(peers[g], 0)
		loads = append(loads, run(20, func(int) string { return url }, well))
	}
	p.want(0, nil, "status", "--wait", "60s")

	f.shake(p, peers, edits)
	for i, g := range groups {
		edit := edits + 1 + i
		f.save(g, edit, "")
		f.all(peers[g], edit)
	}
	p.want(0, nil, "status", "--wait", "60s")
	for i, g := range groups {
		fresh := newPeer(g+"-fresh", g, i%2 == 0, dial)
		stop := fleetOf(t, fresh)
		f.until("a new client has all", func() bool { return fresh.edit() == edits+1+i })
		f.until("all have the same", func() bool {
			want := fresh.state()
			return !slices.ContainsFunc(peers[g], func(x *peer) bool { return !reflect.DeepEqual(x.state(), want) })
		})
		stop()
	}
	for _, n := range nodes {
		if warming := n.stat("cluster_manager.warming_clusters"); warming != "0" {
			t.Errorf("%s: %s clusters are warming", n.id, warming)
		}
	}
	for _, l := range loads {
		l.end(t)
	}
}

// shake saves random edits, one in eight of which all simulated peers of the group
// refuse: the canary, or those behind it.
func (f *fleetSite) shake(p *process, peers map[string][]*peer, edits int) {
	f.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	for i := 1; i <= edits; i++ {
		g := f.groups[random.IntN(len(f.groups))]
		bad := random.IntN(8) == 0
		if bad {
			for _, x := range peers[g] {
				x.refuse(fmt.Sprintf("edit-%d.", i))
			}
		}
		f.save(g, i, "")
		switch {
		case bad:
			f.until(fmt.Sprintf("edit %d went back", i), func() bool { code, _ := p.command("status"); return code == 1 })
		case random.IntN(3) > 0: // else the next one comes upon it
			f.all(peers[g], i)
		}
	}
}
