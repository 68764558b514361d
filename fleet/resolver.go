package fleet

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/translate"
)

const (
	// resolveEvery is how often names are looked up again, as Envoy's own DNS does.
	resolveEvery = 5 * time.Second
	// firstWait bounds how long a load waits for names it meets for the first time,
	// all at once: publishing a target without an address would take it out.
	firstWait = 2 * time.Second
	// lookupLimit bounds one lookup, so that a name server that hangs costs one
	// round and not a goroutine more each time.
	lookupLimit = 5 * time.Second
	// lookupsAtOnce bounds the load on the name server.
	lookupsAtOnce = 64
)

// systemResolver asks what the system is set up to ask, /etc/hosts included.
func systemResolver(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// answers are what is known of the wanted host names at a moment; immutable.
type answers struct {
	// state holds the last addresses of each name that was ever resolved. As long
	// as none differs it is the same pointer.
	state *translate.State
	// failed are the errors of the names whose newest lookup failed.
	failed map[string]string
}

// resolver keeps the addresses of all blueprints' targets, off the push path.
type resolver struct {
	lookup  func(context.Context, string) ([]netip.Addr, error)
	every   time.Duration
	log     hclog.Logger
	changed chan struct{} // receives when addresses changed between two loads
	answers atomic.Pointer[answers]

	mu    sync.Mutex // held while answers are replaced
	hosts []string
}

func newResolver(lookup func(context.Context, string) ([]netip.Addr, error), every time.Duration, log hclog.Logger) *resolver {
	r := &resolver{lookup: lookup, every: every, log: log, changed: make(chan struct{}, 1)}
	r.answers.Store(&answers{state: &translate.State{}})
	return r
}

// want makes hosts, sorted, the names that are kept, and waits a while for the ones
// that are new.
func (r *resolver) want(ctx context.Context, hosts []string) {
	var fresh []string
	r.mu.Lock()
	if slices.Equal(r.hosts, hosts) {
		r.mu.Unlock()
		return
	}
	for _, h := range hosts {
		if _, known := slices.BinarySearch(r.hosts, h); !known {
			fresh = append(fresh, h)
		}
	}
	gone := len(r.hosts)+len(fresh) != len(hosts)
	r.hosts = hosts
	r.mu.Unlock()

	if len(fresh) > 0 || gone {
		// The names that do not make it in time count as failed until the next round.
		ctx, cancel := context.WithTimeout(ctx, firstWait)
		defer cancel()
		r.update(r.ask(ctx, fresh))
	}
}

// run looks all names up again and again until ctx ends.
func (r *resolver) run(ctx context.Context) {
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.mu.Lock()
		hosts := r.hosts
		r.mu.Unlock()
		round, cancel := context.WithTimeout(ctx, lookupLimit)
		found := r.ask(round, hosts)
		cancel()
		if ctx.Err() != nil {
			return // a stop is no failure of the name server
		}
		if r.update(found) {
			select {
			case r.changed <- struct{}{}:
			default:
			}
		}
	}
}

// found is the outcome of one lookup.
type found struct {
	addresses []netip.Addr
	err       error
}

var errNoAddress = errors.New("the name has no address")

// ask looks hosts up at the same time and returns when all are done, or ctx is.
func (r *resolver) ask(ctx context.Context, hosts []string) map[string]found {
	type named struct {
		host string
		found
	}
	results := make(chan named, len(hosts))
	slots := make(chan struct{}, lookupsAtOnce)
	for _, host := range hosts {
		go func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				return
			}
			addresses, err := r.lookup(ctx, host)
			if err == nil && len(addresses) == 0 {
				err = errNoAddress
			}
			results <- named{host, found{addresses, err}}
		}()
	}
	out := make(map[string]found, len(hosts))
	for len(out) < len(hosts) {
		select {
		case n := <-results:
			out[n.host] = n.found
		case <-ctx.Done():
			for _, host := range hosts {
				if _, done := out[host]; !done {
					out[host] = found{err: errors.New("no answer in time")}
				}
			}
		}
	}
	return out
}

// update takes what was found into the answers and forgets names that nobody
// wants. It says whether any address differs.
func (r *resolver) update(results map[string]found) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.answers.Load()
	known := before.state.Addresses
	addresses, failed := map[string][]netip.Addr{}, map[string]string{}
	for _, host := range r.hosts {
		is, why := known[host], before.failed[host]
		if result, asked := results[host]; asked && result.err != nil {
			why = reason(result.err)
		} else if asked {
			is, why = merge(is, result.addresses), ""
		}
		if len(is) > 0 {
			addresses[host] = is
		}
		if why != "" {
			failed[host] = why
		}
		r.tell(host, known[host], is, before.failed[host], why)
	}
	next := &answers{state: before.state, failed: failed}
	changed := !maps.EqualFunc(known, addresses, slices.Equal)
	if changed {
		next.state = &translate.State{Addresses: addresses}
	}
	r.answers.Store(next)
	return changed
}

// tell logs a change of a host's state: its addresses, and why the newest lookup
// failed, "" when it did not.
func (r *resolver) tell(host string, was, is []netip.Addr, failed, fails string) {
	switch {
	case fails != "" && failed == "" && len(is) == 0:
		r.log.Warn("host name cannot be resolved, its targets are left out", "host", host, "error", fails)
	case fails != "" && failed == "":
		r.log.Warn("host name cannot be resolved any more, its last addresses stay", "host", host, "addresses", is, "error", fails)
	case failed != "" && fails == "":
		r.log.Info("host name is resolved again", "host", host, "addresses", is)
	case was != nil && !slices.Equal(was, is):
		r.log.Info("host name has other addresses", "host", host, "addresses", is, "before", was)
	}
}

// reason is err without what changes from one lookup to the next, such as the
// server that was asked.
func reason(err error) string {
	var d *net.DNSError
	if errors.As(err, &d) {
		return d.Err
	}
	return err.Error()
}

// merge orders addresses, IPv4 first: those of old keep their order and new ones
// follow, so that a name server which turns its answers round changes nothing.
func merge(old, addresses []netip.Addr) []netip.Addr {
	rank := make(map[netip.Addr]int, len(old))
	for i, a := range old {
		rank[a] = i - len(old) // before all that are new
	}
	out := make([]netip.Addr, 0, len(addresses))
	for _, a := range addresses {
		out = append(out, a.Unmap())
	}
	family := func(a netip.Addr) int { return a.BitLen() }
	slices.SortFunc(out, func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(family(a), family(b)), cmp.Compare(rank[a], rank[b]), a.Compare(b))
	})
	return slices.Compact(out)
}
