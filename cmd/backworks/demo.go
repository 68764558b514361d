package main

import (
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"backworks/demo"
)

func demoCommand() *cobra.Command {
	var name, listen string
	var port uint16
	c := &cobra.Command{
		Use:   "demo [flags]",
		Short: "Run one demo backend",
		Long: `Demo runs one backend with users, orders and products as JSON, to try a proxy on.
It listens on this machine alone, 127.0.0.1:3001. With --port it listens on every
interface, as in a container, where others have to reach it.`,
		Example: `  backworks demo
  backworks demo --name backend-2 --listen 127.0.0.1:3002
  backworks demo --name backend-2 --port 3002      in a container`,
		RunE: func(c *cobra.Command, _ []string) error {
			if port != 0 && listen != "" {
				return wrongUse("--listen and --port exclude each other")
			}
			backend := demo.Backend{Name: name, Address: demoBackends[0].Address}
			switch {
			case listen != "":
				backend.Address = listen
			case port != 0:
				backend.Address = net.JoinHostPort("", strconv.Itoa(int(port)))
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			f := startFlags{verbose: true}
			return demo.Run(ctx, f.newLogger(c.ErrOrStderr()), backend)
		},
	}
	c.Flags().StringVar(&name, "name", demoBackends[0].Name, "`NAME` that the header X-Backend of its answers has")
	c.Flags().Var((*listenFlag)(&listen), "listen", "`ADDR` to listen on (127.0.0.1:3001)")
	c.Flags().Var((*portFlag)(&port), "port", "`PORT` to listen on, on every interface")
	return c
}
