package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthTime is below the timeouts that health checks of containers usually have.
const healthTime = 2 * time.Second

func healthCommand() *cobra.Command {
	var admin string
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
			address, err := pageURL(admin, path)
			if err != nil {
				return usageError{err}
			}
			return health(c.Context(), address, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&admin, "admin", fmt.Sprintf("http://%s:%d", defaultAdminHost, defaultAdminPort), "`URL` of the admin listener")
	c.Flags().BoolVar(&ready, "ready", false, "ask whether an Envoy has what is published, not only whether the process serves")
	return c
}

// pageURL takes a URL or host:port.
func pageURL(admin, path string) (string, error) {
	if !strings.Contains(admin, "://") {
		admin = "http://" + admin
	}
	u, err := url.Parse(admin)
	if err != nil || u.Host == "" || u.Scheme != "http" {
		return "", fmt.Errorf("invalid argument %q for --admin: must be http://host:port", admin)
	}
	return "http://" + u.Host + path, nil
}

func health(ctx context.Context, address string, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	// Of the machine itself, so that no proxy of the environment is in between.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, cause(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, cause(err))
	}
	text := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", address, response.Status, text)
	}
	_, err = fmt.Fprintln(stdout, text)
	return err
}
