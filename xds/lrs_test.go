package xds

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// reporter is a client that reports its load.
type reporter struct {
	t *testing.T
	loadv3.LoadReportingService_StreamLoadStatsClient
}

func (r *rig) reports(node *corev3.Node) *reporter {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	r.t.Cleanup(cancel)
	stream, err := loadv3.NewLoadReportingServiceClient(r.conn).StreamLoadStats(ctx, grpc.MaxCallSendMsgSize(maxRequest))
	if err != nil {
		r.t.Fatal(err)
	}
	p := &reporter{r.t, stream}
	p.send(&loadv3.LoadStatsRequest{Node: node})
	return p
}

func (p *reporter) send(q *loadv3.LoadStatsRequest) {
	p.t.Helper()
	if err := p.Send(q); err != nil {
		p.t.Fatal(err)
	}
}

// asked waits to be asked for reports.
func (p *reporter) asked() *loadv3.LoadStatsResponse {
	p.t.Helper()
	got, err := p.Recv()
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

// ends waits for the end of the stream.
func (p *reporter) ends(want codes.Code) {
	p.t.Helper()
	for {
		if _, err := p.Recv(); err != nil {
			if status.Code(err) != want {
				p.t.Errorf("ended with %v, want %s", err, want)
			}
			return
		}
	}
}

func address(port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

// stats is a cluster with endpoints that each got n requests, the first of them one
// error.
func stats(cluster string, endpoints int, n uint64) *endpointv3.ClusterStats {
	l := &endpointv3.UpstreamLocalityStats{
		TotalIssuedRequests: n * uint64(endpoints), TotalSuccessfulRequests: n*uint64(endpoints) - 1, TotalErrorRequests: 1,
	}
	for i := range endpoints {
		e := &endpointv3.UpstreamEndpointStats{Address: address(uint32(i + 1)), TotalIssuedRequests: n, TotalSuccessfulRequests: n}
		if i == 0 {
			e.TotalSuccessfulRequests, e.TotalErrorRequests = n-1, 1
		}
		l.UpstreamEndpointStats = append(l.UpstreamEndpointStats, e)
	}
	return &endpointv3.ClusterStats{
		ClusterName: cluster, UpstreamLocalityStats: []*endpointv3.UpstreamLocalityStats{l}, TotalDroppedRequests: 2,
		LoadReportInterval: durationpb.New(time.Second),
	}
}

// A client is asked for all, and what it reports is handed on, with its group.
func TestLoadReports(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Group: func(n Node) (string, bool) { return "of " + n.Cluster, true }, LoadEvery: 3 * time.Second})
	got := make(chan LoadReport, 10)
	r.server.NotifyLoad(func(l LoadReport) { got <- l })
	p := r.reports(&corev3.Node{Id: "n", Cluster: "test"})
	if a := p.asked(); !a.SendAllClusters || !a.ReportEndpointGranularity || a.LoadReportingInterval.AsDuration() != 3*time.Second {
		t.Errorf("asked for %v", a)
	}
	p.send(&loadv3.LoadStatsRequest{
		Node:         &corev3.Node{Id: "somebody else"},
		ClusterStats: []*endpointv3.ClusterStats{stats("a", 2, 5), {ClusterName: "idle", LoadReportInterval: durationpb.New(time.Second)}},
	})
	l := <-got
	want := ClusterLoad{
		Cluster: "a", Interval: time.Second, Counts: Counts{Issued: 10, Successes: 9, Errors: 1}, Dropped: 2,
		Endpoints: []EndpointLoad{{"127.0.0.1:1", Counts{Issued: 5, Successes: 4, Errors: 1}}, {"127.0.0.1:2", Counts{Issued: 5, Successes: 5}}},
	}
	if l.Node.ID != "n" || l.Group != "of test" || l.Stream == 0 || len(l.Clusters) != 1 || fmt.Sprint(l.Clusters[0]) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", l, want)
	}
	if n := r.server.LoadStreams(); n != 1 {
		t.Errorf("%d streams", n)
	}
	if err := p.CloseSend(); err != nil {
		t.Fatal(err)
	}
	p.ends(codes.Unknown) // io.EOF: it ended well
	until(t, "the stream is gone", func() bool { return r.server.LoadStreams() == 0 && len(r.server.loads.byNode) == 0 })
}

// A client with new clusters is asked at once, for it counts from then on.
func TestLoadIsAskedForAgain(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", cluster("a", 0))
		mine, other := r.reports(&corev3.Node{Id: "n"}), r.reports(&corev3.Node{Id: "other"})
		mine.asked()
		other.asked()
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster})
		c.ack(c.want(typeCluster, "a"))
		mine.asked()
		r.publish("2", cluster("a", 1))
		c.ack(c.want(typeCluster, "a"))
		asked := make(chan string, 2)
		for who, p := range map[string]*reporter{"another node": other, "one whose cluster changed": mine} {
			go func() {
				if _, err := p.Recv(); err == nil {
					asked <- who
				}
			}()
		}
		select {
		case who := <-asked:
			t.Errorf("%s was asked again", who)
		case <-time.After(stillness):
		}
	})
}

// What a client may not do ends its stream; others go on.
func TestLoadReportsAreChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Permit: func(_ context.Context, n Node) error {
		if n.ID == "stolen" {
			return errors.New("not yours")
		}
		return nil
	}})
	r.reports(nil).ends(codes.InvalidArgument)
	r.reports(&corev3.Node{Id: strings.Repeat("n", maxLoadName+1)}).ends(codes.InvalidArgument)
	r.reports(&corev3.Node{Id: "stolen"}).ends(codes.PermissionDenied)
	p := r.reports(&corev3.Node{Id: "n"})
	p.asked()
	huge := &endpointv3.ClusterStats{ClusterName: string(make([]byte, maxLoadRequest))}
	p.send(&loadv3.LoadStatsRequest{ClusterStats: []*endpointv3.ClusterStats{huge}})
	p.ends(codes.Internal)
}

// A listener that panics ends no stream.
func TestLoadListenerPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	called := make(chan struct{}, 2)
	r.server.NotifyLoad(func(LoadReport) { called <- struct{}{}; panic("listener") })
	p := r.reports(&corev3.Node{Id: "n"})
	p.asked()
	for range 2 {
		p.send(&loadv3.LoadStatsRequest{ClusterStats: []*endpointv3.ClusterStats{stats("a", 1, 1)}})
		<-called
	}
}

// What a report lists is bounded, what it sums up is not.
func TestLoadReportIsBounded(t *testing.T) {
	t.Parallel()
	q := &loadv3.LoadStatsRequest{ClusterStats: []*endpointv3.ClusterStats{stats("a", maxLoadEndpoints+5, 1), stats("b", 1, 1)}}
	for i := range maxLoadClusters {
		q.ClusterStats = append(q.ClusterStats, stats(fmt.Sprint(i), 0, 1))
	}
	text, err := (proto.MarshalOptions{}).Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	var r loadRequest
	if err := r.parse(text); err != nil {
		t.Fatal(err)
	}
	if a := r.clusters[0]; len(a.Endpoints) != maxLoadEndpoints || a.Issued != maxLoadEndpoints+5 || len(r.clusters[1].Endpoints) != 0 {
		t.Errorf("%d endpoints of %+v", len(a.Endpoints), a.Counts)
	}
	long := loadRequest{left: 1}
	if c := long.cluster(stats(strings.Repeat("ü", maxLoadName), 1, 1)); c.Cluster != strings.Repeat("ü", maxLoadName/2) || c.Issued != 1 {
		t.Errorf("a long name became %q", c.Cluster)
	}
	if len(r.clusters) != maxLoadClusters {
		t.Errorf("%d clusters", len(r.clusters))
	}
	if err := new(loadRequest).parse([]byte{0x12, 0x7f}); err == nil {
		t.Error("a broken report: no error")
	}
}

// Who reports without a pause is slowed down; nothing is lost.
func TestLoadReportsAreSlowedDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	times := make(chan time.Time, 10)
	r.server.NotifyLoad(func(LoadReport) { times <- time.Now() })
	p := r.reports(&corev3.Node{Id: "n"})
	for range 4 {
		p.send(&loadv3.LoadStatsRequest{ClusterStats: []*endpointv3.ClusterStats{stats("a", 1, 1)}})
	}
	first := <-times
	<-times
	<-times
	if took := (<-times).Sub(first); took < 3*minLoadRest-minLoadRest/2 {
		t.Errorf("four reports in %v", took)
	}
}

// The more report, the less often each does.
func TestLoadInterval(t *testing.T) {
	t.Parallel()
	s := NewServer(Options{})
	for n, want := range map[int]time.Duration{1: time.Second, loadShare: time.Second, loadShare + 1: 2 * time.Second, 1000: 10 * time.Second, 100_000: maxLoadEvery} {
		if got := s.loadInterval(n); got != want {
			t.Errorf("the client %d reports every %v, want %v", n, got, want)
		}
	}
}
