package blueprints

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// jwk is a key of a JSON Web Key Set (RFC 7517), in what makes it one.
type jwk struct {
	Kty, Alg           string
	N, E, Crv, X, Y, K string
	D                  string
}

// jwksFault says what is wrong with a key set, or is empty: Envoy refuses the whole
// listener for one. It never repeats a key.
func jwksFault(text string) string {
	var set struct{ Keys []jwk }
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return `must be a JSON Web Key Set as {"keys": [...]}, or file:PATH of one`
	}
	if len(set.Keys) == 0 {
		return `must have at least one key in "keys"`
	}
	for i := range set.Keys {
		if fault := set.Keys[i].fault(); fault != "" {
			return "keys[" + strconv.Itoa(i) + "] " + fault
		}
	}
	return ""
}

// minHMAC is how long a shared key must be: as long as the shortest hash (RFC 7518, 3.2).
const minHMAC = 32

func (k *jwk) fault() string {
	var parts []string
	switch k.Kty {
	case "RSA":
		parts = []string{k.N, k.E}
	case "EC":
		parts = []string{k.Crv, k.X, k.Y}
	case "OKP":
		parts = []string{k.Crv, k.X}
	case "oct":
		if b, err := decode64(k.K); err != nil || len(b) < minHMAC {
			return "must have at least 32 bytes in k, in base64url"
		}
		return ""
	default:
		return `must have "kty": "RSA", "EC", "OKP" or "oct"`
	}
	if k.D != "" {
		return "is a private key: take d and what else is private out, Envoy needs the public key alone"
	}
	for _, p := range parts {
		if b, err := decode64(p); err != nil && p != k.Crv || len(b) == 0 && p != k.Crv || p == "" {
			return "lacks a part of an " + k.Kty + " key, or has one that is not base64url"
		}
	}
	return ""
}

func decode64(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}
