package envoy

import (
	"context"
	"strings"
	"testing"
	"time"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestValidateSaysWhyInEnvoysWords(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	if err := Validate(context.Background(), binary(t), s.bootstrap); err != nil {
		t.Fatal(err)
	}
	s.bootstrap.StaticResources.Clusters = nil
	err := Validate(context.Background(), binary(t), s.bootstrap)
	if want := "envoy refuses it: route: unknown cluster 'backend'"; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Validate(ctx, binary(t), s.bootstrap); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("cancelled: got %v", err)
	}
	if err := Validate(context.Background(), "/nowhere/envoy", s.bootstrap); err == nil || !strings.Contains(err.Error(), "/nowhere/envoy") {
		t.Errorf("no binary: got %v", err)
	}
}

func TestDeprecatedFindsEnvoysWarnings(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	chain := s.bootstrap.StaticResources.Listeners[0].FilterChains[0].Filters[0]
	manager := &hcmv3.HttpConnectionManager{}
	if err := chain.GetTypedConfig().UnmarshalTo(manager); err != nil {
		t.Fatal(err)
	}
	route := manager.GetRouteConfig().VirtualHosts[0].Routes[0].GetRoute()
	route.MaxGrpcTimeout = durationpb.New(time.Second) //lint:ignore SA1019 the warning about it is what is tested
	chain.GetTypedConfig().MarshalFrom(manager)
	out, err := ValidateOutput(context.Background(), binary(t), s.bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	if warnings := Deprecated(out); len(warnings) != 1 || !strings.Contains(warnings[0], "max_grpc_timeout") {
		t.Errorf("want one about max_grpc_timeout, got %q", warnings)
	}
}

func TestReasonPicksWhatPeopleNeed(t *testing.T) {
	t.Parallel()
	for want, output := range map[string]string{
		"PARSE ERROR: Argument: --bogus Couldn't find match for argument": "PARSE ERROR: Argument: --bogus\n" +
			"             Couldn't find match for argument\n\nBrief USAGE: \n   envoy  [--x]\n\n--bogus -- Couldn't find\n",
		"listener 'l' failed to bind; cannot bind '10.9.9.9:99'": "[2026-01-01 00:00:00.000][1][info][main] [a.cc:1] hello\n" +
			"[2026-01-01 00:00:00.000][1][error][config] [a.cc:1] listener 'l' failed to bind\n" +
			"[2026-01-01 00:00:00.000][1][critical][main] [a.cc:1] error `cannot bind '10.9.9.9:99'` initializing config 'junk  \n  p.yaml'\n" +
			"[2026-01-01 00:00:00.000][1][info][main] [a.cc:1] exiting\ncannot bind '10.9.9.9:99'\n",
		"hello": "hello\n",
		"":      "",
	} {
		if got := reason(output); got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}
