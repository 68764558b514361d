package fleet

import (
	"strconv"
	"strings"
	"testing"

	"backworks/blueprints"
	"backworks/xds"
)

// TestFeedIsBounded: crowds of events of a kind are told as a number, and only the
// newest are kept.
func TestFeedIsBounded(t *testing.T) {
	t.Parallel()
	f := newFeed()
	changed := f.changed()
	for i := range 1000 {
		n := xds.Node{ID: strconv.Itoa(i)}
		f.stream(xds.Event{Kind: xds.Connected, Node: n})
		f.stream(xds.Event{Kind: xds.Synced, Node: n, Group: "main.yaml", Snapshot: "v1"})
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was woken")
	}
	f.flush()
	all := f.newest()
	if len(all) != maxAlike+2 || all[1].Text != "990 more of the kind" || all[0].Kind != PushEvent || !strings.HasPrefix(all[0].Text, "1000 Envoys") || all[0].ID != uint64(len(all)) {
		t.Errorf("%d events, the first %+v", len(all), all[:2])
	}
	for range 200 {
		for range maxAlike {
			f.add(Event{Kind: EditEvent})
		}
		f.flush()
	}
	if n := len(f.newest()); n != maxEvents {
		t.Errorf("%d events are kept", n)
	}
}

// TestFeedTellsOnce: a node that acknowledges a version twice is one, and a bad file that
// is read twice has its problems told once.
func TestFeedTellsOnce(t *testing.T) {
	t.Parallel()
	f := newFeed()
	sync := func(version string) {
		f.stream(xds.Event{Kind: xds.Synced, Node: xds.Node{ID: "sidecar"}, Group: "main.yaml", Snapshot: version})
	}
	sync("v1")
	sync("v1")
	f.flush()
	sync("v1")
	f.flush()
	if all := f.newest(); len(all) != 1 || all[0].Text != "an Envoy has acknowledged version v1" {
		t.Errorf("acknowledged twice: %+v", all)
	}
	f.stream(xds.Event{Kind: xds.Disconnected, Node: xds.Node{ID: "sidecar"}})
	sync("v1")
	f.flush()
	if all := f.newest(); len(all) != 3 || all[0].Kind != PushEvent {
		t.Errorf("it came back: %+v", all)
	}
	bad := blueprints.Problems{{Message: "is bad"}}
	f.load(&Report{Outcome: Rejected, loaded: bad}, nil)
	f.load(&Report{Outcome: Rejected, loaded: append(bad, blueprints.Problem{Message: "is worse"})}, bad)
	f.load(&Report{Outcome: Rejected, loaded: bad}, bad)
	if all := f.newest(); len(all) != 5 || !strings.Contains(all[0].Text, "is worse") {
		t.Errorf("read three times: %+v", all)
	}
}
