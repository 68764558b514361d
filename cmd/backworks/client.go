package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"backworks/admin"
)

const (
	// clientTime bounds a question to an admin listener; asking every Envoy takes
	// longest.
	clientTime = 10 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes: the status of a large fleet.
	maxAnswer = 256 << 20
)

// adminURL is the flag for the admin listener of a start that runs.
type adminURL string

func (a *adminURL) String() string { return string(*a) }

func (a *adminURL) Set(s string) error {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" {
		return fmt.Errorf("must be http://host:port")
	}
	*a = adminURL("http://" + u.Host)
	return nil
}

func (a *adminURL) Type() string { return "URL" }

// adminClient asks an admin listener, and shows it the token of a file if there is one.
type adminClient struct {
	url       adminURL
	tokenFile string
}

// newAdminClient has the flags of a command say where the listener is.
func newAdminClient(flags *pflag.FlagSet) *adminClient {
	a := &adminClient{url: defaultAdminURL()}
	flags.Var(&a.url, "admin", "`URL` of the admin listener")
	flags.StringVar(&a.tokenFile, "admin-token-file", "", "`FILE` with the token that it takes")
	return a
}

// defaultAdminURL is that of a start without flags.
func defaultAdminURL() adminURL {
	return adminURL(fmt.Sprintf("http://%s:%d", defaultAdminHost, defaultAdminPort))
}

// ask asks for a page and gives its status and body. It goes straight there: no proxy
// of the environment is in between.
func (a adminClient) ask(ctx context.Context, method, path string, query url.Values) (int, []byte, error) {
	address := string(a.url) + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", address, err)
	}
	if a.tokenFile != "" {
		token, err := admin.ReadToken(a.tokenFile)
		if err != nil {
			return 0, nil, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", address, cause(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", address, cause(err))
	}
	return response.StatusCode, body, nil
}

// get asks for a page and reads its answer into v; another answer than 200 is an error
// with the listener's own words.
func (a adminClient) get(ctx context.Context, method, path string, query url.Values, v any) error {
	ctx, cancel := context.WithTimeout(ctx, clientTime)
	defer cancel()
	status, body, err := a.ask(ctx, method, path, query)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		var said struct{ Error string }
		if json.Unmarshal(body, &said) == nil && said.Error != "" {
			return fmt.Errorf("%s%s: %s", a.url, path, said.Error)
		}
		return fmt.Errorf("%s%s answers %d %s", a.url, path, status, http.StatusText(status))
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("read the answer of %s%s: %w", a.url, path, err)
	}
	return nil
}
