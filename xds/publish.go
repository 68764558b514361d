package xds

import "maps"

// Group is all that the nodes of a group get: a snapshot, and the group's endpoint
// state over it, as Overlay has it.
type Group struct {
	Snapshot *Snapshot
	Overlay  []*Resource
}

// Publish replaces what every group gets, but for its endpoint state. Groups left out
// are gone: their nodes keep what they have and are sent nothing. Each node is asked
// for its group again.
func (s *Server) Publish(groups map[string]*Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish(groups)
}

// PublishGroups is Publish and, for each group, Overlay in one step: no client sees
// one without the other. The endpoint state of groups left out goes, that of nodes of
// the others stays.
func (s *Server) PublishGroups(groups map[string]Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.state.overlays {
		if _, ok := groups[name]; !ok {
			delete(s.state.overlays, name)
		}
	}
	snapshots := make(map[string]*Snapshot, len(groups))
	for name, g := range groups {
		snapshots[name] = g.Snapshot
		s.overlay(name, "", g.Overlay)
	}
	s.publish(snapshots)
}

func (s *Server) publish(groups map[string]*Snapshot) {
	s.state.snapshots = map[string]*Snapshot{}
	for name, snapshot := range groups {
		if snapshot != nil {
			s.state.snapshots[name] = snapshot
		}
	}
	s.epoch++
	in := s.world.Load().collect()
	built := make(map[string]*group, len(groups))
	for name := range s.state.snapshots {
		built[name] = s.state.build(name, in)
	}
	s.turn(built)
}

// Overlay lays endpoint state over whatever a group gets: it replaces resources by
// name and adds those that are not there, until the next Overlay of the same group
// and node takes its place; it outlives every Publish. node "" is the whole group,
// and a node's own lies over that. No resources take it away.
//
// An assignment is to be there before the cluster that waits for it, and to stay
// until that is gone: see PublishGroups.
func (s *Server) Overlay(group, node string, resources []*Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overlay(group, node, resources)
	if s.state.snapshots[group] == nil {
		return
	}
	w := s.world.Load()
	built := maps.Clone(w.groups)
	built[group] = s.state.build(group, w.collect())
	s.turn(built)
}

func (s *Server) overlay(group, node string, resources []*Resource) {
	if len(resources) == 0 {
		delete(s.state.overlays[group], node)
		if len(s.state.overlays[group]) == 0 {
			delete(s.state.overlays, group)
		}
		return
	}
	if s.state.overlays[group] == nil {
		s.state.overlays[group] = map[string]*overlay{}
	}
	s.state.overlays[group][node] = newOverlay(resources)
}

// turn puts another world in the place of the present one.
func (s *Server) turn(groups map[string]*group) {
	old := s.world.Load()
	s.world.Store(&world{seq: old.seq + 1, epoch: s.epoch, groups: groups, next: make(chan struct{})})
	close(old.next)
}
