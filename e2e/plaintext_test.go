package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"backworks/blueprints/testca"
)

// ownAddress is one of this machine's by which others reach it; loopback where it has
// none.
func ownAddress(t testing.TB) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// An Envoy that is reached in plaintext gets no keys: it is told, keeps what it has, and
// goes on with what holds none. One on loopback gets them.
func TestKeysInPlaintext(t *testing.T) {
	t.Parallel()
	f := newFleetSite(t, "near", "far")
	ca := testca.New(t)
	ca.Sign(90*day, "a.example").Save(t, f.dir, "a")
	save := func(group string, edit int, encrypted bool) {
		text := f.text(group, edit, "")
		if encrypted {
			text = strings.Replace(text, "plugins:\n", "plugins:\n  tls: {config: {certificate: {cert: a.pem, key: a.key}}}\n", 1)
		}
		f.write(group+".yaml", text)
	}
	save("near", 0, false)
	save("far", 0, false)
	p, address := f.serve("one", "--xds-listen", "0.0.0.0:0", "--xds-insecure")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	own := ownAddress(t)
	f.envoyNode("near", "near", "127.0.0.1:"+port)
	far := f.envoyNode("far", "far", net.JoinHostPort(own, port))
	at := func(scheme, group string, edit int) bool {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), ServerName: "a.example"}, DisableKeepAlives: true}}
		status, _, header := ask(client, http.MethodGet, fmt.Sprintf("%s://127.0.0.1:%d/0", scheme, f.ports[group]), "")
		return status == 200 && header.Get("X-Edit") == fmt.Sprintf("edit-%d.", edit)
	}
	f.until("both serve", func() bool { return at("http", "near", 0) && at("http", "far", 0) })
	save("near", 1, true)
	save("far", 1, true)
	f.until("the near one speaks TLS", func() bool { return at("https", "near", 1) })
	if own == "127.0.0.1" {
		return // nothing is far from this machine
	}
	const says = "holds private keys or passwords, which go out over TLS, loopback and Unix sockets only"
	f.until("the far one is told", func() bool {
		return strings.Contains(far.log.String(), says) && strings.Contains(p.log.String(), says) && p.metric(`backworks_xds_ended_streams_total{reason="plaintext"}`) > "1"
	})
	if !at("http", "far", 0) || at("https", "far", 1) {
		t.Error("the far one does not serve what it had")
	}
	save("far", 2, false)
	f.until("the far one goes on", func() bool { return at("http", "far", 2) })
	// A header from a file is as secret as a key.
	told := func() string { return p.metric(`backworks_xds_ended_streams_total{reason="plaintext"}`) }
	before := told()
	f.write("token", "secret")
	f.write("far.yaml", strings.Replace(f.text("far", 3, ""), "transform_response:", "transform_request: {headers: {X-Token: file:token}}\n      transform_response:", 1))
	f.until("the far one is told again", func() bool { return told() != before })
	if !at("http", "far", 2) {
		t.Error("the far one does not serve what it had")
	}
}
