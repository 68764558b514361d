package fleet

import (
	"bytes"
	"context"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
	"backworks/translate"
)

// TestAddressesMove: other answers go out as assignments alone, a failure keeps
// the last answer, and a name that is back is followed again.
func TestAddressesMove(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://a.test:80", "q=http://10.0.0.9:80")})
	bp := r.loaded("one.yaml")
	want := func(what string, addresses ...string) {
		t.Helper()
		o := overlay(t, bp, map[string][]netip.Addr{"a.test": addr(addresses...)})
		r.until(what, func() bool { return reflect.DeepEqual(r.overlay("one.yaml"), o) })
	}
	want("the first address", "10.0.0.1")
	r.names.set("a.test", "10.0.0.5")
	want("another address", "10.0.0.5")
	r.names.set("a.test")
	r.until("the failure", func() bool { return len(r.fleet.Status().Unresolved) == 1 })
	s := r.fleet.Status()
	if u := s.Unresolved[0]; u.Host != "a.test" || u.Error != "no such host" || !slices.Equal(u.Kept, addr("10.0.0.5")) || len(s.Problems) != 0 {
		t.Errorf("unresolved %+v, problems %v", u, s.Problems)
	}
	want("the last address", "10.0.0.5")
	r.names.set("a.test", "fd00::1", "10.0.0.6")
	want("IPv4 before IPv6", "10.0.0.6", "fd00::1")
	r.until("no failure", func() bool { return len(r.fleet.Status().Unresolved) == 0 })
	if b := r.fleet.Status().Blueprints[0]; b.Version != bp.Version {
		t.Errorf("version %s, want %s", b.Version, bp.Version)
	}
}

// TestNeverResolved: the target is left out and said so; the rest is served, and
// it comes in when the name does.
func TestNeverResolved(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://later.test:80", "q=http://a.test:80")})
	s := r.fleet.Status()
	if len(s.Problems) != 1 || s.Degraded {
		t.Fatalf("problems %v, degraded %v", s.Problems, s.Degraded)
	}
	want := `target "t" is left out: cannot resolve host "later.test": no such host`
	if p := s.Problems[0]; p.Message != want || p.Severity != blueprints.Warning || p.Line == 0 {
		t.Errorf("problem %v", p)
	}
	r.names.set("later.test", "10.1.1.1")
	o := overlay(t, r.loaded("one.yaml"), map[string][]netip.Addr{"later.test": addr("10.1.1.1"), "a.test": addr("10.0.0.1")})
	r.until("its address", func() bool { return reflect.DeepEqual(r.overlay("one.yaml"), o) })
	r.until("no problem", func() bool { return len(r.fleet.Status().Problems) == 0 })
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, answer, want []netip.Addr }{
		"sorted at first, IPv4 first":  {nil, addr("fd00::1", "10.0.0.2", "10.0.0.1"), addr("10.0.0.1", "10.0.0.2", "fd00::1")},
		"turned round":                 {addr("10.0.0.2", "10.0.0.1"), addr("10.0.0.1", "10.0.0.2"), addr("10.0.0.2", "10.0.0.1")},
		"a new one comes last":         {addr("10.0.0.5"), addr("10.0.0.1", "10.0.0.5"), addr("10.0.0.5", "10.0.0.1")},
		"an old one goes":              {addr("10.0.0.5", "10.0.0.1"), addr("10.0.0.1"), addr("10.0.0.1")},
		"IPv4 in IPv6, and twice":      {nil, addr("::ffff:10.0.0.1", "10.0.0.1"), addr("10.0.0.1")},
		"a new IPv4 before known IPv6": {addr("fd00::1"), addr("fd00::1", "10.0.0.1"), addr("10.0.0.1", "fd00::1")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := merge(c.old, c.answer); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestSlowName: a name server that does not answer holds up nobody beyond the
// wait, and a set's other names have their addresses.
func TestSlowName(t *testing.T) {
	t.Parallel()
	lookup := func(ctx context.Context, host string) ([]netip.Addr, error) {
		if host == "slow.test" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return addr("10.0.0.1"), nil
	}
	r := newResolver(lookup, time.Hour, hclog.NewNullLogger())
	pool := &blueprints.Pool{Name: "p", Targets: []*blueprints.Target{{Host: "slow.test"}, {Host: "fast.test"}, {Host: "10.0.0.7"}}}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	r.want(ctx, translate.Hosts(&blueprints.Blueprint{Pools: []*blueprints.Pool{pool}}))
	a := r.answers.Load()
	if len(a.state.Addresses) != 1 || len(a.state.Addresses["fast.test"]) != 1 || len(a.failed) != 1 || a.failed["slow.test"] == "" {
		t.Errorf("answers %v, failed %v", a.state.Addresses, a.failed)
	}
	r.want(ctx, nil)
	if a := r.answers.Load(); len(a.state.Addresses)+len(a.failed) != 0 {
		t.Errorf("kept on: %v, %v", a.state.Addresses, a.failed)
	}
}

// TestResolverLog: a line when a state changes, none while it lasts.
func TestResolverLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := newResolver(nil, time.Hour, hclog.New(&hclog.LoggerOptions{Output: &log}))
	r.hosts = []string{"a.test"}
	good, bad := map[string]found{"a.test": {addresses: addr("10.0.0.1")}}, map[string]found{"a.test": {err: errNoAddress}}
	for _, results := range []map[string]found{good, good, bad, bad, bad, good, good} {
		r.update(results)
	}
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 ||
		!strings.Contains(lines[0], "last addresses stay") || !strings.Contains(lines[1], "resolved again") {
		t.Errorf("log:\n%s", log.String())
	}
}

// TestSystemResolver: "localhost" is a name like any other.
func TestSystemResolver(t *testing.T) {
	t.Parallel()
	got, err := systemResolver(context.Background(), "localhost")
	if err != nil || merge(nil, got)[0] != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("got %v, %v", got, err)
	}
}
