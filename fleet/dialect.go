package fleet

import (
	"strings"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
	"backworks/translate"
	"backworks/xds"
)

// Dialect is what kind of client a blueprint is put into resources for.
type Dialect int

// The dialects.
const (
	// EnvoyDialect is that of a proxy that takes all there is.
	EnvoyDialect Dialect = iota
	// GRPCDialect is that of a client which is its own proxy ("proxyless").
	GRPCDialect
)

// grpcAgent begins the user agent of every gRPC client: "gRPC Go", "gRPC C-core",
// "grpc-java".
const grpcAgent = "grpc"

// grpcSuffix makes a blueprint's group of gRPC clients out of its main file.
const grpcSuffix = "#grpc"

func dialectOf(node xds.Node) Dialect {
	if len(node.UserAgent) >= len(grpcAgent) && strings.EqualFold(node.UserAgent[:len(grpcAgent)], grpcAgent) {
		return GRPCDialect
	}
	return EnvoyDialect
}

// group is the name of the nodes of this dialect that get the blueprint of file.
func (d Dialect) group(file string) string {
	if d == GRPCDialect {
		return file + grpcSuffix
	}
	return file
}

// fileOf is the main file of a group's blueprint.
func fileOf(group string) string { return strings.TrimSuffix(group, grpcSuffix) }

// assignment lists the addresses of a pool.
func (d Dialect) assignment(pool *blueprints.Pool, state translate.State) *endpointv3.ClusterLoadAssignment {
	if d == GRPCDialect {
		return translate.GRPCAssignment(pool, state)
	}
	return translate.Assignment(pool, state)
}

// dialects keeps what gRPC clients get: what the Envoys of their blueprint do which
// try nothing new. It belongs to the goroutine of the pipeline.
type dialects struct {
	groups *Groups
	log    hclog.Logger
	made   map[string]*grpcRelease // by main file
}

// grpcRelease is a release for gRPC clients, and what it was made of.
type grpcRelease struct {
	*release
	translated *translate.Resources
}

func newDialects(groups *Groups, log hclog.Logger) *dialects {
	return &dialects{groups: groups, log: log, made: map[string]*grpcRelease{}}
}

// add puts the group of gRPC clients beside that of the Envoys which get base, if its
// blueprint expects some or any has come. What cannot be made is logged, and the
// version before it stays.
func (d *dialects) add(groups map[string]xds.Group, base *release) {
	file := base.bp.File
	if _, asked := d.groups.grpc.Load(file); !asked && !base.bp.Nodes.GRPC {
		return
	}
	next, err := d.made[file].next(base.bp, base.state)
	if err != nil {
		d.log.Error("blueprint cannot be given to gRPC clients", "blueprint", file, "error", err)
		next = d.made[file]
	}
	if next != nil {
		d.made[file] = next
		groups[GRPCDialect.group(file)] = xds.Group{Release: next.xds}
	}
}

// next makes bp's out of as much as possible of r, which may be nil and is returned
// itself when bp and its addresses are the same.
func (r *grpcRelease) next(bp *blueprints.Blueprint, state *translate.State) (*grpcRelease, error) {
	before := r
	if before == nil {
		before = new(grpcRelease)
	}
	out := &grpcRelease{translated: before.translated}
	if before.release == nil || before.bp != bp {
		var problems blueprints.Problems
		if out.translated, problems = translate.UpdateGRPC(before.translated, bp); out.translated == nil {
			return nil, problems.Err()
		}
	}
	var err error
	if out.release, err = GRPCDialect.build(before.release, bp, out.translated, nil, state); err != nil {
		return nil, err
	}
	if out.release == before.release {
		return r, nil
	}
	return out, nil
}
