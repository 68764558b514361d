package fleet

import (
	"strings"
	"testing"

	"backworks/xds"
)

// TestFeedIsBounded: crowds of events of a kind are told as a number, and only the
// newest are kept.
func TestFeedIsBounded(t *testing.T) {
	t.Parallel()
	f := newFeed()
	changed := f.changed()
	for range 1000 {
		f.stream(xds.Event{Kind: xds.Connected, Node: xds.Node{ID: "n"}})
		f.stream(xds.Event{Kind: xds.Synced, Group: "main.yaml", Snapshot: "v1"})
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
