package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"time"
)

// What clients of plugins that ask for credentials have.
const (
	apiKey   = "0123456789abcdef0123456789abcdef"
	password = "wonderland"
	hmacKey  = "0123456789abcdef0123456789abcdef"
)

// keySet has the key of token.
var keySet = `{"keys": [{"kty": "oct", "kid": "one", "alg": "HS256", "k": "` + base64.RawURLEncoding.EncodeToString([]byte(hmacKey)) + `"}]}`

// token is good for an hour.
func token() string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // maps of words and numbers
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": "HS256", "kid": "one", "typ": "JWT"}) + "." +
		part(map[string]any{"iss": "me", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix()})
	mac := hmac.New(sha256.New, []byte(hmacKey))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// selfSigned is a certificate for localhost and its key, in PEM.
func selfSigned() (cert, key string) {
	must := func(err error) {
		if err != nil {
			panic(err) // there is no input
		}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	must(err)
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", raw)
}
