package xds

import (
	"net"
	"net/netip"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/grpc/codes"
)

// from is a listener whose clients come from an address.
type from struct {
	net.Listener
	address string
}

type fromConn struct {
	net.Conn
	address net.Addr
}

func (f from) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return fromConn{c, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.address))}, nil
}

func (c fromConn) RemoteAddr() net.Addr { return c.address }

// Private keys go to nobody in plaintext beyond this machine: the stream ends, saying why,
// before any of what they belong to is sent; it is told once. What holds none goes out.
func TestPrivateKeysInPlaintext(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		var log journal
		far := newRigFrom(t, "192.0.2.9:1", Options{Logger: log.logger()})
		authorities := made(&tlsv3.Secret{Name: "ca", Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: "pem"}},
		}}}, "ca")
		far.publish("1", cluster("a", 0), authorities)
		c := far.asks(delta, "n")
		c.ack(c.want(typeCluster, "a"))
		far.publish("2", cluster("a", 1), authorities, secret("key", "s3cret"))
		c.ended(codes.FailedPrecondition, "holds private keys")
		for range 3 {
			again := far.asks(delta, "n")
			again.ended(codes.FailedPrecondition, "holds private keys")
		}
		if n := far.server.Figures().Ended[Plaintext]; n != 4 || log.count("stream ended") != 1 || log.count("s3cret") != 0 {
			t.Errorf("%d were counted, %d told", n, log.count("stream ended"))
		}
		far.publish("3", cluster("a", 2), authorities)
		c = far.asks(delta, "n")
		c.ack(c.want(typeCluster, "a"))
	})
}

// They go to whoever came by TLS.
func TestPrivateKeysByTLS(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		a := newAuthority(t, "a")
		r := newTLSRig(t, a, a, Options{})
		r.publish("1", secret("key", "s3cret"))
		c := r.as(a, a.sign("one", time.Hour)).connect(delta, "n")
		c.send(say{url: typeSecret, names: []string{"key"}})
		c.want(typeSecret, "key")
	})
}

func TestPrivatePeers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		peer Peer
		want bool
	}{
		{Peer{Address: "127.0.0.1:1"}, true},
		{Peer{Address: "[::1]:1"}, true},
		{Peer{Address: "[::ffff:127.0.0.1]:1"}, true},
		{Peer{Address: "@", Local: true}, true},
		{Peer{Address: "192.0.2.1:1", Encrypted: true}, true},
		{Peer{Address: "192.0.2.1:1"}, false},
		{Peer{Address: "[2001:db8::1]:1"}, false},
		{Peer{Address: "[::ffff:192.0.2.1]:1"}, false},
		{Peer{Address: "0.0.0.0:1"}, false},
		{Peer{}, false},
	} {
		if got := c.peer.Private(); got != c.want {
			t.Errorf("%+v: %v", c.peer, got)
		}
	}
}
