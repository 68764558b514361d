package xds

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	runtimev3 "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	// typeExtension is one that the stream core has no rule for; typeMark another,
	// whose resources tell clients of the model how far the server is.
	typeExtension = prefix + "envoy.config.core.v3.TypedExtensionConfig"
	typeMark      = prefix + "envoy.service.runtime.v3.Runtime"
)

var (
	modelTypes = []string{typeCluster, typeEndpoint, typeListener, typeRoute, typeSecret, typeExtension}
	modelNames = []string{"a", "b", "c", "d"}
	// ghost is a name that nothing has, ever.
	ghost = "ghost"
)

// resourceOf makes a resource of any type; n makes it another content.
func resourceOf(url, name string, n int) *Resource {
	switch url {
	case typeCluster:
		return cluster(name, n)
	case typeEndpoint:
		return assignment(name, n+1)
	case typeListener:
		return listener(name, n)
	case typeRoute:
		return route(name, fmt.Sprint("to-", n))
	case typeSecret:
		return secret(name, fmt.Sprint(n))
	case typeExtension:
		return made(&corev3.TypedExtensionConfig{Name: name, TypedConfig: &anypb.Any{TypeUrl: fmt.Sprint(prefix, "x.", n)}}, name)
	case typeMark:
		return made(&runtimev3.Runtime{Name: name, Layer: &structpb.Struct{Fields: map[string]*structpb.Value{"n": structpb.NewNumberValue(float64(n))}}}, name)
	}
	panic(url)
}

type key struct{ url, name string }

// content is what a node is to hold: versions by type and name. nil: it is in no group.
type content map[key]string

// restricted is what of a view a subscription is to.
func (v content) restricted(url string, w wants) map[string]string {
	out := map[string]string{}
	for k, version := range v {
		if k.url == url && w.has(k.name) {
			out[k.name] = version
		}
	}
	return out
}

// modelRelease is what the oracle knows of a Release.
type modelRelease struct {
	version            string
	resources, overlay []*Resource
}

type modelGroup struct {
	modelRelease
	others map[string]modelRelease
}

// oracle knows what is published as a list of layers, and finds what a node is to
// hold by laying one over the other, each time anew.
type oracle struct {
	server *Server
	groups map[string]modelGroup
	laid   map[string]map[string][]*Resource // group → node, "" for all of it
	marks  int
	serial int

	mu sync.Mutex // streams ask for their group
	of map[string]string
}

func (o *oracle) group(n Node) (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	g, ok := o.of[n.ID]
	return g, ok
}

func (o *oracle) view(node string) content {
	name, ok := o.group(Node{ID: node})
	g, published := o.groups[name]
	if !ok || !published {
		return nil
	}
	r := g.modelRelease
	if other, ok := g.others[node]; ok {
		r = other
	}
	v := content{}
	for _, layer := range [][]*Resource{r.resources, r.overlay, o.laid[name][""], o.laid[name][node]} {
		for _, x := range layer {
			v[key{x.Type(), x.Name()}] = x.Version()
		}
	}
	return v
}

// some makes some of the resources there may be; few contents, so that what was
// there comes back.
func (o *oracle) some(random *rand.Rand, types []string, share float64) (out []*Resource) {
	for _, url := range types {
		for _, name := range modelNames {
			if random.Float64() < share {
				out = append(out, resourceOf(url, name, random.IntN(3)))
			}
		}
	}
	return out
}

// edit makes a release out of another: a few resources change, come or go.
func (o *oracle) edit(random *rand.Rand, from modelRelease) modelRelease {
	o.serial++
	kept := slices.DeleteFunc(slices.Clone(from.resources), func(*Resource) bool { return random.IntN(8) == 0 })
	var fresh []*Resource
	for _, r := range o.some(random, modelTypes, 0.2) {
		same := func(x *Resource) bool { return x.Type() == r.Type() && x.Name() == r.Name() }
		kept = slices.DeleteFunc(kept, same)
		fresh = append(fresh, r)
	}
	out := modelRelease{version: fmt.Sprint(o.serial), resources: append(kept, fresh...), overlay: from.overlay}
	if random.IntN(3) == 0 {
		out.overlay = o.some(random, []string{typeEndpoint}, 0.3)
	}
	return out
}

func (r modelRelease) release() Release {
	return Release{NewSnapshot(r.version, r.resources), NewOverlay(r.overlay)}
}

// publish tells the server.
func (o *oracle) publish() {
	groups := map[string]Group{}
	for name, g := range o.groups {
		out := Group{Release: g.release(), Others: map[string]Release{}}
		for node, r := range g.others {
			out.Others[node] = r.release()
		}
		groups[name] = out
	}
	for name := range o.laid {
		if _, ok := o.groups[name]; !ok {
			delete(o.laid, name) // a group that goes takes its endpoint state along
		}
	}
	o.server.PublishGroups(groups)
}

// lay lays endpoint state over a group or a node of it.
func (o *oracle) lay(group, node string, resources []*Resource) {
	if o.laid[group] == nil {
		o.laid[group] = map[string][]*Resource{}
	}
	o.laid[group][node] = resources
	o.server.Overlay(group, node, resources)
}

// mark changes the mark of every group, and turns nothing else.
func (o *oracle) mark() {
	o.marks++
	for _, name := range slices.Sorted(maps.Keys(o.groups)) {
		layer := slices.DeleteFunc(slices.Clone(o.laid[name][""]), func(r *Resource) bool { return r.Type() == typeMark })
		layer = append(layer, (&marks{}).published(o.marks)...)
		o.lay(name, "", layer)
	}
}
