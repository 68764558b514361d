// Package envoy is everything that touches one Envoy.
//
// In come the wishes for a bootstrap, a path to a binary, and the answers of an
// admin interface. Out go bootstrap files, a supervised process that outlives a
// crash of ours, typed reports of what an Envoy does, and Envoy's own verdict on
// a configuration. The package never builds what travels by xDS and never looks
// at blueprints.
package envoy

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// maxSocketPath is the longest path of a Unix socket, in bytes. Linux has room
// for 107 and macOS for 103; below 100 leaves some for the suffixes of others.
const maxSocketPath = 99

// Address is where something listens: "unix:///absolute/path" or "host:port". A
// leading "http://", as people paste it, is allowed before host:port.
type Address string

// UnixAddress is the address of the Unix socket at path, which must be absolute.
func UnixAddress(path string) Address { return Address("unix://" + path) }

// Split gives what net.Dial takes: "unix" and a path, or "tcp" and host:port. It
// fails for relative or overlong socket paths, and for ports that are no number
// from 1 to 65535.
func (a Address) Split() (network, address string, err error) {
	if path, ok := strings.CutPrefix(string(a), "unix://"); ok {
		if !filepath.IsAbs(path) {
			return "", "", fmt.Errorf("read address %q: the path of a socket must be absolute, as in unix:///run/backworks/xds.sock", a)
		}
		if len(path) > maxSocketPath {
			return "", "", fmt.Errorf("read address %q: the path of a socket has at most %d bytes, got %d", a, maxSocketPath, len(path))
		}
		return "unix", path, nil
	}
	hostport := strings.TrimSuffix(strings.TrimPrefix(string(a), "http://"), "/")
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || host == "" {
		return "", "", fmt.Errorf("read address %q: want host:port or unix:///path", a)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("read address %q: want a port from 1 to 65535, got %q", a, port)
	}
	return "tcp", hostport, nil
}

// message is the address as Envoy's configuration has it. A socket that Envoy
// makes gets mode 0600, since whoever may write to it may stop Envoy.
func (a Address) message() (*corev3.Address, error) {
	network, address, err := a.Split()
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: address, Mode: 0o600}}}, nil
	}
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.ParseUint(port, 10, 16)
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(n)},
	}}}, nil
}

// addressOf is the other way round.
func addressOf(m *corev3.Address) Address {
	if pipe := m.GetPipe(); pipe != nil {
		return UnixAddress(pipe.GetPath())
	}
	s := m.GetSocketAddress()
	return Address(net.JoinHostPort(s.GetAddress(), strconv.Itoa(int(s.GetPortValue()))))
}
