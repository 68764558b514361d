package testport_test

import (
	"net"
	"strconv"
	"testing"

	"backworks/envoy/testport"
)

// A port is given once while its test runs, whether somebody listens on it or not.
func TestGivenOnce(t *testing.T) {
	given := map[int]bool{}
	for range 500 {
		port := testport.Free(t)
		if given[port] {
			t.Fatal(port, "was given twice")
		}
		given[port] = true
		lis, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			t.Fatal(err)
		}
		_ = lis.Close()
	}
}

// A port can be another's when its test is over.
func TestGivenBack(t *testing.T) {
	var address string
	t.Run("first", func(t *testing.T) { address = testport.Address(t) })
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := net.Listen("unix", "@backworks-test-port-"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = claim.Close()
}
