package blueprints

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// PrivateKey is a key in PEM. It does not show itself, however it is printed.
type PrivateKey []byte

const hidden = "[redacted]"

// String hides the key.
func (PrivateKey) String() string { return hidden }

// GoString hides the key.
func (PrivateKey) GoString() string { return hidden }

// Format hides the key from every verb.
func (PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText hides the key from encoders.
func (PrivateKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Certificate is a certificate with its chain and its key.
type Certificate struct {
	Position
	// File and KeyFile are absolute paths.
	File, KeyFile string
	// Chain is PEM, the certificate itself first.
	Chain []byte
	Key   PrivateKey
	// Names are the DNS names and IP addresses that it is made out for.
	Names []string
	// Expires is when it, or one of its chain, does first.
	Expires time.Time
}

// Authorities are certificates of authorities that are trusted.
type Authorities struct {
	Position
	// File is an absolute path.
	File string
	// Certificates are PEM.
	Certificates []byte
	// Expires is when the last of them does: files of authorities may keep old ones.
	Expires time.Time
}

// maxPEM bounds a file of certificates; the authorities of a whole system have 230 KiB.
const maxPEM = 1 << 20

// pems are contents of files that belong together, such as a certificate and its key,
// and what was read out of them.
type pems struct {
	contents [][]byte
	certs    []*x509.Certificate // of the first file
}

// pemUse is how a part came by its pems.
type pemUse struct {
	paths []string
	seen  [sha256.Size]byte // what the files had
	used  [sha256.Size]byte // what was taken: the same, or what was good before
}

// filePath is that of a file which a blueprint names, relative to its folder.
func (d *decoder) filePath(s str) string {
	path := strings.TrimPrefix(strings.TrimPrefix(s.v, "file:"), "//")
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.dir, path)
	}
	return path
}

// pems reads files that belong together. Where they cannot be used, those that were good
// before stay, with a warning; what there is no such of is an error. So a broken
// renewal neither takes anything down, nor keeps edits of the blueprint back.
func (d *decoder) pems(a at, what string, paths []string, check func(*pems) error) *pems {
	now, err := d.readPEMs(paths)
	use := pemUse{paths, sum(now.contents), sum(now.contents)}
	key := strings.Join(append([]string{what}, paths...), "\x00")
	before := d.good[key]
	if err == nil {
		err = check(now)
	}
	switch {
	case err != nil && before != nil && sum(before.contents) == use.seen:
		now = before // it was good, and has expired since: whoever serves it tells
	case err == nil:
		if d.good != nil {
			d.good[key] = now
		}
	case before != nil:
		d.warn(a, what, " is refused: ", err.Error(), "; the one before is kept, which is valid until ", expiry(before.certs).UTC().Format(time.RFC3339))
		now, use.used = before, sum(before.contents)
	default:
		d.fail(a, what, " cannot be used: ", err.Error())
		now = nil
	}
	d.deps.pems = append(d.deps.pems, use)
	return now
}

func (d *decoder) readPEMs(paths []string) (*pems, error) {
	p := &pems{}
	var first error
	for _, path := range paths {
		content, err := d.readPEM(path)
		if err == nil && len(content) > maxPEM {
			err = errors.New("the file is over 1 MiB")
		}
		if err != nil && first == nil {
			first = fmt.Errorf("%s cannot be read: %s", filepath.Base(path), reason(err))
		}
		p.contents = append(p.contents, content)
	}
	return p, first
}

func readPEM(path string) ([]byte, error) { return readFile(path, maxPEM+1) }

// sum is a hash of contents, each with its length.
func sum(contents [][]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, c := range contents {
		fmt.Fprintf(h, "%d:", len(c))
		h.Write(c)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// again says that the files have what they had.
func (u pemUse) again() bool {
	contents := make([][]byte, len(u.paths))
	for i, path := range u.paths {
		contents[i], _ = readPEM(path)
	}
	return sum(contents) == u.seen
}

// certificate reads a certificate and its key; nil after a problem.
func (d *decoder) certificate(a at, cert, key str) *Certificate {
	if !cert.given() || !key.given() {
		return nil
	}
	c := &Certificate{Position: d.position(a), File: d.filePath(cert), KeyFile: d.filePath(key)}
	p := d.pems(a, "the certificate", []string{c.File, c.KeyFile}, func(p *pems) error { return p.pair(d.now()) })
	if p == nil {
		return nil
	}
	c.Chain, c.Key = p.contents[0], p.contents[1]
	c.Names, c.Expires = names(p.certs[0]), expiry(p.certs)
	return c
}

// pair checks that the first file is a certificate that is valid now, and the second
// its key.
func (p *pems) pair(now time.Time) (err error) {
	if p.certs, err = parseCertificates(p.contents[0]); err != nil {
		return err
	}
	if _, err = tls.X509KeyPair(p.contents[0], p.contents[1]); err != nil {
		return pairFault(err)
	}
	switch key := p.certs[0].PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return errors.New("an RSA key must have 2048 bits or more")
		}
	case *ecdsa.PublicKey:
		if key.Params().BitSize < 256 {
			return errors.New("an elliptic curve key must have 256 bits or more")
		}
	}
	for i, c := range p.certs {
		which := choose(i == 0, "it", "a certificate of its chain")
		switch {
		case now.After(c.NotAfter):
			return fmt.Errorf("%s expired at %s: renew it", which, c.NotAfter.UTC().Format(time.RFC3339))
		case now.Before(c.NotBefore):
			return fmt.Errorf("%s is not valid before %s", which, c.NotBefore.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// pairFault is what crypto/tls says of a pair, in words of ours. Its own may come to
// name what is in the key.
func pairFault(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "does not match"):
		return errors.New("the key is another certificate's")
	case strings.Contains(text, "type mismatch"), strings.Contains(text, "type does not match"):
		return errors.New("the key is of another kind than the certificate's")
	case strings.Contains(text, "ENCRYPTED"):
		return errors.New("the key is encrypted: write it without a password")
	}
	return errors.New("the key is none that can be read: it must be PEM, without a password")
}

// authorities reads certificates of authorities; nil without any, or after a problem.
func (d *decoder) authorities(s str) *Authorities {
	if !s.given() {
		return nil
	}
	a := &Authorities{Position: d.position(s.at), File: d.filePath(s)}
	p := d.pems(s.at, "the file of authorities", []string{a.File}, func(p *pems) (err error) {
		if p.certs, err = parseCertificates(p.contents[0]); err == nil && d.now().After(last(p.certs)) {
			err = fmt.Errorf("it expired at %s: renew it", last(p.certs).UTC().Format(time.RFC3339))
		}
		return err
	})
	if p == nil {
		return nil
	}
	a.Certificates, a.Expires = p.contents[0], last(p.certs)
	return a
}

func parseCertificates(content []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for rest := content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in the file cannot be read: %w", len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("there is no certificate in PEM in the file")
	}
	return certs, nil
}

func names(c *x509.Certificate) []string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

// expiry is the first of all; leaf and chain are sent together.
func expiry(certs []*x509.Certificate) (first time.Time) {
	for _, c := range certs {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

func last(certs []*x509.Certificate) (end time.Time) {
	for _, c := range certs {
		if c.NotAfter.After(end) {
			end = c.NotAfter
		}
	}
	return end
}
