package translate_test

import (
	"path/filepath"
	"strings"
	"testing"

	"backworks/blueprints"
	"backworks/blueprints/testca"
	"backworks/translate"
)

// A renewed certificate is another secret, and changes nothing else: neither listener nor
// cluster is made anew. Nor do other edits touch secrets.
func TestRenewedCertificatesAreSecretsAlone(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("a.example")
	f.has("b.example")
	main := filepath.Join(f.dir, "main.yaml")
	loader := blueprints.NewLoader(blueprints.Options{Path: main})
	load := func(prev *translate.Resources, header string) *translate.Resources {
		testca.Write(t, main, []byte(`
plugins:
  tls: {config: {certificate: {cert: a.example.pem, key: a.example.key}, client_auth: {ca: ca.pem}}}
  proxy: {config: {targets: [https://localhost], tls: {ca: ca.pem, certificate: b.example.pem, key: b.example.key}, transform_response: {headers: {X-A: "`+header+`"}}}}
`))
		r, problems := translate.Update(prev, loader.Load().Set.Blueprints[0])
		if r == nil {
			t.Fatal(problems)
		}
		return r
	}
	first := load(nil, "1")
	f.has("a.example")
	f.has("b.example")
	second := load(first, "1")
	if second.Listeners[0].Message != first.Listeners[0].Message || second.Clusters[0].Message != first.Clusters[0].Message {
		t.Error("listener or cluster is made anew")
	}
	for i, s := range second.Secrets {
		if same := s.Message == first.Secrets[i].Message; same == strings.Contains(s.Name, "/certificate") {
			t.Errorf("%s: is it as before? %v", s.Name, same)
		}
	}
	third := load(second, "2")
	if &third.Secrets[0] != &second.Secrets[0] || third.Listeners[0].Message == second.Listeners[0].Message {
		t.Error("an edit of a header makes secrets anew, or nothing")
	}
}
