package xds

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// journal is a log that is read by tests.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.b.String(), text)
}

func (j *journal) logger() hclog.Logger { return hclog.New(&hclog.LoggerOptions{Output: j}) }

// refused waits for an error of a new stream.
func (r *rig) refused(code codes.Code) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(r.conn).StreamAggregatedResources(ctx)
	if err == nil {
		_ = stream.Send(&discoveryv3.DiscoveryRequest{TypeUrl: typeCluster})
		_, err = stream.Recv()
	}
	if status.Code(err) != code {
		r.t.Errorf("got %v, want %s", err, code)
	}
}

// A client is let in by the certificate of the right authority alone, while it is valid.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	servers, clients, others := newAuthority(t, "servers"), newAuthority(t, "clients"), newAuthority(t, "clients")
	var log journal
	r := newTLSRig(t, servers, clients, Options{Logger: log.logger()})
	r.publish("1", cluster("a", 0))
	good := clients.sign("edge-1", time.Hour)
	for name, c := range map[string]*rig{
		"of another authority":          r.as(servers, others.sign("edge-1", time.Hour)),
		"of the servers' authority":     r.as(servers, servers.sign("edge-1", time.Hour)),
		"expired":                       r.as(servers, clients.sign("edge-1", -time.Minute)),
		"none":                          r.as(servers),
		"a server that is not trusted":  r.as(others, good),
		"plaintext":                     r.over(grpc.WithTransportCredentials(insecure.NewCredentials())),
		"expired, and once more of it":  r.as(servers, clients.sign("edge-1", -time.Minute)),
		"of another authority, as well": r.as(servers, others.sign("edge-1", time.Hour)),
	} {
		t.Run(name, func(t *testing.T) { c.refused(codes.Unavailable) })
	}
	until(t, "failed handshakes are counted", func() bool { return r.server.Figures().FailedHandshakes >= 7 })
	if log.count("expired") != 1 {
		t.Errorf("%d lines tell of the expired one", log.count("expired"))
	}
	for _, delta := range []bool{false, true} {
		c := r.as(servers, good).connect(delta, "n")
		c.send(say{url: typeCluster})
		c.want(typeCluster, "a")
	}
}

// Where no authority is given no certificate is asked for, and none is believed.
func TestServerCertificateAlone(t *testing.T) {
	t.Parallel()
	servers := newAuthority(t, "servers")
	var mu sync.Mutex
	var peers []Peer
	r := newTLSRig(t, servers, nil, Options{Permit: func(ctx context.Context, _ Node) error {
		mu.Lock()
		defer mu.Unlock()
		peers = append(peers, PeerOf(ctx))
		return nil
	}})
	r.publish("1", cluster("a", 0))
	for _, c := range []*rig{r.as(servers), r.as(servers, servers.sign("edge-1", time.Hour))} {
		c := c.connect(true, "n")
		c.send(say{url: typeCluster})
		c.want(typeCluster, "a")
	}
	if len(peers) != 2 || slices.ContainsFunc(peers, func(p Peer) bool {
		return p.Certificate != nil || p.Local || !strings.HasPrefix(p.Address, "127.0.0.1:")
	}) {
		t.Errorf("%+v", peers)
	}
}

// A Unix socket is guarded by its file, also where TCP takes TLS.
func TestUnixSocketBesideTLS(t *testing.T) {
	t.Parallel()
	servers := newAuthority(t, "servers")
	peers := make(chan Peer, 1)
	r := newTLSRig(t, servers, servers, Options{Permit: func(ctx context.Context, _ Node) error {
		peers <- PeerOf(ctx)
		return nil
	}})
	r.publish("1", cluster("a", 0))
	dir, err := os.MkdirTemp("", "xds") // short: a socket's path has under 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	lis, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	go r.server.Serve(lis)
	r.address = "unix://" + dir + "/s"
	c := r.over(grpc.WithTransportCredentials(insecure.NewCredentials())).connect(true, "n")
	c.send(say{url: typeCluster})
	c.want(typeCluster, "a")
	if p := <-peers; !p.Local || p.Certificate != nil {
		t.Errorf("%+v", p)
	}
}

// TLS 1.2 or later, and HTTP/2 agreed by ALPN.
func TestTLSVersions(t *testing.T) {
	t.Parallel()
	servers := newAuthority(t, "servers")
	r := newTLSRig(t, servers, nil, Options{})
	for name, c := range map[string]struct {
		config *tls.Config
		good   bool
	}{
		"1.1":            {&tls.Config{MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11, NextProtos: []string{"h2"}}, false},
		"1.2":            {&tls.Config{MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}, true},
		"1.3":            {&tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}}, true},
		"other protocol": {&tls.Config{NextProtos: []string{"http/1.1"}}, false},
	} {
		c.config.InsecureSkipVerify = true
		conn, err := tls.Dial("tcp", r.address, c.config)
		if err == nil && !c.good { // told by the end of the connection
			_, err = conn.Read(make([]byte, 1))
		}
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		if c.good && conn.ConnectionState().NegotiatedProtocol != "h2" {
			t.Errorf("%s: agreed on %q", name, conn.ConnectionState().NegotiatedProtocol)
		}
		if conn != nil {
			conn.Close()
		}
	}
}

// presented is the serial number of the certificate that the server shows now.
func (r *tlsRig) presented(t *testing.T) string {
	t.Helper()
	conn, err := tls.Dial("tcp", r.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// New files hold for new handshakes; streams go on; what is broken is refused, told
// once, and what was good kept.
func TestCertificatesRotate(t *testing.T) {
	t.Parallel()
	servers, clients, newer := newAuthority(t, "servers"), newAuthority(t, "clients"), newAuthority(t, "newer")
	var log journal
	r := newTLSRig(t, servers, clients, Options{Logger: log.logger()})
	r.publish("1", cluster("a", 0))
	old := r.as(servers, clients.sign("edge-1", time.Hour))
	c := old.connect(true, "n")
	c.send(say{url: typeCluster})
	c.ack(c.want(typeCluster, "a"))

	// 1. The same again is nothing new.
	first := r.presented(t)
	r.tls.Reload()
	if r.presented(t) != first || log.count("read again") != 0 {
		t.Error("what did not change counts as new")
	}
	// 2. One file of two, or nonsense, or one that expired: the old pair stays.
	next := servers.sign("xds.test", 2*time.Hour)
	for i, p := range []pair{{next.cert, mustRead(t, r.files.Key)}, {[]byte("nonsense"), next.key}, servers.sign("xds.test", -time.Minute)} {
		r.replace(t, p)
		r.tls.Reload()
		r.tls.Reload()
		if r.presented(t) != first || log.count("certificate files are refused") != i+1 {
			t.Errorf("%d: not refused, or told %d times", i, log.count("certificate files are refused"))
		}
	}
	if err := os.Remove(r.files.Key); err != nil {
		t.Fatal(err)
	}
	r.tls.Reload()
	if r.presented(t) != first {
		t.Error("without a key there is another certificate")
	}
	// 3. A whole pair, and another authority for clients.
	r.replace(t, next)
	save(t, r.files.ClientCA, append([]byte("# clients\n"), newer.pem()...))
	before := r.tls.Expires()
	r.tls.Reload()
	if r.presented(t) == first || log.count("read again") != 1 || !r.tls.Expires().After(before) {
		t.Error("the new pair is not shown")
	}
	r.as(servers, clients.sign("edge-1", time.Hour)).refused(codes.Unavailable)
	d := r.as(servers, newer.sign("edge-2", time.Hour)).connect(false, "m")
	d.send(say{url: typeCluster})
	d.want(typeCluster, "a")
	// 4. The stream from before goes on, and so do new ones on its connection.
	r.publish("2", cluster("b", 0))
	c.ack(c.want(typeCluster, "b"))
	e := old.connect(false, "o")
	e.send(say{url: typeCluster})
	e.want(typeCluster, "b")
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestLoadTLSRefuses(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "a")
	good, dir := a.sign("xds.test", time.Hour), t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		save(t, path, text)
		return path
	}
	cert, key := file("cert", good.cert), file("key", good.key)
	late := a.sign("xds.test", -time.Minute)
	for want, f := range map[string]TLSFiles{
		`cert.none": no such file`:              {cert + ".none", key, ""},
		"private key does not match":            {file("other", a.sign("x", time.Hour).cert), key, ""},
		"it expired at 2":                       {file("late", late.cert), file("latekey", late.key), ""},
		"there is no certificate in PEM form":   {cert, key, file("empty", nil)},
		`certificate authorities "` + dir + "/": {cert, key, file("half", append(a.pem(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"...))},
	} {
		if _, err := LoadTLS(f, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", want, err)
		}
	}
	if _, err := LoadTLS(TLSFiles{cert, key, file("ca", a.pem())}, nil); err != nil {
		t.Error(err)
	}
}
