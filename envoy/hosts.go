package envoy

import (
	"context"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// Cluster is one cluster of an Envoy with its hosts, in Envoy's order.
type Cluster struct {
	Name        string
	AddedViaAPI bool
	Hosts       []Host
}

// Host is one host of a cluster. The counters run since the host was added; a
// change of the cluster by CDS starts them anew.
type Host struct {
	Address  string // ip:port, or the path of a socket
	Hostname string // of the endpoint, may be ""
	Weight   int

	RequestsTotal, RequestsSuccess, RequestsError, RequestsTimeout uint64
	RequestsActive                                                 uint64
	ConnectionsTotal, ConnectionsFailed, ConnectionsActive         uint64

	// EDSHealth is the health that the assignment gave: "HEALTHY", "UNHEALTHY",
	// "DRAINING", "DEGRADED"…
	EDSHealth string
	// FailedCheck: active health checks hold the host out.
	FailedCheck bool
	// CheckTimedOut: the check that failed had no answer in time.
	CheckTimedOut bool
	// PendingCheck: its first active check is still to come.
	PendingCheck bool
	// Ejected: outlier detection holds the host out.
	Ejected bool
}

// Healthy tells whether the host is given traffic.
func (h Host) Healthy() bool {
	switch h.EDSHealth {
	case "HEALTHY", "UNKNOWN", "DEGRADED":
		return !h.FailedCheck && !h.PendingCheck && !h.Ejected
	}
	return false
}

// Clusters gives all clusters, static ones included, in Envoy's order.
func (a *Admin) Clusters(ctx context.Context) ([]Cluster, error) {
	return a.clusters(ctx, "/clusters?format=json")
}

// maxFilter bounds the names that are put into a URL.
const maxFilter = 50

// ClustersNamed gives those of the names at least: an Envoy whose release knows no
// filter gives all, and above 50 names all are asked for.
func (a *Admin) ClustersNamed(ctx context.Context, names []string) ([]Cluster, error) {
	if len(names) > maxFilter {
		return a.Clusters(ctx)
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = regexp.QuoteMeta(n)
	}
	return a.clusters(ctx, "/clusters?format=json&filter="+url.QueryEscape("^(?:"+strings.Join(quoted, "|")+")$"))
}

func (a *Admin) clusters(ctx context.Context, path string) ([]Cluster, error) {
	var m adminv3.Clusters
	if err := a.message(ctx, path, &m); err != nil {
		return nil, err
	}
	clusters := make([]Cluster, len(m.ClusterStatuses))
	for i, c := range m.ClusterStatuses {
		clusters[i] = Cluster{Name: c.Name, AddedViaAPI: c.AddedViaApi, Hosts: make([]Host, len(c.HostStatuses))}
		for j, h := range c.HostStatuses {
			clusters[i].Hosts[j] = host(h)
		}
	}
	return clusters, nil
}

func host(m *adminv3.HostStatus) Host {
	health := m.GetHealthStatus()
	h := Host{
		Address:       hostAddress(m.Address),
		Hostname:      m.Hostname,
		Weight:        int(m.Weight),
		EDSHealth:     health.GetEdsHealthStatus().String(),
		FailedCheck:   health.GetFailedActiveHealthCheck(),
		CheckTimedOut: health.GetActiveHcTimeout(),
		PendingCheck:  health.GetPendingActiveHc(),
		Ejected:       health.GetFailedOutlierCheck(),
	}
	fields := map[string]*uint64{
		"rq_total": &h.RequestsTotal, "rq_success": &h.RequestsSuccess, "rq_error": &h.RequestsError,
		"rq_timeout": &h.RequestsTimeout, "rq_active": &h.RequestsActive,
		"cx_total": &h.ConnectionsTotal, "cx_connect_fail": &h.ConnectionsFailed, "cx_active": &h.ConnectionsActive,
	}
	for _, s := range m.Stats {
		if field, ok := fields[s.Name]; ok {
			*field = s.Value
		}
	}
	return h
}

func hostAddress(m *corev3.Address) string {
	if pipe := m.GetPipe(); pipe != nil {
		return pipe.Path
	}
	s := m.GetSocketAddress()
	return net.JoinHostPort(s.GetAddress(), strconv.Itoa(int(s.GetPortValue())))
}
