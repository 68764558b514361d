package translate_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// issuer signs tokens and tells its keys.
type issuer struct {
	t   *testing.T
	key *rsa.PrivateKey
	// answer, where it is not nil, answers for the keys instead.
	answer atomic.Pointer[http.HandlerFunc]
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{t: t, key: key}
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (i *issuer) jwks() string {
	e := base64url(big.NewInt(int64(i.key.E)).Bytes())
	return `{"keys":[{"kty":"RSA","kid":"k1","alg":"RS256","use":"sig","n":"` + base64url(i.key.N.Bytes()) + `","e":"` + e + `"}]}`
}

// publicPEM is what an attacker knows of the key.
func (i *issuer) publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	if err != nil {
		i.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// server has the keys at every path.
func (i *issuer) server() *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := i.answer.Load(); f != nil {
			(*f)(w, r)
			return
		}
		_, _ = w.Write([]byte(i.jwks()))
	}))
	i.t.Cleanup(s.Close)
	return s
}

func claimSet(change map[string]any) map[string]any {
	c := map[string]any{"iss": "https://id.example.com", "aud": "api", "sub": "alice", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(c, change)
	for k, v := range c {
		if v == nil {
			delete(c, k)
		}
	}
	return c
}

// token is signed by the issuer, with these claims changed; nil takes one away.
func (i *issuer) token(change map[string]any) string {
	return i.signed(map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"}, change, i.rs256)
}

func (i *issuer) rs256(text []byte) []byte {
	sum := sha256.Sum256(text)
	signature, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, sum[:])
	if err != nil {
		i.t.Fatal(err)
	}
	return signature
}

func hs256(key []byte) func([]byte) []byte {
	return func(text []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(text)
		return h.Sum(nil)
	}
}

// signed is a token with any header and signature.
func (i *issuer) signed(header, change map[string]any, sign func([]byte) []byte) string {
	i.t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		i.t.Fatal(err)
	}
	c, err := json.Marshal(claimSet(change))
	if err != nil {
		i.t.Fatal(err)
	}
	text := base64url(h) + "." + base64url(c)
	return text + "." + base64url(sign([]byte(text)))
}
