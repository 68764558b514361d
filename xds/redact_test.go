package xds

import (
	"bytes"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	apikeyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/api_key_auth/v3"
	basicv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/basic_auth/v3"
	jwtv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// hidden is in every secret of these tests; in no other text.
const hidden = "hunter2"

func inline(s string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: s}}
}

func packed(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return a
}

// holders are resources with secrets, and what of each is to be shown still.
func holders() map[string]*Resource {
	certificate := &tlsv3.TlsCertificate{
		CertificateChain: inline("chain shown"), Password: inline(hidden),
		PrivateKey: &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: []byte(hidden)}},
	}
	withSocket := func(name string, config *anypb.Any) *Resource {
		return made(&clusterv3.Cluster{
			Name: name, AltStatName: "shown", ConnectTimeout: durationpb.New(1),
			ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
			TransportSocket:      &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: config}},
		}, name)
	}
	sds := func(name string, s *tlsv3.Secret) *Resource { s.Name = name; return made(s, name) }
	header := func(key string) *corev3.HeaderValueOption {
		return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: key, Value: hidden}}
	}
	return map[string]*Resource{
		"inline key": withSocket("key shown", packed(&tlsv3.UpstreamTlsContext{
			CommonTlsContext: &tlsv3.CommonTlsContext{TlsCertificates: []*tlsv3.TlsCertificate{certificate}},
		})),
		"unknown extension": withSocket("extension shown", &anypb.Any{TypeUrl: prefix + "no.such.Socket", Value: []byte(hidden)}),
		"certificate":       sds("tls shown", &tlsv3.Secret{Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: certificate}}),
		"tickets": sds("tickets shown", &tlsv3.Secret{Type: &tlsv3.Secret_SessionTicketKeys{
			SessionTicketKeys: &tlsv3.TlsSessionTicketKeys{Keys: []*corev3.DataSource{inline(strings.Repeat(hidden, 12)[:80])}},
		}}),
		"generic": sds("generic shown", &tlsv3.Secret{Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{
			Secret: inline(hidden), Secrets: map[string]*corev3.DataSource{"a": inline(hidden)},
		}}}),
		"API key": made(&routev3.RouteConfiguration{
			Name: "a shown", TypedPerFilterConfig: map[string]*anypb.Any{"key": packed(&apikeyv3.ApiKeyAuth{
				Credentials: []*apikeyv3.Credential{{Key: hidden, Client: "shown"}},
			})},
		}, "a shown"),
		"password": made(&routev3.RouteConfiguration{
			Name: "b shown", TypedPerFilterConfig: map[string]*anypb.Any{"basic": packed(&basicv3.BasicAuth{Users: inline("alice:{SHA}" + hidden)})},
		}, "b shown"),
		"shared key": made(&routev3.RouteConfiguration{
			Name: "k shown", TypedPerFilterConfig: map[string]*anypb.Any{"jwt": packed(&jwtv3.JwtProvider{
				JwksSourceSpecifier: &jwtv3.JwtProvider_LocalJwks{LocalJwks: inline(hidden)},
			})},
		}, "k shown"),
		"header": made(&routev3.RouteConfiguration{
			Name: "r shown", RequestHeadersToAdd: []*corev3.HeaderValueOption{header("Authorization"), header("x-api-key")},
		}, "r shown"),
	}
}

func TestSecretsAreWithheld(t *testing.T) {
	t.Parallel()
	for name, r := range holders() {
		is := r.bare()
		if !is.secret || bytes.Contains(is.content.Value, []byte(hidden)) {
			t.Errorf("%s: secret is %v, shown is %q", name, is.secret, is.content.Value)
		}
		if r.url == typeSecret && bytes.Contains(is.content.Value, []byte("chain")) {
			t.Errorf("%s: more than its name is shown: %q", name, is.content.Value)
		}
		if !bytes.Contains(is.content.Value, []byte("shown")) || is.content.TypeUrl != r.url {
			t.Errorf("%s: too much is withheld: %q", name, is.content.Value)
		}
		if !bytes.Contains(r.delta, []byte(hidden)) || !bytes.Contains(r.sotw, []byte(hidden)) {
			t.Errorf("%s: it is not sent either", name)
		}
	}
	plain := cluster("a", 0)
	if is := plain.bare(); is.secret || !proto.Equal(is.content, plain.any()) {
		t.Errorf("what has no secret is changed: %v", is)
	}
}

// Nothing that goes out has a secret in it, nor does a refusal that repeats one.
func TestClientStatusTellsNoSecret(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		var all []*Resource
		by := map[string][]string{}
		for _, x := range holders() {
			all = append(all, x)
			by[x.url] = append(by[x.url], x.name)
		}
		r.publish("1", all...)
		c := r.connect(delta, "n")
		for _, url := range []string{typeSecret, typeCluster} {
			c.send(say{url: url, names: by[url]})
			c.nack(c.want(url, by[url]...), "", "cannot use key "+hidden, by[url]...)
		}
		c.send(say{url: typeRoute, names: by[typeRoute]})
		c.nothing() // the clusters it may name were refused
		until(t, "the refusals", func() bool {
			got := r.fetch(&statusv3.ClientStatusRequest{})
			text, err := proto.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte(hidden)) {
				t.Fatalf("a secret is told: %v", got)
			}
			return bytes.Count(text, []byte("holds secrets")) == len(by[typeSecret])+len(by[typeCluster])
		})
	})
}
