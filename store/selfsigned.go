package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// selfSignedDays is how long a certificate for development is valid, and
	// selfSignedLeft how much of it must be left for it to be used again.
	selfSignedDays = 365
	selfSignedLeft = 30 * 24 * time.Hour
)

// SelfSigned returns the files of a certificate for development, made out for names and
// IP addresses, and its key. They are made where dir has none for these names that is
// valid for another month, so that whoever came to trust one need not do so again.
func SelfSigned(dir string, names []string) (certificate, key string, err error) {
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	stem := filepath.Join(dir, "self-signed-"+hex.EncodeToString(sum[:6]))
	certificate, key = stem+".crt", stem+".key"
	if usable(certificate, key) {
		return certificate, key, nil
	}
	pair, err := selfSigned(names, time.Now())
	if err != nil {
		return "", "", fmt.Errorf("make certificate: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", fmt.Errorf("make state dir %q: %w", dir, cause(err))
	}
	for i, path := range []string{key, certificate} {
		if err := replace(path, pair[i]); err != nil {
			return "", "", err
		}
	}
	return certificate, key, nil
}

func usable(certificate, key string) bool {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	return err == nil && time.Until(pair.Leaf.NotAfter) > selfSignedLeft
}

// selfSigned makes a key and its certificate, in PEM.
func selfSigned(names []string, now time.Time) (pair [2][]byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return pair, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0], Organization: []string{"Backworks, for development"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSignedDays * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// Whoever trusts it trusts this one, and nothing that it could sign.
		BasicConstraintsValid: true,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return pair, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return pair, err
	}
	return [2][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}, nil
}

// replace puts a file for this user alone in the place of what is there, at once.
func replace(path string, content []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return fmt.Errorf("write %q: %w", next, cause(err))
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("write %q: %w", path, cause(err))
	}
	return nil
}
