package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	oklog "github.com/oklog/run"

	"backworks/admin"
)

// pagesTime is how long the pages may take to finish an answer at the end.
const pagesTime = 2 * time.Second

// addPages adds the admin listener, and the one to which our Envoy leads the
// blueprint's own metrics endpoints.
func (s *service) addPages(g *oklog.Group) {
	options := admin.Options{Fleet: s.fleet, XDS: s.stats, Logger: s.log, Version: version}
	if s.sidecar != nil {
		options.Sidecar = s.sidecar.State
	}
	s.addHTTP(g, s.sockets.adminTCP, admin.New(options))
	if s.sockets.adminUnix != nil {
		s.addHTTP(g, s.sockets.adminUnix, admin.Metrics(options))
	}
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
