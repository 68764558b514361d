package envoy

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"backworks/envoy/testport"
)

// The connection that is one too many is closed, while the admin interface still
// takes some: drain and metrics must work on a proxy that is full.
func TestConnectionsAreLimitedButNotTheAdminInterfaces(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	s.bootstrap.OverloadManager = Bootstrap{MaxConnections: 2}.overloadManager()
	r := s.run(t)
	r.waitLive(s)
	address := strings.TrimPrefix(s.url, "http://")
	for range 2 {
		connection := dial(t, address)
		fmt.Fprint(connection, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, err := connection.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dial(t, address).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the third connection: want EOF, got %v", err)
	}
	if _, err := NewAdmin(r.Admin().Address()).ServerInfo(context.Background()); err != nil {
		t.Errorf("the admin interface of a full proxy: %v", err)
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	connection.SetDeadline(time.Now().Add(patience))
	return connection
}

// A port may be anybody's: nobody's Envoy is ended for listening there.
func TestAnotherEnvoyOnTheAdminPortIsLeftAlone(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	s.bootstrap.Admin.Address, _ = Address(testport.Address(t)).message()
	r := s.run(t)
	state := r.waitLive(s)

	second := &site{bootstrap: s.bootstrap, stateDir: shortDir(t)}
	err := second.run(t).result()
	if err == nil || !strings.Contains(err.Error(), `is in use by an Envoy (node "edge-1") that was not started here`) {
		t.Errorf("got %v", err)
	}
	if now := r.State(); now.PID != state.PID || now.Phase != Live {
		t.Errorf("the first is %+v", now)
	}
}
