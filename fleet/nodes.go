package fleet

import (
	"slices"

	"backworks/blueprints"
	"backworks/xds"
)

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
	best := bestFit(set, xds.Node{ID: n.ID, Cluster: n.Cluster, Metadata: n.Metadata})
	for i, bp := range best {
		if i > 0 {
			out.Ambiguous = append(out.Ambiguous, bp.File)
		}
	}
	return out
}
