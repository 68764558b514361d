package xds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// Peer is who is at the other end of a connection.
type Peer struct {
	// Address is host:port; of a Unix socket it says little.
	Address string
	// Local: the connection came by a Unix socket, whose file says who may use it.
	Local bool
	// Encrypted: the connection is one of TLS.
	Encrypted bool
	// Certificate is the client's, verified; nil: none was asked for.
	Certificate *x509.Certificate
}

// PeerOf returns the peer of a call.
func PeerOf(ctx context.Context) Peer {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Peer{}
	}
	if c, ok := p.AuthInfo.(*connection); ok {
		return c.Peer
	}
	return Peer{Address: p.Addr.String()}
}

// Private says that nobody on the way can read what the peer is sent.
func (p Peer) Private() bool {
	if p.Local || p.Encrypted {
		return true
	}
	from, err := netip.ParseAddrPort(p.Address)
	return err == nil && from.Addr().Unmap().IsLoopback()
}

// Names are the DNS names, URIs and email addresses that the certificate was made out
// for. Each has the form of its kind, so that a name of one kind is never taken for one
// of another. The subject's common name is none of them.
func (p Peer) Names() []string {
	var all []string
	if p.Certificate == nil {
		return nil
	}
	for _, uri := range p.Certificate.URIs {
		if s := uri.String(); uri.Scheme != "" {
			all = append(all, s)
		}
	}
	for _, name := range p.Certificate.DNSNames {
		if !strings.ContainsAny(name, ":/@") {
			all = append(all, strings.ToLower(name))
		}
	}
	for _, address := range p.Certificate.EmailAddresses {
		if strings.Contains(address, "@") {
			all = append(all, address)
		}
	}
	return all
}

// String says who it is: the certificate's names, or the host. It is the same when a
// client comes back.
func (p Peer) String() string {
	if p.Certificate != nil {
		if names := p.Names(); len(names) > 0 {
			return strings.Join(names, ", ")
		}
		return "certificate without SAN: " + p.Certificate.Subject.String()
	}
	if host, _, err := net.SplitHostPort(p.Address); err == nil {
		return host
	}
	return p.Address
}

// connection is what is known of one, for all of its streams.
type connection struct {
	Peer
	streams gate

	mu     sync.Mutex
	opened bucket // of the streams that it may open
}

// open takes note of another stream, and says how long it has to wait.
func (c *connection) open() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened.take(1, 0, time.Now())
}

// AuthType implements credentials.AuthInfo.
func (c *connection) AuthType() string {
	if c.Certificate != nil {
		return "tls"
	}
	return "insecure"
}

// handshaker turns what was accepted into connections: over TLS where that is wanted,
// but for Unix sockets. It implements credentials.TransportCredentials.
type handshaker struct {
	server *Server
	creds  credentials.TransportCredentials // nil: no TLS
	failed atomic.Uint64
}

func newHandshaker(s *Server, t *TLS) *handshaker {
	h := &handshaker{server: s}
	if t != nil {
		h.creds = credentials.NewTLS(&tls.Config{
			MinVersion:         tls.VersionTLS12,
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.now.Load().config, nil },
		})
	}
	return h
}

// ServerHandshake implements credentials.TransportCredentials.
func (h *handshaker) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	l := h.server.limits
	c := &connection{
		streams: newGate(l.ConnectionStreams, &h.server.admission.connections),
		opened:  newBucket(l.RequestRate, l.ConnectionStreams+l.RequestRate, time.Now()),
	}
	c.Address, c.Local = raw.RemoteAddr().String(), raw.LocalAddr().Network() == "unix"
	if h.creds == nil || c.Local {
		return raw, c, nil
	}
	conn, info, err := h.creds.ServerHandshake(raw)
	if err != nil {
		h.fail(c.Peer, err)
		return nil, nil, err
	}
	c.Encrypted = true
	// Where no certificate was asked for there are no chains.
	if state, ok := info.(credentials.TLSInfo); ok && len(state.State.VerifiedChains) > 0 {
		c.Certificate = state.State.VerifiedChains[0][0]
	}
	return conn, c, nil
}

// fail counts a handshake that failed, and tells of it once. What just looks whether
// the port is open, as load balancers do, has not failed.
func (h *handshaker) fail(p Peer, err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return
	}
	h.failed.Add(1)
	if h.server.told.first("handshake", p.String(), err.Error()) {
		h.server.log.Warn("TLS handshake failed; once more is not told", "peer", p.Address, "error", err)
	}
}

// ClientHandshake implements credentials.TransportCredentials: this is for servers.
func (h *handshaker) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.ErrUnsupported
}

// Info implements credentials.TransportCredentials.
func (h *handshaker) Info() credentials.ProtocolInfo { return credentials.ProtocolInfo{} }

// Clone implements credentials.TransportCredentials.
func (h *handshaker) Clone() credentials.TransportCredentials { return h }

// OverrideServerName implements credentials.TransportCredentials.
func (h *handshaker) OverrideServerName(string) error { return errors.ErrUnsupported }
