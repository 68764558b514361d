package xds

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// register says who may be which node: by the first of its certificate's names.
type register struct {
	mu  sync.Mutex
	may map[string]string // name → node id
}

func (r *register) permit(ctx context.Context, n Node) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := PeerOf(ctx).Names()
	switch {
	case len(names) == 0:
		return status.Error(codes.Unauthenticated, "who are you")
	case r.may[names[0]] != n.ID:
		return errors.New("not yours")
	}
	return nil
}

func (r *register) set(name, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.may[name] = id
}

// A stolen node id is refused, told once and counted; so is nobody's. Whoever loses the
// right loses the streams, and nobody else does.
func TestPermit(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		a := newAuthority(t, "a")
		var log journal
		who := &register{may: map[string]string{"one.test": "n1", "two.test": "n2"}}
		r := newTLSRig(t, a, a, Options{Logger: log.logger(), Permit: who.permit})
		r.publish("1", cluster("a", 0))
		reporting := r.as(a, a.sign("one.test", time.Hour)).reports(&corev3.Node{Id: "n1"})
		reporting.asked()
		r.as(a, a.sign("two.test", time.Hour)).reports(&corev3.Node{Id: "n1"}).ends(codes.PermissionDenied)
		one, two := r.as(a, a.sign("one.test", time.Hour)), r.as(a, a.sign("two.test", time.Hour))
		for range 3 {
			thief := two.connect(delta, "n1")
			thief.send(say{url: typeCluster})
			thief.ended(codes.PermissionDenied, "not yours")
		}
		if n := r.server.Figures().Ended[NotAllowed]; n != 4 || log.count("stream ended") != 1 {
			t.Errorf("%d were counted, %d told", n, log.count("stream ended"))
		}
		if n := r.server.Nodes(); len(n) != 0 {
			t.Errorf("there are nodes: %v", n)
		}
		mine, other := one.connect(delta, "n1"), two.connect(delta, "n2")
		for _, c := range []*client{mine, other} {
			c.send(say{url: typeCluster})
			c.ack(c.want(typeCluster, "a"))
		}
		r.server.Recheck()
		mine.nothing()
		who.set("one.test", "n3")
		r.server.Recheck()
		mine.ended(codes.PermissionDenied, "not yours")
		other.nothing()
		reporting.send(&loadv3.LoadStatsRequest{})
		reporting.ends(codes.PermissionDenied)
		if n := r.server.Figures().Ended[NotAllowedAnyMore]; n != 2 {
			t.Errorf("%d were counted", n)
		}
		r.publish("2", cluster("b", 0))
		other.want(typeCluster, "b")
	})
}

// The status is the hook's where it has one.
func TestPermitNobody(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Permit: (&register{}).permit})
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster})
		c.ended(codes.Unauthenticated, "who are you")
	})
}

// A stream is one node's. The same node said again, with other words, is no other.
func TestNodeMayNotChange(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", cluster("a", 0), listener("l", 1))
		for name, c := range map[string]struct {
			node *corev3.Node
			same bool
		}{
			"another id":      {&corev3.Node{Id: "m", Cluster: "test"}, false},
			"another cluster": {&corev3.Node{Id: "n", Cluster: "other"}, false},
			"no cluster":      {&corev3.Node{Id: "n"}, false},
			"the same":        {&corev3.Node{Id: "n", Cluster: "test"}, true},
			"more of it": {&corev3.Node{Id: "n", Cluster: "test", Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
				"a": structpb.NewStringValue("b"),
			}}}, true},
			"no id at all": {&corev3.Node{UserAgentName: "envoy"}, true},
		} {
			t.Run(name, func(t *testing.T) {
				d := r.connect(delta, "n")
				d.send(say{url: typeCluster})
				d.ack(d.want(typeCluster, "a"))
				d.node = c.node
				d.send(say{url: typeListener})
				if c.same {
					d.want(typeListener, "l")
				} else {
					d.ended(codes.InvalidArgument, `it is "n" of cluster "test", and a later request is of`)
				}
			})
		}
		if n := r.server.Figures().Ended[NodeChanged]; n != 3 {
			t.Errorf("%d were counted", n)
		}
	})
}
