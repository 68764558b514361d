package xds

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestList(t *testing.T) {
	t.Parallel()
	s := NewSnapshot("v1", []*Resource{cluster("b", 1), cluster("a", 1)})
	if got := (Release{Snapshot: s}).List(); len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" || got[0].Type != "CDS" || got[0].Origin != "main.yaml:1:1 a" {
		t.Errorf("%+v", got)
	}
	if got := (Release{}).List(); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
	over := Release{s, NewOverlay([]*Resource{assignment("a", 1)})}
	if got := over.List(); len(got) != 3 || got[2].Type != "EDS" {
		t.Errorf("with the overlay: %+v", got)
	}
	if got, err := over.Content("EDS", "a", nil); err != nil || !strings.Contains(string(got), "cluster_name") {
		t.Errorf("%s %v", got, err)
	}
	if got, err := over.Content("EDS", "b", nil); err != nil || got != nil {
		t.Errorf("%s %v", got, err)
	}
}

// TestContentHasNoPrivateValue, in whatever writing, and all else as it is.
func TestContentHasNoPrivateValue(t *testing.T) {
	t.Parallel()
	const value = `S3cr"et%v/a.b`
	var said []string
	for _, w := range append(writings(value), "Basic "+base64.StdEncoding.EncodeToString([]byte("me:"+value)), strings.ToLower(value), strings.ToUpper(value), "a "+value+" b "+value) {
		said = append(said, w)
	}
	c := &routev3.RouteConfiguration{Name: "kept", VirtualHosts: []*routev3.VirtualHost{{Name: "abcd", Domains: []string{"shop.example"}}}}
	for i, text := range said {
		c.VirtualHosts[0].Routes = append(c.VirtualHosts[0].Routes, &routev3.Route{
			Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/" + text}},
			Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 299, Body: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineBytes{InlineBytes: []byte("x" + text)},
			}}},
			ResponseHeadersToAdd: []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "x", Value: text}}},
		})
		if i == 0 {
			c.MaxDirectResponseBodySizeBytes = wrapperspb.UInt32(987654)
		}
	}
	r := Release{Snapshot: NewSnapshot("v1", []*Resource{made(c, "kept")})}
	private := map[string]string{value: "${KEY}", "987654": "${SIZE}", "http://me:pass@shop.example:80/x": "${URL}", "1": "${ONE}", "ab": "${TWO}"}
	text, err := r.Content("RDS", "kept", private)
	if err != nil || !json.Valid(text) {
		t.Fatal(err)
	}
	got := strings.ToLower(string(text))
	if strings.Contains(got, `cr\"et`) || strings.Contains(got, "a.b") || strings.Contains(got, "a%2fb") || strings.Contains(got, "987654") || strings.Contains(got, "shop") {
		t.Errorf("it is told: %s", text)
	}
	for word := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return strings.ContainsRune(`",: `, r) }) {
		if raw, err := base64.StdEncoding.DecodeString(word); err == nil && strings.Contains(strings.ToLower(string(raw)), "s3cr") {
			t.Errorf("it is told as bytes: %s", raw)
		}
	}
	for _, want := range []string{`"kept"`, `"abcd"`, "${KEY}", "${SIZE}", "${URL}", "299"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
