package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthTime is below the timeouts that health checks of containers usually have.
const healthTime = 2 * time.Second

func healthCommand() *cobra.Command {
	var address *adminClient
	var ready bool
	c := &cobra.Command{
		Use:   "health [flags]",
		Short: "Ask a running start whether it is well; the exit code says it",
		Example: `  backworks health
  backworks health --ready --admin http://127.0.0.1:9000`,
		RunE: func(c *cobra.Command, _ []string) error {
			path := "/health"
			if ready {
				path = "/ready"
			}
			return health(c.Context(), address, path, c.OutOrStdout())
		},
	}
	address = newAdminClient(c.Flags())
	c.Flags().BoolVar(&ready, "ready", false, "ask whether an Envoy has what is published, not only whether the process serves")
	return c
}

func health(ctx context.Context, admin *adminClient, path string, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	status, body, err := admin.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(body))
	if status != http.StatusOK {
		return fmt.Errorf("%s%s answers %d %s: %s", admin.url, path, status, http.StatusText(status), text)
	}
	_, err = fmt.Fprintln(stdout, text)
	return err
}
