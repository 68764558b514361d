package fleet

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"backworks/blueprints"
	"backworks/xds"
)

// Rights says which client may act for which nodes, by the SANs of its certificate. Its
// zero value lets nobody in but by Unix sockets, whose files have rights of their own.
type Rights struct {
	grants atomic.Pointer[[]blueprints.Grant]
}

// Take makes these the grants. Clients that there are notice it by xds.Server.Recheck.
func (r *Rights) Take(grants []blueprints.Grant) { r.grants.Store(&grants) }

// Permit is made for the xds server's Permit option. The error is a gRPC status.
func (r *Rights) Permit(ctx context.Context, node xds.Node) error {
	return r.permit(xds.PeerOf(ctx), node)
}

func (r *Rights) permit(p xds.Peer, node xds.Node) error {
	switch {
	case p.Local:
		return nil
	case p.Certificate == nil:
		return status.Error(codes.Unauthenticated, "no verified client certificate: who may claim which nodes is said by certificates here")
	}
	names := p.Names()
	known := false
	if grants := r.grants.Load(); grants != nil {
		for _, g := range *grants {
			if !slices.ContainsFunc(names, func(name string) bool { return fitsSAN(g.SAN, name) }) {
				continue
			}
			known = true
			_, id := strongest(g.IDs, node.ID)
			if _, cluster := strongest(g.Clusters, node.Cluster); id && cluster {
				return nil
			}
		}
	}
	if !known {
		return status.Errorf(codes.PermissionDenied, "no grant is for this certificate (%s)", p)
	}
	return status.Errorf(codes.PermissionDenied, "this certificate (%s) may not claim node %q of cluster %q", p, node.ID, node.Cluster)
}

// fitsSAN matches a name as certificates have it. Case counts, but in DNS names (RFC
// 9525), which are the ones without any of ":/@"; xds.Peer has them in lower case.
func fitsSAN(pattern, name string) bool {
	if !strings.ContainsAny(name, ":/@") {
		pattern = strings.ToLower(pattern)
	}
	return glob(pattern, name)
}
