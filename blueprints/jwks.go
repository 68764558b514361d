package blueprints

import (
	"encoding/base64"
	"encoding/json"
	"slices"
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

// SharedKeys says that some provider signs with a key that it shares with the proxy.
func (j *JWT) SharedKeys() bool {
	return j != nil && slices.ContainsFunc(j.Providers, func(p *JWTProvider) bool { return publicKeys(p.JWKS) != p.JWKS })
}

// publicKeys is a set without its shared keys; the set itself where it has none.
func publicKeys(text string) string {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal([]byte(text), &set) != nil {
		return text
	}
	n := len(set.Keys)
	set.Keys = slices.DeleteFunc(set.Keys, func(raw json.RawMessage) bool {
		var k jwk
		return json.Unmarshal(raw, &k) != nil || k.Kty == "oct"
	})
	if len(set.Keys) == n {
		return text
	}
	out, err := json.Marshal(set)
	if err != nil {
		panic("blueprints: marshal keys: " + err.Error()) // they were read as JSON
	}
	return string(out)
}

// WithoutSecrets is b for readers: without what clients of the plugin auth alone know,
// so that it lets none of them in. Whether there was any is the second result.
func (b *Blueprint) WithoutSecrets() (*Blueprint, bool) {
	a := b.Policies.Auth
	if a == nil || a.APIKeys == nil && a.Basic == nil && a.OAuth2 == nil && !a.JWT.SharedKeys() {
		return b, false
	}
	bare, auth := *b, *a
	bare.Policies.Auth = &auth
	if a.APIKeys != nil {
		keys := *a.APIKeys
		keys.Clients = nil
		for _, c := range a.APIKeys.Clients {
			keys.Clients = append(keys.Clients, Secret{Position: c.Position, Name: c.Name})
		}
		auth.APIKeys = &keys
	}
	if a.Basic != nil {
		users := *a.Basic
		users.Users = nil
		for _, u := range a.Basic.Users {
			users.Users = append(users.Users, Secret{Position: u.Position, Name: u.Name})
		}
		auth.Basic = &users
	}
	if a.OAuth2 != nil {
		login := *a.OAuth2
		login.ClientSecret = ""
		auth.OAuth2 = &login
	}
	if a.JWT != nil {
		jwt := *a.JWT
		jwt.Providers = nil
		for _, p := range a.JWT.Providers {
			public := *p
			public.JWKS = publicKeys(p.JWKS)
			jwt.Providers = append(jwt.Providers, &public)
		}
		auth.JWT = &jwt
	}
	return &bare, true
}
