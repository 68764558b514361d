package fleet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"backworks/envoy"
	"backworks/xds"
)

// AdminKey is the key of a node's metadata under which it says where its admin interface
// listens: host:port or unix:///path.
const AdminKey = "backworks.admin_address"

// AdminTrust says which of the addresses are asked that nodes say. Whoever may open a
// stream says where we connect to: TrustOwn allows the peer's own IP alone, and for peers of
// this machine what is on this machine.
type AdminTrust string

// The trusts; the zero value is TrustOwn.
const (
	TrustOwn  AdminTrust = "own"
	TrustAny  AdminTrust = "any"
	TrustNone AdminTrust = "none"
)

const (
	// maxFound bounds the Envoys that are asked because they said where: each is asked
	// every second.
	maxFound = 100
	// foundKept is how long one is asked on that is neither connected nor answers.
	foundKept = 5 * time.Minute
	// foundAnswer bounds what one may answer: 1,000 clusters are 18 MB.
	foundAnswer = 32 << 20
)

// nodeAdmins are the admin interfaces that nodes told of.
type nodeAdmins struct {
	trust AdminTrust
	mu    sync.Mutex
	nodes map[string]*foundNode // by id
}

// foundNode is a node that said where its admin interface is.
type foundNode struct {
	stream  uint64 // 0: it is gone
	gone    time.Time
	address envoy.Address
	admin   *admin // nil: it is not asked
	why     string
}

// event takes note of nodes that come and go.
func (f *nodeAdmins) event(e xds.Event) {
	switch e.Kind {
	case xds.Connected:
		said, is := e.Node.Metadata[AdminKey].(string)
		if is && said != "" && e.Node.ID != "" && f.trust != TrustNone && dialectOf(e.Node) == EnvoyDialect {
			f.came(e, envoy.Address(said))
		}
	case xds.Disconnected:
		f.mu.Lock()
		defer f.mu.Unlock()
		if n := f.nodes[e.Node.ID]; n != nil && n.stream == e.Stream {
			n.stream, n.gone = 0, time.Now()
			if n.admin == nil {
				delete(f.nodes, e.Node.ID)
			}
		}
	}
}

func (f *nodeAdmins) came(e xds.Event, said envoy.Address) {
	address, err := ownAddress(said, e.Peer, f.trust)
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[e.Node.ID]
	if n != nil && n.admin != nil && n.address == address && err == nil {
		n.stream = e.Stream
		return
	}
	n = &foundNode{stream: e.Stream, address: said}
	asked := 0
	for id, x := range f.nodes {
		if x.admin != nil && id != e.Node.ID {
			asked++
		}
	}
	switch {
	case err != nil:
		n.why = err.Error()
	case asked >= maxFound:
		n.why = fmt.Sprintf("%d Envoys are asked already that said where", maxFound)
	default:
		n.address, n.admin = address, newAdmin(address)
		n.admin.node = e.Node.ID
		n.admin.is.Admin.Bound(foundAnswer)
	}
	f.nodes[e.Node.ID] = n
}

// admins are those to be asked, by the ids of their nodes, without the ones that are asked
// anyway.
func (f *nodeAdmins) admins(anyway []envoy.Address, now time.Time) (all []*admin) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, n := range f.nodes {
		switch {
		case n.stream == 0 && now.Sub(n.gone) > foundKept && !n.admin.answers():
			delete(f.nodes, id)
		case n.admin != nil && !slices.Contains(anyway, n.address):
			all = append(all, n.admin)
		}
	}
	slices.SortFunc(all, func(a, b *admin) int { return strings.Compare(a.node, b.node) })
	return all
}

// NodeAdmin is what a node said of its admin interface.
type NodeAdmin struct {
	Address envoy.Address `json:"address"`
	// Error is why it is not asked, or does not answer; "" when it does.
	Error string `json:"error"`
}

// of is what a node said; nil: nothing.
func (f *nodeAdmins) of(node string) *NodeAdmin {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[node]
	if n == nil {
		return nil
	}
	out := &NodeAdmin{Address: n.address, Error: n.why}
	if n.admin != nil {
		out.Error = n.admin.failure()
	}
	return out
}

// ownAddress is an address that a peer said, if it may be asked. One that listens on all
// its addresses is asked at the one that the peer has.
func ownAddress(said envoy.Address, peer string, trust AdminTrust) (envoy.Address, error) {
	network, target, err := said.Split()
	if err != nil {
		return "", err
	}
	from, local := peerIP(peer)
	if network == "unix" {
		if trust != TrustAny && !local {
			return "", errors.New("a Unix socket of another machine cannot be asked")
		}
		return said, nil
	}
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return "", err
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	ip = ip.Unmap()
	switch {
	case err == nil && ip.IsUnspecified() && from.IsValid():
		ip = from
	case err == nil && ip.IsUnspecified():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case trust == TrustAny:
		return envoy.Address(net.JoinHostPort(host, port)), nil
	case err != nil:
		return "", errors.New("it is a name: only the node's own IP address is asked")
	case ip.IsLoopback() && !local:
		return "", errors.New("a loopback address of another machine cannot be asked")
	case !ip.IsLoopback() && ip != from:
		return "", fmt.Errorf("it is not the node's own address, which is %s", peer)
	}
	return envoy.Address(net.JoinHostPort(ip.String(), port)), nil
}

// peerIP is the address of a peer, and whether it is of this machine: by a Unix socket,
// which has none, or by loopback.
func peerIP(peer string) (ip netip.Addr, local bool) {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return netip.Addr{}, true
	}
	ip = at.Addr().Unmap()
	return ip, ip.IsLoopback()
}
