package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	oklog "github.com/oklog/run"
	"github.com/spf13/pflag"

	"backworks/blueprints"
	"backworks/fleet"
	"backworks/store"
	"backworks/xds"
)

// xdsFlags say who may reach xDS, and how much of it one client may have.
type xdsFlags struct {
	files     xds.TLSFiles
	authorize string
	insecure  bool
	limits    xds.Limits
}

func (f *xdsFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.files.Certificate, "xds-cert", "", "`FILE` with the certificate for --xds-listen, and its chain (PEM); read again when it changes")
	flags.StringVar(&f.files.Key, "xds-key", "", "`FILE` with its private key")
	flags.StringVar(&f.files.ClientCA, "xds-client-ca", "", "`FILE` with the authorities that sign the Envoys' certificates; without it none is asked for")
	flags.StringVar(&f.authorize, "xds-authorize", "", "`FILE` that says which certificate may claim which nodes: a list of {san, ids, clusters}")
	flags.BoolVar(&f.insecure, "xds-insecure", false, "serve xDS in plaintext beyond this machine: whoever reaches it gets all blueprints")
	l := xds.DefaultLimits()
	for _, x := range []struct {
		limit *int
		value int
		name  string
		usage string
	}{
		{&f.limits.RequestRate, l.RequestRate, "xds-max-rate", "`N` requests a second from one stream; more wait"},
		{&f.limits.RequestBytes, l.RequestBytes, "xds-max-request", "`BYTES` of one request"},
		{&f.limits.UnknownTypes, l.UnknownTypes, "xds-max-types", "`N` types that one stream may ask for and that are unknown here"},
		{&f.limits.Names, l.Names, "xds-max-names", "`N` names that one stream may subscribe to"},
		{&f.limits.Streams, l.Streams, "xds-max-streams", "`N` streams at once; more wait"},
		{&f.limits.ConnectionStreams, l.ConnectionStreams, "xds-max-connection-streams", "`N` of them on one connection; more wait"},
		{&f.limits.Arrivals, l.Arrivals, "xds-max-arrivals", "`N` clients at their first request at once; more wait"},
	} {
		*x.limit = x.value
		flags.Var((*limitFlag)(x.limit), x.name, x.usage)
	}
}

// checkXDS finds what can be said without a look at anything.
func (f *startFlags) checkXDS() error {
	x := f.xds
	others := f.xdsListen != "" || !f.withSidecar()
	switch {
	case (x.files.Certificate == "") != (x.files.Key == ""):
		return errors.New("--xds-cert and --xds-key need each other")
	case x.files.ClientCA != "" && x.files.Certificate == "":
		return errors.New("--xds-client-ca needs --xds-cert and --xds-key")
	case x.authorize != "" && x.files.ClientCA == "":
		return errors.New("--xds-authorize needs --xds-client-ca: it goes by the certificates of clients")
	case x.insecure && x.files.Certificate != "":
		return errors.New("--xds-insecure and --xds-cert exclude each other")
	case x.files.Certificate != "" && (!others || strings.HasPrefix(f.xdsListen, "unix:")):
		return errors.New("--xds-cert is for a TCP --xds-listen: whoever may use a Unix socket is said by its file")
	}
	if host, _, err := net.SplitHostPort(f.xdsListen); err == nil && x.plain() {
		// What a name stands for is only known when it is listened on.
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && !ip.Unmap().IsLoopback() {
			return f.beyond(f.xdsListen)
		}
	}
	return nil
}

// plain tells whether xDS beyond this machine is neither encrypted nor meant to be in
// plaintext.
func (x *xdsFlags) plain() bool { return x.files.Certificate == "" && !x.insecure }

// beyond is the refusal to serve in plaintext beyond this machine.
func (f *startFlags) beyond(address string) error {
	return fmt.Errorf("xDS on %s can be reached from other machines: give --xds-cert and --xds-key, or say --xds-insecure", address)
}

// linger is longer than nearly all requests spend in filters, a body that is sent slowly
// aside.
const linger = 5 * time.Second

// secure makes what guards xDS.
func (s *service) secure() (xds.Options, error) {
	o := xds.Options{Limits: s.xds.limits, Linger: linger}
	if s.xds.files.Certificate == "" {
		return o, nil
	}
	var err error
	if o.TLS, err = xds.LoadTLS(s.xds.files, s.log); err != nil {
		return o, err
	}
	s.tls = o.TLS
	if s.xds.files.ClientCA == "" {
		s.log.Warn("xDS clients are not asked for certificates: whoever reaches it may claim any node", "instead", "--xds-client-ca")
	}
	if s.xds.authorize == "" {
		return o, nil
	}
	grants, problems := blueprints.LoadGrants(s.xds.authorize)
	if problems.Err() != nil {
		return o, badBlueprints{problems}
	}
	s.granted.grants = grants
	s.rights = &fleet.Rights{}
	s.rights.Take(grants)
	o.Permit = s.rights.Permit
	return o, nil
}

// mayServe says whether Envoys of other machines may be served on a listener: in
// plaintext only when that is meant.
func (s *service) mayServe(lis net.Listener, address string) error {
	// A name may stand for several addresses: this is the one that it is.
	own, tcp := lis.Addr().(*net.TCPAddr)
	if s.xds.files.Certificate != "" || !tcp || own.IP.IsLoopback() {
		return nil
	}
	if !s.xds.insecure {
		return usageError{s.beyond(address)}
	}
	s.log.Warn("xDS is served in plaintext: whoever reaches it gets all blueprints and may claim any node", "address", lis.Addr())
	return nil
}

// addSecurity keeps what guards xDS as its files are.
func (s *service) addSecurity(ctx context.Context, g *oklog.Group) {
	if s.tls == nil {
		return
	}
	paths := s.tls.Paths()
	if s.rights != nil {
		if abs, err := filepath.Abs(s.xds.authorize); err == nil {
			paths = append(paths, abs)
		}
	}
	watcher := store.NewWatcher(s.log)
	watcher.Set(paths)
	add(ctx, g, watcher.Run)
	add(ctx, g, func(ctx context.Context) error {
		for {
			select {
			case <-watcher.Changes():
				s.tls.Reload()
				s.regrant()
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// granted is what came of reading the grants.
type granted struct {
	grants   []blueprints.Grant
	problems blueprints.Problems
}

// regrant reads the grants again. With problems among them the last good ones hold.
func (s *service) regrant() {
	if s.rights == nil {
		return
	}
	grants, problems := blueprints.LoadGrants(s.xds.authorize)
	read := granted{grants, problems}
	if reflect.DeepEqual(read, s.granted) {
		return // the watcher tells twice of a change
	}
	s.granted = read
	for _, p := range problems {
		s.log.Error("grants are refused, those from before hold", "problem", p)
	}
	if problems.Err() != nil {
		return
	}
	s.rights.Take(grants)
	s.server.Recheck()
	s.log.Info("grants are read again", "file", s.xds.authorize, "grants", len(grants))
}
