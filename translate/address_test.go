package translate_test

import (
	"strings"
	"testing"
)

// spoofed is all by which a client could say that it comes from elsewhere, or that it was
// let in already.
var spoofed = []string{
	"X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 4443", "X-Forwarded-Server: evil.example", "X-Forwarded-Prefix: /evil",
	"X-Forwarded-Scheme: https", "X-Forwarded-Protocol: https", "X-Forwarded-Ssl: on", "Front-End-Https: on", "Forwarded: for=6.6.6.6;proto=https;host=evil.example",
	"X-Real-IP: 6.6.6.6", "x-client-ip: 6.6.6.6", "X-Cluster-Client-IP: 6.6.6.6", "True-Client-IP: 6.6.6.6", "CF-Connecting-IP: 6.6.6.6", "Fastly-Client-IP: 6.6.6.6",
	"X-Envoy-External-Address: 6.6.6.6", "X-Envoy-Internal: true", "X-Envoy-Original-Path: /evil", "X-Envoy-Original-Host: evil.example",
	`X-Forwarded-Client-Cert: Hash=00;Subject="CN=evil"`,
}

// TestAddressesAreNotBelieved: what a client says of where it comes from reaches no target
// as a proxy's word, but for its entries of X-Forwarded-For, behind which its address is.
func TestAddressesAreNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWitness(t)
	p := serve(t, `
server: {trusted_hops: 0}
plugins: {proxy: {config: {targets: ["$target"], transform_request: {headers: {X-Seen: "{{client_ip}}"}}}}}
endpoints:
  - {path: /a, handler: proxy}
  - {path: /own, handler: proxy, config: {proxy: {transform_request: {headers: {X-Real-IP: "{{client_ip}}", X-Forwarded-Prefix: /own}}}}}
`, map[string]string{"target": w.url})
	for _, path := range []string{"/a", "/own"} {
		_, body := p.ask(t, "GET", path, append([]string{"X-Forwarded-For: 7.7.7.7, 8.8.8.8", "X-Forwarded-For: 9.9.9.9"}, spoofed...)...)
		for _, bad := range []string{"6.6.6.6", "evil", "https", "4443", ": on", ": true"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s: a target sees %s:\n%s", path, bad, body)
			}
		}
		// For a client on loopback Envoy appends its own address.
		if !strings.Contains(body, "x-forwarded-for: 7.7.7.7, 8.8.8.8,9.9.9.9,") || !strings.Contains(body, "x-seen: 127.0.0.1\n") || !strings.Contains(body, "x-forwarded-proto: http\n") {
			t.Errorf("%s: a target sees\n%s", path, body)
		}
		if own := strings.Contains(body, "x-real-ip: 127.0.0.1\n") && strings.Contains(body, "x-forwarded-prefix: /own\n"); own != (path == "/own") {
			t.Errorf("%s: a target sees\n%s", path, body)
		}
	}
}

// TestAddressesOfProxiesInFront: with one in front, its words are for targets, and the
// client is who it says.
func TestAddressesOfProxiesInFront(t *testing.T) {
	t.Parallel()
	w := newWitness(t)
	p := serve(t, `
server: {trusted_hops: 1}
plugins: {proxy: {config: {targets: ["$target"], transform_request: {headers: {X-Seen: "{{client_ip}}"}}}}}
endpoints: [{path: /a, handler: proxy}]
`, map[string]string{"target": w.url})
	_, body := p.ask(t, "GET", "/a", "X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Real-IP: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "X-Envoy-External-Address: 6.6.6.6")
	for _, line := range []string{"x-seen: 203.0.113.9\n", "x-real-ip: 203.0.113.9\n", "x-forwarded-proto: https\n", "x-forwarded-port: 443\n"} {
		if !strings.Contains(body, line) {
			t.Errorf("a target does not see %s:\n%s", line, body)
		}
	}
	if strings.Contains(body, "x-envoy-external-address: 6.6.6.6") {
		t.Error(body)
	}
}
