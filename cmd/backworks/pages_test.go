package main

import (
	"slices"
	"testing"
)

// The name that the admin listener was told to listen on is one that it answers to.
func TestAdminHosts(t *testing.T) {
	t.Parallel()
	s := service{startFlags: startFlags{adminListen: "admin.example:8081"}}
	if names := s.adminHosts(); !slices.Contains(names, "admin.example") {
		t.Errorf("names %q", names)
	}
}

// An Envoy that is named twice would be counted twice.
func TestEnvoyAdminTwice(t *testing.T) {
	t.Parallel()
	var all addressesFlag
	for _, a := range []string{"http://10.0.0.7:9901", "10.0.0.7:9901", "http://10.0.0.7:9901/", "unix:///run/a.sock", "unix:///run/a.sock"} {
		if err := all.Set(a); err != nil {
			t.Fatal(err)
		}
	}
	if want := (addressesFlag{"10.0.0.7:9901", "unix:///run/a.sock"}); !slices.Equal(all, want) {
		t.Errorf("got %q, want %q", all, want)
	}
}
