package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	oklog "github.com/oklog/run"

	"backworks/admin"
)

// pagesTime is how long the pages may take to finish an answer at the end.
const pagesTime = 2 * time.Second

// addPages adds the admin listener, and the one to which our Envoy leads the
// blueprint's own metrics endpoints.
func (s *service) addPages(g *oklog.Group) {
	options := admin.Options{Fleet: s.fleet, XDS: s.stats, Streams: s.server.Figures, Logger: s.log, Version: version, Hosts: s.adminHosts(), Page: s.fleet.Page, Token: s.token, OpenMetrics: s.access.openMetrics}
	if s.tls != nil {
		options.CertificateExpires = s.tls.Expires
	}
	if s.sidecar != nil {
		options.Sidecar = s.sidecar.State
	}
	s.addHTTP(g, s.sockets.adminTCP, admin.New(options))
	if s.sockets.adminUnix != nil {
		s.addHTTP(g, s.sockets.adminUnix, admin.Metrics(options))
	}
}

// adminHosts are the names by which the admin listener is called beside those that
// it answers to anyway: the machine's own, and that of --admin-listen.
func (s *service) adminHosts() (names []string) {
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	if name, _, err := net.SplitHostPort(s.adminListen); err == nil && name != "" {
		names = append(names, name)
	}
	return names
}

func (s *service) addHTTP(g *oklog.Group, lis net.Listener, pages http.Handler) {
	server := admin.NewServer(pages, s.log)
	g.Add(func() error {
		if err := server.Serve(lis); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, func(error) {
		ctx, cancel := context.WithTimeout(context.Background(), pagesTime)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	})
}
