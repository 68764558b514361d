package xds

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// TLSFiles are PEM files, by path.
type TLSFiles struct {
	// Certificate is the server's, with those of its chain; Key is its private key.
	Certificate, Key string
	// ClientCA are the authorities of which one must have signed a client's
	// certificate; "": clients are not asked for one.
	ClientCA string
}

// TLS is what the server shows to clients, and asks of them. Reload may run while the
// server serves.
type TLS struct {
	files TLSFiles
	log   hclog.Logger
	now   atomic.Pointer[material]
	// tried is the content of the files when they were last read: a watcher may tell of
	// one change twice, and what is bad is told once.
	tried [sha256.Size]byte
}

// material is what was made of the files.
type material struct {
	config  *tls.Config
	expires time.Time
}

// LoadTLS reads the files. It fails when they cannot be used: unreadable, no PEM, a key
// of another certificate, a certificate that is not valid now.
func LoadTLS(files TLSFiles, log hclog.Logger) (*TLS, error) {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	t := &TLS{files: files, log: log.Named("xds")}
	contents, err := t.read()
	if err != nil {
		return nil, err
	}
	m, err := t.make(contents)
	if err != nil {
		return nil, err
	}
	t.now.Store(m)
	return t, nil
}

// Paths are the files and their folders, absolute, for who watches them.
func (t *TLS) Paths() []string {
	var all []string
	for _, path := range []string{t.files.Certificate, t.files.Key, t.files.ClientCA} {
		if path == "" {
			continue
		}
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		all = append(all, path)
	}
	return all
}

// Expires is when the server's certificate does.
func (t *TLS) Expires() time.Time { return t.now.Load().expires }

// Reload reads the files again, for the handshakes from now on; connections that there
// are stay as they are. Where the files cannot be used, the log says why, and what was
// good is kept: certificate and key are two files, so that one may be new already and
// the other not yet.
func (t *TLS) Reload() {
	before := t.tried
	contents, err := t.read()
	if err == nil && t.tried == before {
		return
	}
	var m *material
	if err == nil {
		m, err = t.make(contents)
	}
	if err != nil {
		t.log.Error("certificate files are refused, those from before are kept", "error", err, "expires", t.Expires().Format(time.RFC3339))
		return
	}
	t.now.Store(m)
	t.log.Info("certificate files are read again", "file", t.files.Certificate, "expires", m.expires.Format(time.RFC3339))
}

// read returns the contents of the three files.
func (t *TLS) read() (contents [3][]byte, err error) {
	h := sha256.New()
	for i, path := range []string{t.files.Certificate, t.files.Key, t.files.ClientCA} {
		if path == "" {
			continue
		}
		if contents[i], err = os.ReadFile(path); err != nil {
			t.tried = [sha256.Size]byte{}
			return contents, fmt.Errorf("read %q: %w", path, cause(err))
		}
		fmt.Fprintf(h, "%d %d\n", i, len(contents[i]))
		h.Write(contents[i])
	}
	t.tried = [sha256.Size]byte(h.Sum(nil))
	return contents, nil
}

// cause is the operating system's reason without the path, which the message around it
// has already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (t *TLS) make(contents [3][]byte) (*material, error) {
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return nil, fmt.Errorf("read certificate %q with key %q: %w", t.files.Certificate, t.files.Key, err)
	}
	leaf, now := pair.Leaf, time.Now()
	if now.After(leaf.NotAfter) {
		return nil, fmt.Errorf("read certificate %q: it expired at %s", t.files.Certificate, leaf.NotAfter.Format(time.RFC3339))
	}
	if now.Before(leaf.NotBefore) {
		return nil, fmt.Errorf("read certificate %q: it is not valid before %s", t.files.Certificate, leaf.NotBefore.Format(time.RFC3339))
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2"},
		// A resumed session would be judged by what held when it began. Streams last for
		// days, so that there is little to gain from one.
		SessionTicketsDisabled: true,
	}
	if t.files.ClientCA != "" {
		if config.ClientCAs, err = authorities(contents[2]); err != nil {
			return nil, fmt.Errorf("read certificate authorities %q: %w", t.files.ClientCA, err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return &material{config, leaf.NotAfter}, nil
}

// authorities reads all certificates, or none: with half of a file, half of a fleet
// would be locked out.
func authorities(text []byte) (*x509.CertPool, error) {
	pool, count := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		pool.AddCert(c)
		count++
	}
	if count == 0 {
		return nil, errors.New("there is no certificate in PEM form in it")
	}
	return pool, nil
}
