package fleet

import (
	"slices"

	"backworks/blueprints"
	"backworks/xds"
)

// State is how far a node, or one type of a node, is.
type State string

// The states; of a node it is the first one that a type of it has.
const (
	NodeRejected State = "REJECTED"
	NodeStale    State = "STALE"    // sent, not acknowledged
	NodeNotSent  State = "NOT SENT" // nothing is published for it, or it does not ask
	NodeSynced   State = "SYNCED"   // all that is there was acknowledged
)

// StateOf is that of a type.
func StateOf(t xds.TypeStatus) State {
	switch {
	case t.Refused != nil:
		return NodeRejected
	case t.Synced:
		return NodeSynced
	case t.Sent == "":
		return NodeNotSent
	}
	return NodeStale
}

// State is that of the node.
func (n Node) State() State {
	state := NodeNotSent
	if n.Group != "" {
		state = NodeStale
		if n.Synced {
			state = NodeSynced
		}
	}
	if slices.ContainsFunc(n.Types, func(t xds.TypeStatus) bool { return StateOf(t) == NodeRejected }) {
		state = NodeRejected
	}
	return state
}

// standing are the refusals of the versions that were loaded last, by main file and node
// id. A node that went back has acknowledged what it went back to, and is still the one
// to tell of.
func (f *Fleet) standing() map[string]map[string]refusal {
	out := map[string]map[string]refusal{}
	for _, b := range f.shown.Load().blueprints {
		for id, r := range f.members.refusals(b.File) {
			if r.version != b.Rollout.Version && !slices.ContainsFunc(b.Rollout.Held, func(h Held) bool { return h.Node == id && h.Refused == r.version }) {
				continue
			}
			if out[b.File] == nil {
				out[b.File] = map[string]refusal{}
			}
			out[b.File][id] = r
		}
	}
	return out
}

func node(set *blueprints.Set, n xds.NodeStatus, standing map[string]map[string]refusal) Node {
	out := Node{NodeStatus: n}
	if r, is := standing[n.Group][n.ID]; is {
		for i, t := range out.Types {
			if t.Type == r.kind && t.Refused == nil {
				out.Types[i].Refused = r.said
			}
		}
	}
	out.Group = fileOf(n.Group)
	if n.Group == limitGroup {
		return out
	}
	best := bestFit(set, xds.Node{ID: n.ID, Cluster: n.Cluster, Metadata: n.Metadata})
	for i, bp := range best {
		if i > 0 {
			out.Ambiguous = append(out.Ambiguous, bp.File)
		}
	}
	return out
}
