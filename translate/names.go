package translate

import (
	"hash/fnv"
	"strconv"
	"strings"

	"backworks/blueprints"
)

// Names of what every blueprint has once. A node has one blueprint only, so
// that a name need not hold the blueprint's.
const (
	// ListenerName is the listener on the blueprint's server address.
	ListenerName = "proxy"
	// quicListener is the same over UDP, and redirectListener leads to it from plain
	// HTTP.
	quicListener     = "proxy_quic"
	redirectListener = "proxy_redirect"
	// RouteName is the route configuration of that listener.
	RouteName = "proxy"
	// AdminCluster is the static cluster of the bootstrap that leads to the
	// management server's admin listener.
	AdminCluster = "backworks_admin"
	// reserved begins the names of clusters that bootstraps define.
	reserved = "backworks_"
)

// ClusterName is the name of a pool's cluster and of its assignment. Pool names
// are unique in a blueprint, so these are.
func ClusterName(p *blueprints.Pool) string { return p.Name }

// routeName names the routes of an endpoint, as in "GET /api/users/{id}".
func routeName(e *blueprints.Endpoint) string {
	m := "ANY"
	if len(e.Methods) > 0 {
		m = strings.Join(e.Methods, "|")
	}
	return m + " " + e.Path.Raw
}

// EndpointName is how an endpoint is called where people read of it; no other of the
// blueprint has the same.
func EndpointName(e *blueprints.Endpoint) string { return routeName(e) }

// RouteStat is the part of the names of Envoy's statistics that stands for an
// endpoint: what vhost.<RouteName>.route.<RouteStat>.upstream_rq_total counts. Dots
// part names of statistics and Envoy replaces colons, so a name with one of them is
// told apart from others by a hash.
func RouteStat(e *blueprints.Endpoint) string {
	name := routeName(e)
	plain := strings.Map(func(r rune) rune {
		if r == '.' || r == ':' || r < ' ' {
			return '_'
		}
		return r
	}, name)
	if plain == name {
		return name
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return plain + "~" + strconv.FormatUint(uint64(h.Sum32()), 36)
}

// ListenerStat is the part of the names of Envoy's statistics that stands for the
// listener: http.<ListenerStat>.downstream_rq_total.
const ListenerStat = statPrefix

// Authority is what a client puts into Host for a target: the port is left out
// where it is the scheme's own.
func Authority(p *blueprints.Pool, t *blueprints.Target) string {
	host := t.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if p.TLS && t.Port == 443 || !p.TLS && t.Port == 80 {
		return host
	}
	return host + ":" + strconv.Itoa(int(t.Port))
}
