package blueprints

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"backworks/blueprints/testca"
)

const withTLS = `plugins:
  tls: {config: {certificates: [{certificate: tls/a.pem, key: tls/a.key}]}}
  proxy: {config: {targets: [http://127.0.0.1:1]}}
`

// tlsRig is a blueprint with a certificate, of which time is what clock says.
func tlsRig(t *testing.T, text string) (r *rig, ca *testca.Authority, clock *time.Time) {
	t.Helper()
	now := time.Now()
	clock = &now
	r = newRig(t, Options{Path: "main.yaml", Now: func() time.Time { return *clock }}, map[string]string{"main.yaml": text})
	if err := os.Mkdir(r.path("tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	return r, testca.New(t), clock
}

func (r *rig) warned(res *Result, words ...string) {
	r.Helper()
	for _, p := range res.Problems {
		if p.Severity == Warning && strings.Contains(p.String(), words[0]) {
			words = words[1:]
		}
		if len(words) == 0 {
			return
		}
	}
	r.Errorf("no warning with %q among %v", words, res.Problems)
}

// A renewed pair is another version of the blueprint. One that cannot be used is told of,
// and leaves the version and the pair before; edits go on all the same.
func TestCertificatesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	r, ca, clock := tlsRig(t, withTLS)
	good := ca.Sign(24*time.Hour, "a.example", "127.0.0.1")
	good.Save(t, r.path("tls"), "a")
	first := r.one(r.load())
	if c := first.TLS.Certificates[0]; c.File != r.path("tls/a.pem") || fmt.Sprint(c.Names) != "[a.example 127.0.0.1]" || !bytes.Equal(c.Key, good.Key) {
		t.Errorf("it is %v", c)
	}
	other := ca.Sign(24*time.Hour, "a.example")
	for name, bad := range map[string]struct {
		pair testca.Pair
		says string
	}{
		"another's key":    {testca.Pair{Cert: good.Cert, Key: other.Key}, "the key is another certificate's"},
		"no key":           {testca.Pair{Cert: good.Cert, Key: []byte("s3cret")}, "the key is none that can be read"},
		"half a key":       {testca.Pair{Cert: good.Cert, Key: good.Key[:len(good.Key)/2]}, "the key is none that can be read"},
		"empty":            {testca.Pair{}, "there is no certificate in PEM in the file"},
		"half a write":     {testca.Pair{Cert: good.Cert[:len(good.Cert)/2], Key: good.Key}, "there is no certificate in PEM in the file"},
		"expired":          {ca.Sign(-time.Minute, "a.example"), "it expired at "},
		"not valid yet":    {ca.SignWith(24*time.Hour, testca.Later, "a.example"), "it is not valid before "},
		"garbled":          {testca.Pair{Cert: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), Key: good.Key}, "certificate 1 in the file cannot be read"},
		"a weak key":       {weak(t), "an elliptic curve key must have 256 bits or more"},
		"keys mixed up":    {testca.Pair{Cert: good.Key, Key: good.Cert}, "there is no certificate in PEM in the file"},
		"expired in chain": {testca.Pair{Cert: append(bytes.Clone(good.Cert), ca.Sign(-time.Minute).Cert...), Key: good.Key}, "a certificate of its chain expired at"},
	} {
		bad.pair.Save(t, r.path("tls"), "a")
		res := r.load()
		r.warned(res, "main.yaml:2:33: plugins.tls.config.certificates[0]: warning: the certificate is refused: "+bad.says)
		if bp := r.one(res); bp.Version != first.Version || !bytes.Equal(bp.TLS.Certificates[0].Key, good.Key) {
			t.Errorf("%s: it is served", name)
		}
		if text := fmt.Sprint(res.Problems); strings.Contains(text, "s3cret") || strings.Contains(text, "PRIVATE") {
			t.Errorf("%s: the key is told: %s", name, text)
		}
	}
	r.write("main.yaml", withTLS+"name: edited\n")
	if bp := r.one(r.load()); bp.Name != "edited" || !bytes.Equal(bp.TLS.Certificates[0].Key, good.Key) {
		t.Error("an edit waits for the certificate")
	}
	good.Save(t, r.path("tls"), "a")
	r.remove("tls/a.key")
	r.warned(r.load(), "a.key cannot be read: no such file or directory; the one before is kept, which is valid until")
	other.Save(t, r.path("tls"), "a")
	res := r.load()
	if bp := r.one(res); len(res.Problems) > 0 || bp.Version == first.Version || !bytes.Equal(bp.TLS.Certificates[0].Key, other.Key) {
		t.Errorf("the renewed one is not served: %v", res.Problems)
	}
	// What expires while it is served stays: nothing else is there. Whoever begins with it
	// is told.
	*clock = clock.Add(48 * time.Hour)
	r.write("main.yaml", withTLS+"name: edited again\n")
	if res := r.load(); len(res.Problems) > 0 || r.one(res).Name != "edited again" {
		t.Errorf("it went: %v", res.Problems)
	}
	fresh := NewLoader(Options{Path: r.path("main.yaml"), Now: func() time.Time { return *clock }}).Load()
	if len(fresh.Set.Blueprints) != 0 || !strings.Contains(fmt.Sprint(fresh.Problems), "the certificate cannot be used: it expired at") {
		t.Errorf("it began with it: %v", fresh.Problems)
	}
}

// weak is a pair that Envoy would not take.
func weak(t *testing.T) testca.Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return testca.Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
	}
}

// What is wrong with the plugin is told at its place.
func TestTLSProblems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"tls: true":         "plugins.tls: needs certificates, each with its key; or, for development, self_signed: true",
		"tls: {config: {}}": "plugins.tls: needs certificates",
		"tls: {config: {certificate: {cert: tls/a.pem}}}":                                                                                      `needs the key "key"`,
		"tls: {config: {certificate: {cert: tls/none.pem, key: tls/a.key}}}":                                                                   "the certificate cannot be used: none.pem cannot be read: no such file",
		"tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, min_version: 1.1}}":                                                    `must be "1.2" or "1.3", got "1.1"`,
		"tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, redirect_port: 8080}}":                                                 "is the server's own port",
		"tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, redirect_port: 0}}":                                                    "must be at least 1",
		"tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, hsts: {preload: true}}}":                                               "needs include_subdomains: true",
		"tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, client_auth: {}}}":                                                     `needs the key "ca"`,
		"tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, client_auth: {ca: tls/a.key}}}":                                        "the file of authorities cannot be used: there is no certificate in PEM",
		"tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, client_auth: {ca: tls/ca.pem, sans: []}}}":                             "must name at least one",
		"tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, client_auth: {ca: tls/ca.pem, sans: ['*']}}}":                          "is every name",
		"tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, client_auth: {ca: tls/ca.pem, required: false, sans: [a@b.example]}}}": "must be a DNS name or a URI",
		"tls: {config: {self_signed: true}}":                                                                                                   "cannot be made here",
		"tls: {config: {self_signed: [a b]}}":                                                                                                  "must be a DNS name or an IP address",
		"proxy: {config: {targets: [http://a], tls: {sni: a}}}":                                                                                "has no effect on targets with http",
		"proxy: {config: {targets: [https://a], tls: {certificate: tls/a.pem}}}":                                                               "needs certificate and key together",
		"proxy: {config: {targets: [https://a], tls: {sni: 'a b'}}}":                                                                           "must be a DNS name",
		"proxy: {config: {targets: [https://a], tls: {verify: false, ca: tls/ca.pem}}}":                                                        "cannot be false with a ca",
	} {
		r, ca, _ := tlsRig(t, "plugins:\n  "+text+"\nendpoints: [{path: /, config: {static: {body: a}}}]\n")
		ca.Sign(time.Hour, "a.example").Save(t, r.path("tls"), "a")
		testca.Write(t, r.path("tls/ca.pem"), ca.PEM())
		r.load(want)
	}
	off, _, _ := tlsRig(t, "plugins: {tls: {enabled: false, config: {certificate: {cert: none.pem, key: none.key}}}, proxy: {config: {targets: [http://a]}}}\n")
	if off.one(off.load()).TLS != nil {
		t.Error("it is on")
	}
	r, _, _ := tlsRig(t, "plugins: {tls: false, proxy: {config: {targets: [https://a], tls: {verify: false}}}}\nendpoints: [{path: /, config: {tls: {enabled: true}}}]\n")
	r.warned(r.load("endpoints[0].config.tls: is one for all endpoints"), "whoever is in between may read and change all")
}

// A key shows itself in no way that things are printed.
func TestKeysAreHidden(t *testing.T) {
	t.Parallel()
	c := Certificate{Key: PrivateKey("s3cret")}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if text := fmt.Sprintf(format+format, c, c.Key); strings.Contains(text, "s3cret") || strings.Contains(text, "733363726574") || strings.Contains(text, "115 51") {
			t.Errorf("%s: %s", format, text)
		}
	}
}
