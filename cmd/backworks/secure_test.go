package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"backworks/envoy"
	"backworks/envoy/testport"
)

// secured is a site with certificates for both sides.
type secured struct {
	*site
	servers, clients *authority
	xds              string
}

const uri = "spiffe://example.org/edge/1"

// newSecured has the Envoy edge-1 by its certificate's URI.
func newSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{site: newSite(t), servers: newAuthority(t, "servers"), clients: newAuthority(t, "clients"), xds: testport.Address(t)}
	s.write("xds/ca.crt", s.clients.pem)
	s.write("envoy/ca.crt", s.servers.pem)
	s.pair("xds", s.servers, "xds.test")
	s.pair("envoy", s.clients, uri)
	s.grant("edge-*")
	return s
}

// pair replaces the certificate and the key in a folder, one after the other.
func (s *secured) pair(folder string, by *authority, name string) {
	s.Helper()
	cert, key := by.issue(name, time.Hour)
	s.write(folder+"/tls.crt", cert)
	s.write(folder+"/tls.key", key)
}

func (s *secured) grant(ids string) {
	s.Helper()
	s.write("xds/authorize.yaml", fmt.Sprintf("- {san: %q, ids: [%q], clusters: [edge]}\n", uri, ids))
}

// serveTLS starts the management server; more is what clients must show.
func (s *secured) serveTLS(more ...string) *process {
	s.Helper()
	return s.run(append([]string{"start", "--watch", "--envoy", "none", "--state-dir", "s", "--admin-listen", "127.0.0.1:0", "--xds-listen", s.xds,
		"--xds-cert", "xds/tls.crt", "--xds-key", "xds/tls.key"}, more...)...).live()
}

func mutual() []string {
	return []string{"--xds-client-ca", "xds/ca.crt", "--xds-authorize", "xds/authorize.yaml"}
}

// bootstrapped starts an Envoy on a bootstrap of ours.
func (s *secured) bootstrapped(args ...string) {
	s.Helper()
	file := filepath.Join(s.dir, "envoy.yaml")
	got := call(append([]string{"bootstrap", "--node-id", "edge-1", "--node-cluster", "edge", "--xds", s.xds, "-o", file,
		"--xds-ca", filepath.Join(s.dir, "envoy/ca.crt"), "--xds-server-name", "xds.test"}, args...)...)
	if got != (called{}) {
		s.Fatalf("%+v", got)
	}
	s.validated(file)
	s.envoyOn(file)
}

// printed is bootstrapped by what is printed, which names the certificates themselves.
func (s *secured) printed(args ...string) {
	s.Helper()
	got := call(append([]string{"bootstrap", "--node-id", "edge-1", "--node-cluster", "edge", "--xds", s.xds,
		"--xds-ca", filepath.Join(s.dir, "envoy/ca.crt"), "--xds-server-name", "xds.test"}, args...)...)
	if got.code != 0 || strings.Contains(got.out, "path_config_source") {
		s.Fatalf("%+v", got)
	}
	s.write("envoy.yaml", got.out)
	s.validated(filepath.Join(s.dir, "envoy.yaml"))
	s.envoyOn(filepath.Join(s.dir, "envoy.yaml"))
}

func (s *secured) validated(file string) {
	s.Helper()
	out, err := exec.Command(s.envoy, "--mode", "validate", "-c", file).CombinedOutput()
	if err != nil || len(envoy.Deprecated(string(out))) > 0 {
		s.Fatalf("%v: %s", err, out)
	}
}

func (s *secured) ownPair() []string {
	return []string{"--xds-cert", filepath.Join(s.dir, "envoy/tls.crt"), "--xds-key", filepath.Join(s.dir, "envoy/tls.key")}
}

// claims opens a stream as a node and gives the status that it ends with; OK: it was
// answered.
func (s *secured) claims(id, cluster string, by *authority, name string, expires time.Duration) *status.Status {
	s.Helper()
	cert, err := tls.X509KeyPair(pair(by.issue(name, expires)))
	if err != nil {
		s.Fatal(err)
	}
	config := &tls.Config{ServerName: "xds.test", RootCAs: x509.NewCertPool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }}
	config.RootCAs.AddCert(s.servers.cert)
	if !config.RootCAs.AppendCertsFromPEM([]byte(s.servers.pem)) {
		s.Fatal("no authority")
	}
	conn, err := grpc.NewClient(s.xds, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err == nil {
		_ = stream.Send(&discoveryv3.DeltaDiscoveryRequest{
			Node: &corev3.Node{Id: id, Cluster: cluster}, TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
		})
		_, err = stream.Recv()
	}
	return status.Convert(err)
}

func pair(cert, key string) ([]byte, []byte) { return []byte(cert), []byte(key) }

// Each variant of a bootstrap with TLS is taken by an Envoy that follows edits with it.
func TestEnvoysOverTLS(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"", "--sotw"} {
		for _, both := range []bool{false, true} {
			t.Run(fmt.Sprint("bootstrap ", variant, " mutual ", both), func(t *testing.T) {
				t.Parallel()
				s := newSecured(t)
				s.serve("one")
				var server, client []string
				if both {
					server, client = mutual(), s.ownPair()
				}
				if variant != "" {
					client = append(client, variant)
				}
				p := s.serveTLS(server...)
				const warning = "xDS clients are not asked for certificates"
				if !both {
					s.tells(p, warning)
				}
				if both == (variant == "") {
					s.bootstrapped(client...)
				} else {
					s.printed(client...)
				}
				s.until(func() error { return s.says("one") })
				s.serve("two")
				s.until(func() error { return s.says("two") })
				if both && strings.Contains(p.err.String(), warning) {
					t.Error("it warns")
				}
			})
		}
	}
}

// A wrong authority, an expired certificate and a stolen id are refused; others are not.
func TestStolenIdentities(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	s.serve("one")
	p := s.serveTLS(mutual()...)
	for name, c := range map[string]struct {
		got  *status.Status
		code codes.Code
		says string
	}{
		"itself":            {s.claims("edge-1", "edge", s.clients, uri, time.Hour), codes.OK, ""},
		"a wrong authority": {s.claims("edge-1", "edge", newAuthority(t, "clients"), uri, time.Hour), codes.Unavailable, ""},
		"expired":           {s.claims("edge-1", "edge", s.clients, uri, -time.Minute), codes.Unavailable, ""},
		"a stolen id":       {s.claims("core-1", "edge", s.clients, uri, time.Hour), codes.PermissionDenied, `may not claim node "core-1" of cluster "edge"`},
		"a stolen cluster":  {s.claims("edge-1", "core", s.clients, uri, time.Hour), codes.PermissionDenied, "may not claim"},
		"somebody else":     {s.claims("edge-1", "edge", s.clients, "spiffe://example.org/core/1", time.Hour), codes.PermissionDenied, "no grant is for this certificate"},
	} {
		if c.got.Code() != c.code || !strings.Contains(c.got.Message(), c.says) {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	s.until(func() error {
		_, body, err := get(p.admin() + "/metrics")
		for _, line := range []string{`backworks_xds_ended_streams_total{reason="not_allowed"} 3`, "backworks_xds_certificate_expiry_timestamp_seconds 1."} {
			if err == nil && !strings.Contains(body, "\n"+line) {
				err = fmt.Errorf("no line %s", line)
			}
		}
		return err
	})
	if n := strings.Count(p.err.String(), "certificate has expired"); n != 1 {
		t.Errorf("the expired certificate is told %d times", n)
	}
}

// A right that is taken away ends the stream, one that is given lets the Envoy in, and
// a file with mistakes changes nothing. All without --watch, which is for blueprints.
func TestGrantsAreReadAgain(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	s.serve("one")
	p := s.serveTLS(mutual()...)
	s.bootstrapped(s.ownPair()...)
	s.until(func() error { return s.says("one") })
	s.write("xds/authorize.yaml", "- {san: a, idz: b}\n")
	s.tells(p, "xds/authorize.yaml:1:12: [0].idz: is not a known key")
	s.serve("two")
	s.until(func() error { return s.says("two") })
	s.grant("other-*")
	s.tells(p, "not_allowed_any_more")
	s.serve("three")
	s.tells(p, "reason=not_allowed ") // it comes back, and is not let in
	s.mustSay("two")
	s.grant("edge-1")
	s.until(func() error { return s.says("three") })
}

// tells waits for a text in the log.
func (s *secured) tells(p *process, text string) {
	s.Helper()
	s.until(func() error { return p.logged(text) })
}

func (p *process) logged(text string) error {
	if !strings.Contains(p.err.String(), text) {
		return fmt.Errorf("the log has no %q", text)
	}
	return nil
}

// Certificates of both sides are replaced under a running Envoy: its stream goes on, and
// when it has to connect again it does so with the new ones.
func TestCertificatesRotate(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	s.serve("one")
	p := s.serveTLS(mutual()...)
	s.bootstrapped(s.ownPair()...)
	s.until(func() error { return s.says("one") })

	// Nobody trusts the authorities from before any more.
	oldServers, oldClients := s.servers, s.clients
	s.servers, s.clients = newAuthority(t, "new servers"), newAuthority(t, "new clients")
	s.write("envoy/ca.crt", s.servers.pem)
	s.pair("envoy", s.clients, uri)
	s.write("xds/ca.crt", s.clients.pem)
	s.pair("xds", s.servers, "xds.test")
	s.until(func() error {
		if got := s.claims("edge-2", "edge", s.clients, uri, time.Hour); got.Code() != codes.OK {
			return got.Err()
		}
		return nil
	})
	if got := s.claims("edge-2", "edge", oldClients, uri, time.Hour); got.Code() != codes.Unavailable {
		t.Errorf("the old authority: %v", got)
	}
	if regexp.MustCompile(`nodes disconnected: .*"?edge-1\b`).MatchString(p.err.String()) {
		t.Error("the stream was dropped")
	}
	s.serve("two")
	s.until(func() error { return s.says("two") })

	// A new pair that is broken is refused.
	s.write("xds/tls.crt", "nonsense")
	s.tells(p, "those from before are kept")
	s.pair("xds", oldServers, "xds.test")
	s.pair("xds", s.servers, "xds.test")

	p.signal(syscall.SIGKILL)
	<-p.ended
	s.serve("three")
	s.serveTLS(mutual()...)
	s.until(func() error { return s.says("three") })
}
