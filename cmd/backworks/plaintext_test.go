package main

import (
	"errors"
	"net"
	"strings"
	"testing"
)

// Plaintext beyond this machine is only served when that is meant.
func TestPlaintextBeyondThisMachine(t *testing.T) {
	t.Parallel()
	const warning = "xDS is served in plaintext"
	eachAddress(t, func(t *testing.T, address string, beyond bool) {
		mustBeMeant(t, beyond, "say --xds-insecure", "--xds-insecure", warning, "--admin-listen", "127.0.0.1:0", "--xds-listen", address)
	})
}

// eachAddress tests addresses to listen on, and whether they are beyond this machine.
func eachAddress(t *testing.T, test func(t *testing.T, address string, beyond bool)) {
	for address, beyond := range map[string]bool{"0.0.0.0:0": true, ":0": true, "[::]:0": true, "127.0.0.1:0": false, "127.1.2.3:0": false, "localhost:0": false, "[::1]:0": false, "[::ffff:127.0.0.1]:0": false} {
		if lis, err := net.Listen("tcp", address); err == nil {
			_ = lis.Close()
		} else if strings.Contains(address, ":1]") { // a machine without IPv6
			continue
		}
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			test(t, address, beyond)
		})
	}
}

// mustBeMeant starts with listeners of which one is beyond this machine, or none is: the
// first is refused, saying so, until flag says that it is meant, and then warned of.
func mustBeMeant(t *testing.T, beyond bool, saying, flag, warning string, listeners ...string) {
	t.Helper()
	s := newSite(t)
	s.serve("one")
	args := append([]string{"start", "--envoy", "none", "--state-dir", "s"}, listeners...)
	if beyond {
		p := s.run(args...)
		p.end(2)
		if got := p.err.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, saying) {
			t.Errorf("it says %q", got)
		}
		args = append(args, flag)
	}
	p := s.run(args...).live()
	if beyond {
		s.until(func() error { return p.logged(warning) })
	} else if p.logged(warning) == nil {
		t.Error("it warns")
	}
}

// A name is judged by what it is listened on.
func TestNameBeyondThisMachine(t *testing.T) {
	t.Parallel()
	s := &service{startFlags: startFlags{}}
	for address, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "10.0.0.5:1": false, "[fe80::1]:1": false} {
		own, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		err = s.mayServe(listening{address: own}, "some.name:1")
		var wrong usageError
		if (err == nil) != want || err != nil && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), "xDS on some.name:1 can be reached")) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

type listening struct {
	net.Listener
	address net.Addr
}

func (l listening) Addr() net.Addr { return l.address }

// What is wrong with the files at the start is told, and nothing is started.
func TestSecurityFilesAreChecked(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	s.serve("one")
	s.write("bad.yaml", "- san: a\n  ids: b\n- {ids: c}\n")
	args := func(more ...string) []string {
		return append([]string{"start", "--envoy", "none", "--state-dir", "s", "--admin-listen", "127.0.0.1:0", "--xds-listen", s.xds}, more...)
	}
	s.run(args("--xds-cert", "none.crt", "--xds-key", "xds/tls.key")...).oneLine(`read "none.crt": no such file`)
	s.run(args("--xds-cert", "xds/tls.crt", "--xds-key", "envoy/tls.key")...).oneLine("private key does not match")
	p := s.run(args("--xds-cert", "xds/tls.crt", "--xds-key", "xds/tls.key", "--xds-client-ca", "xds/ca.crt", "--xds-authorize", "bad.yaml")...)
	p.end(1)
	if got := p.err.String(); got != "bad.yaml:3:3: [1]: needs the key \"san\"\n" {
		t.Errorf("it says %q", got)
	}
}
