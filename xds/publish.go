package xds

import (
	"maps"
)

// Release is what a node gets: a snapshot, and endpoint state over it; nil: none.
type Release struct {
	Snapshot *Snapshot
	Overlay  *Overlay
}

// Group is all that the nodes of a group get.
type Group struct {
	Release
	// Others are the nodes, by ID, that get another release: those that try a new
	// one, or that are held on an old one.
	Others map[string]Release
	// Quiet leaves nodes that come back alone, with what they have, but for Others:
	// where it is not known yet which release is to be theirs. It does not concern
	// those that were connected before.
	Quiet bool
}

// Equal says that both are the same releases for the same nodes, by identity.
func (g Group) Equal(o Group) bool {
	return g.Release == o.Release && g.Quiet == o.Quiet && maps.Equal(g.Others, o.Others)
}

// Publish replaces what every group gets by a snapshot alone, and has each node asked
// for its group again. Endpoint state that Overlay gave stays, of groups left out as well.
func (s *Server) Publish(groups map[string]*Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make(map[string]Group, len(groups))
	for name, snapshot := range groups {
		next[name] = Group{Release: Release{Snapshot: snapshot}}
	}
	s.epoch++
	s.publish(next)
}

// PublishGroups replaces what every group gets, in one step: no client sees a snapshot
// without the endpoint state that comes with it. Groups left out are gone, with the
// endpoint state that Overlay gave them: their nodes keep what they have and are sent
// nothing. Nodes are asked for their group again when there is another group, or one
// less; Regroup does it where the same groups fit other nodes.
func (s *Server) PublishGroups(groups map[string]Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.state.overlays {
		if _, ok := groups[name]; !ok {
			delete(s.state.overlays, name)
		}
	}
	s.publish(groups)
}

// Regroup has each node asked for its group again.
func (s *Server) Regroup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.turn(s.world.Load().groups)
}

func (s *Server) publish(groups map[string]Group) {
	before := s.state.groups
	s.state.groups = make(map[string]Group, len(groups))
	for name, g := range groups {
		if g.Snapshot != nil {
			s.state.groups[name] = g
		}
		if _, ok := before[name]; ok != (g.Snapshot != nil) {
			s.epoch++
		}
	}
	if len(before) > len(s.state.groups) {
		s.epoch++
	}
	w := s.world.Load()
	in := w.collect()
	built := make(map[string]*group, len(groups))
	for name, g := range s.state.groups {
		if old := w.groups[name]; old != nil && before[name].Equal(g) {
			built[name] = old
		} else {
			built[name] = s.state.build(name, in)
		}
	}
	s.turn(built)
}

// Overlay lays endpoint state over whatever a group gets, on any release: it replaces
// resources by name and adds those that are not there, until the next Overlay of the
// same group and node takes its place; it outlives every publish. node "" is the whole
// group, and a node's own lies over that. No resources take it away.
//
// An assignment is to be there before the cluster that waits for it, and to stay
// until that is gone: see Release.
func (s *Server) Overlay(group, node string, resources []*Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.lay(group, node, NewOverlay(resources))
	if s.state.groups[group].Snapshot == nil {
		return
	}
	w := s.world.Load()
	built := maps.Clone(w.groups)
	built[group] = s.state.build(group, w.collect())
	s.turn(built)
}

func (st *state) lay(group, node string, o *Overlay) {
	if o == nil {
		delete(st.overlays[group], node)
		if len(st.overlays[group]) == 0 {
			delete(st.overlays, group)
		}
		return
	}
	if st.overlays[group] == nil {
		st.overlays[group] = map[string]*Overlay{}
	}
	st.overlays[group][node] = o
}

// turn puts another world in the place of the present one.
func (s *Server) turn(groups map[string]*group) {
	old := s.world.Load()
	s.world.Store(&world{seq: old.seq + 1, epoch: s.epoch, groups: groups, next: make(chan struct{})})
	close(old.next)
	for name, g := range old.groups {
		if now := groups[name]; now != g {
			g.forget(now)
		}
	}
}
