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
