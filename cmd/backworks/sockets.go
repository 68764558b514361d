package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"backworks/blueprints"
	"backworks/demo"
	"backworks/envoy"
)

const (
	defaultAdminHost = "127.0.0.1"
	defaultAdminPort = 8081
	// defaultXDS is where Envoys that others run find us.
	defaultXDS = "127.0.0.1:18000"
	// probeTime is for an Envoy that was left, to say what it listens on.
	probeTime = 2 * time.Second
)

// sockets are what a service listens on. All are open before anything runs, so that
// a taken port is told at once and nothing has to be taken back.
type sockets struct {
	// xds and admin are Unix sockets for our own Envoy, envoyAdmin is its admin
	// interface; "" without a sidecar.
	xds, admin, envoyAdmin envoy.Address

	xdsListeners []net.Listener
	xdsOthers    net.Listener // for Envoys that others run, among xdsListeners; nil without
	adminTCP     net.Listener
	adminUnix    net.Listener
}

// demoBackends are where the default blueprint has its targets.
var demoBackends = []demo.Backend{
	{Name: "backend-1", Address: "127.0.0.1:3001"},
	{Name: "backend-2", Address: "127.0.0.1:3002"},
	{Name: "backend-3", Address: "127.0.0.1:3003"},
}

// listen opens all sockets, and looks whether Envoy will be able to open its own.
func (s *service) listen(ctx context.Context) (err error) {
	if s.own != nil {
		// Kept until all others are open, which must not be the same.
		proxy, err := s.probe(ctx, s.own.Server)
		if err != nil {
			return err
		}
		if proxy != nil {
			defer proxy.Close()
		}
	}
	if s.sockets.adminTCP, err = s.listenOn("tcp", s.adminAddress(), "the admin listener"); err != nil {
		return err
	}
	if err := s.mayAnswer(s.sockets.adminTCP, s.adminAddress()); err != nil {
		return err
	}
	xds := s.xdsListen
	if xds == "" && !s.withSidecar() {
		xds = defaultXDS
	}
	if xds != "" {
		if s.sockets.xdsOthers, err = s.listenForOthers(ctx, xds); err != nil {
			return err
		}
		if err := s.mayServe(s.sockets.xdsOthers, xds); err != nil {
			return err
		}
		s.sockets.xdsListeners = append(s.sockets.xdsListeners, s.sockets.xdsOthers)
	}
	if s.withSidecar() {
		if s.sockets.adminUnix, err = s.listenOnSocket(s.sockets.admin); err != nil {
			return err
		}
		lis, err := s.listenOnSocket(s.sockets.xds)
		if err != nil {
			return err
		}
		s.sockets.xdsListeners = append(s.sockets.xdsListeners, lis)
	}
	if s.demo {
		if s.demos, err = demo.Listen(demoBackends...); err != nil {
			return err
		}
		s.undo = append(s.undo, s.demos.Close)
	}
	return nil
}

// listenOn opens a listener that ends with the service.
func (s *service) listenOn(network, address, what string) (net.Listener, error) {
	lis, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for %s: %w", address, what, cause(err))
	}
	s.undo = append(s.undo, func() { _ = lis.Close() })
	return lis, nil
}

// listenForOthers opens what --xds-listen names. The path of a socket may be that of
// another program; it is taken over only from one that is gone.
func (s *service) listenForOthers(ctx context.Context, address string) (net.Listener, error) {
	path, isSocket := strings.CutPrefix(address, "unix://")
	if !isSocket {
		return s.listenOn("tcp", address, "xDS")
	}
	dialer := net.Dialer{Timeout: probeTime}
	if c, err := dialer.DialContext(ctx, "unix", path); err == nil {
		_ = c.Close()
	} else if info, statErr := os.Lstat(path); errors.Is(err, syscall.ECONNREFUSED) && statErr == nil && info.Mode()&fs.ModeSocket != 0 {
		_ = os.Remove(path) // else listening says why not
	}
	return s.listenOn("unix", path, "xDS")
}

// listenOnSocket opens a Unix socket. One that is there was left by a run that was
// killed, since the state dir is ours.
func (s *service) listenOnSocket(a envoy.Address) (net.Listener, error) {
	network, path, err := a.Split()
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket %q: %w", path, cause(err))
	}
	return s.listenOn(network, path, "Envoy")
}

// closeToOthers makes sockets and files of this process, and of its Envoy, this
// user's alone.
func closeToOthers() { syscall.Umask(0o077) }

// adminAddress is by flag, blueprint or default. Of several blueprints it is the one
// of our Envoy, or the first, that says the port.
func (s *service) adminAddress() string {
	port := defaultAdminPort
	switch {
	case s.adminListen != "":
		return s.adminListen
	case s.dashboardPort != 0:
		port = int(s.dashboardPort)
	case s.own != nil:
		port = s.own.Dashboard.Port
	case len(s.set.Blueprints) > 0:
		port = s.set.Blueprints[0].Dashboard.Port
	}
	return net.JoinHostPort(defaultAdminHost, strconv.Itoa(port))
}

// probe binds the proxy's address for a moment. Envoy itself would share a taken
// port with whoever else has it set SO_REUSEPORT, and otherwise refuse a listener
// only after it was started. An Envoy of ours that runs already has the port by
// right, nil then; one that hangs may have it, and is ended before the next starts.
func (s *service) probe(ctx context.Context, server blueprints.Server) (net.Listener, error) {
	address, err := netip.ParseAddr(server.Host)
	if err != nil {
		return nil, fmt.Errorf("read the proxy's address: %w", err)
	}
	proxy := netip.AddrPortFrom(address, uint16(server.Port)).String()
	left := envoy.NewAdmin(s.sockets.envoyAdmin)
	defer left.Close()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	has, err := left.Listeners(ctx)
	if errors.Is(err, context.DeadlineExceeded) || slices.Contains(slices.Collect(maps.Values(has)), proxy) {
		return nil, nil
	}
	network := "tcp4"
	if address.Is6() {
		network = "tcp6"
	}
	lis, err := net.Listen(network, proxy)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for the proxy: %w", proxy, cause(err))
	}
	return lis, nil
}
