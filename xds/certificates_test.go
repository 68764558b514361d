package xds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	a.key = a.newKey()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), SerialNumber: big.NewInt(1),
	}
	a.cert = a.made(template, template, a.key, a.key)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) made(template, parent *x509.Certificate, of, by *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &of.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// pair is a certificate in PEM form, and its key.
type pair struct{ cert, key []byte }

// sign makes a certificate for a DNS name, which expires after a time.
func (a *authority) sign(name string, expires time.Duration) pair {
	a.t.Helper()
	key := a.newKey()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	cert := a.made(&x509.Certificate{
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, SerialNumber: serial,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(expires),
	}, a.cert, key, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pair{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}
}

func save(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tlsRig is a server over TLS on loopback.
type tlsRig struct {
	*rig
	address string
	files   TLSFiles
	tls     *TLS
}

// newTLSRig has the server's certificate signed by one authority, and asks clients for
// one of another, if there is one.
func newTLSRig(t *testing.T, servers, clients *authority, o Options) *tlsRig {
	t.Helper()
	dir := t.TempDir()
	r := &tlsRig{files: TLSFiles{Certificate: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}}
	r.replace(t, servers.sign("xds.test", time.Hour))
	if clients != nil {
		r.files.ClientCA = filepath.Join(dir, "ca")
		save(t, r.files.ClientCA, clients.pem())
	}
	var err error
	if r.tls, err = LoadTLS(r.files, o.Logger); err != nil {
		t.Fatal(err)
	}
	o.TLS = r.tls
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = lis.Addr().String()
	r.rig = &rig{t: t, server: NewServer(o)}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(lis) }()
	t.Cleanup(func() {
		r.server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r
}

func (r *tlsRig) replace(t *testing.T, p pair) {
	t.Helper()
	save(t, r.files.Certificate, p.cert)
	save(t, r.files.Key, p.key)
}

// as returns the rig with a connection of a client that has a certificate and trusts an
// authority.
func (r *tlsRig) as(trusts *authority, has ...pair) *rig {
	r.t.Helper()
	config := &tls.Config{ServerName: "xds.test", RootCAs: x509.NewCertPool()}
	config.RootCAs.AddCert(trusts.cert)
	for _, p := range has {
		c, err := tls.X509KeyPair(p.cert, p.key)
		if err != nil {
			r.t.Fatal(err)
		}
		// Sent whichever authorities the server names: what it makes of it is the test.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	}
	return r.over(grpc.WithTransportCredentials(credentials.NewTLS(config)))
}

func (r *tlsRig) over(o grpc.DialOption) *rig {
	r.t.Helper()
	conn, err := grpc.NewClient(r.address, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	return &rig{t: r.t, server: r.server, conn: conn}
}
