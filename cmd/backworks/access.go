package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/spf13/pflag"

	"backworks/admin"
)

// accessFlags say who may use the admin listener.
type accessFlags struct {
	tokenFile   string
	openMetrics bool
	insecure    bool
}

func (f *accessFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.tokenFile, "admin-token-file", "", "`FILE` with the token that the admin listener takes, as bearer token or as password of basic authentication; read again when it changes")
	flags.BoolVar(&f.openMetrics, "admin-open-metrics", false, "let anybody read /metrics, as /health and /ready, without the token")
	flags.BoolVar(&f.insecure, "admin-insecure", false, "open the admin listener beyond this machine without a token: whoever reaches it may see and change all")
}

// checkAccess finds what can be said without a look at anything.
func (f *startFlags) checkAccess() error {
	a := f.access
	switch {
	case a.insecure && a.tokenFile != "":
		return errors.New("--admin-insecure and --admin-token-file exclude each other")
	case a.openMetrics && a.tokenFile == "":
		return errors.New("--admin-open-metrics needs --admin-token-file: without it all is open")
	case a.insecure || a.tokenFile != "":
		return nil
	}
	if host, _, err := net.SplitHostPort(f.adminListen); err == nil {
		// What a name stands for is only known when it is listened on.
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && !ip.Unmap().IsLoopback() {
			return openToOthers(f.adminListen)
		}
	}
	return nil
}

// openToOthers is the refusal to open the admin listener beyond this machine.
func openToOthers(address string) error {
	return fmt.Errorf("the admin listener on %s can be reached from other machines: give --admin-token-file, or say --admin-insecure", address)
}

// loadToken reads the token, if there is to be one.
func (s *service) loadToken() (err error) {
	if s.access.tokenFile != "" {
		s.token, err = admin.LoadToken(s.access.tokenFile, s.log)
	}
	return err
}

// mayAnswer says whether the admin listener may be open to others: without a token only
// when that is meant.
func (s *service) mayAnswer(lis net.Listener, address string) error {
	// A name may stand for several addresses: this is the one that it is.
	own, tcp := lis.Addr().(*net.TCPAddr)
	if s.token != nil || !tcp || own.IP.IsLoopback() {
		return nil
	}
	if !s.access.insecure {
		return usageError{openToOthers(address)}
	}
	s.log.Warn("the admin listener takes no token: whoever reaches it may see and change all", "address", lis.Addr())
	return nil
}
