// Package testport gives ports of loopback to tests.
//
// A port that is listened on, closed and then named to a server can be another's
// meanwhile: the kernel hands it to who asks for any port or connects, and two Envoys
// even share one, since they set SO_REUSEPORT. Ports of this package are below the range
// that the kernel takes such from (net.ipv4.ip_local_port_range, 32768 unless set), and
// each is one test's alone, among all processes of tests on the machine.
package testport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Free gives a port that nobody listens on, over TCP and UDP, for as long as the test
// runs.
func Free(t testing.TB) int {
	t.Helper()
	lis := Listen(t)
	defer func() { _ = lis.Close() }()
	return lis.Addr().(*net.TCPAddr).Port
}

// Address is a free port as host:port.
func Address(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", Free(t))
}

// Listen listens on a port that stays the test's when the listener is closed. The caller
// closes it.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		// The claim is an abstract socket, which ends with its process.
		claim, err := net.Listen("unix", fmt.Sprintf("@backworks-test-port-%d", port))
		if err != nil {
			continue
		}
		if lis := listen(port); lis != nil {
			t.Cleanup(func() { _ = claim.Close() })
			return lis
		}
		_ = claim.Close()
	}
	t.Fatal("no port is free")
	return nil
}

func listen(port int) net.Listener {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil
	}
	defer func() { _ = udp.Close() }()
	lis, err := net.Listen("tcp", address)
	if err != nil {
		return nil
	}
	return lis
}
