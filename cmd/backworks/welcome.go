package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

// firstAnswer is how long Envoy may take to acknowledge what it is sent first; an
// adopted one still has what it had until then.
const firstAnswer = 5 * time.Second

// welcome tells what listens where, once that is true.
func (s *service) welcome(ctx context.Context) error {
	if s.sidecar != nil && s.own != nil {
		select {
		case <-s.sidecar.Live():
		case <-ctx.Done():
			return nil
		}
		if !s.acknowledged(ctx) && ctx.Err() == nil {
			s.log.Warn("envoy is live, but does not acknowledge what it is sent", "after", firstAnswer)
		}
	}
	var b strings.Builder
	if s.sidecar != nil {
		s.aboutProxy(ctx, &b)
	}
	if s.sockets.xdsOthers != nil {
		fmt.Fprintf(&b, "xDS     %s\n", addressOf(s.sockets.xdsOthers))
	}
	if s.demos != nil {
		fmt.Fprintf(&b, "demo    http://%s\n", strings.Join(s.demos.Addresses(), "  http://"))
	}
	fmt.Fprintf(&b, "admin   http://%s\n", s.sockets.adminTCP.Addr())
	s.aboutProblems(&b)
	_, err := io.WriteString(s.stdout, b.String())
	<-ctx.Done()
	return err
}

// acknowledged waits until Envoy has taken what is published.
func (s *service) acknowledged(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !s.fleet.Ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// aboutProxy asks Envoy what it listens on, for a listener may have been refused.
func (s *service) aboutProxy(ctx context.Context, b *strings.Builder) {
	if s.own == nil {
		fmt.Fprintf(b, "proxy   none yet: no blueprint is for the node %q of the cluster %q\n", sidecarID, sidecarCluster)
		return
	}
	listeners, err := s.sidecar.Admin().Listeners(ctx)
	if err != nil || len(listeners) == 0 {
		fmt.Fprintf(b, "proxy   none: Envoy runs, but listens nowhere\n")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(listeners)) {
		if name != translate.ListenerName && listeners[name] == listeners[translate.ListenerName] {
			continue // the same over UDP
		}
		scheme, curl := "http", "curl"
		if s.own.TLS != nil && name == translate.ListenerName {
			scheme, curl = "https", "curl -k"
		}
		url := scheme + "://" + reachable(listeners[name])
		fmt.Fprintf(b, "proxy   %s\n", url)
		if path := pathToTry(s.own); path != "" && name == translate.ListenerName {
			fmt.Fprintf(b, "        %s %s%s\n", curl, url, path)
		}
	}
}

// aboutProblems says what is not served as it is written.
func (s *service) aboutProblems(b *strings.Builder) {
	status := s.fleet.Status()
	if !status.Degraded {
		return
	}
	fmt.Fprintf(b, "\nThere are problems in the blueprints, see above.\n")
	for _, bp := range status.Blueprints {
		if bp.Degraded {
			fmt.Fprintf(b, "%s is served in its last good version.\n", bp.File)
		}
	}
}

// addressOf is a listener's address as `bootstrap --xds` takes it.
func addressOf(lis net.Listener) string {
	if a := lis.Addr(); a.Network() == "unix" {
		return string(envoy.UnixAddress(a.String()))
	}
	return lis.Addr().String()
}

// reachable is a listener's address as a client on this machine writes it.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// pathToTry is an endpoint that a plain GET answers, best one that leads to a target.
func pathToTry(bp *blueprints.Blueprint) string {
	if bp == nil {
		return ""
	}
	best := ""
	for _, e := range bp.Endpoints {
		plain := !slices.ContainsFunc(e.Path.Segments, func(s blueprints.Segment) bool { return s.Param != "" || s.Rest })
		if !plain || len(e.Methods) > 0 && !slices.Contains(e.Methods, "GET") {
			continue
		}
		if e.Handler == blueprints.HandlerProxy {
			return e.Path.Raw
		}
		if best == "" {
			best = e.Path.Raw
		}
	}
	return best
}
