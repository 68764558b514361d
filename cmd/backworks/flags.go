package main

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"backworks/envoy"
)

// portFlag is a TCP port; 0, which it cannot be set to, is none given.
type portFlag uint16

func (p *portFlag) String() string {
	if *p == 0 {
		return ""
	}
	return strconv.Itoa(int(*p))
}

func (p *portFlag) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return errors.New("must be from 1 to 65535")
	}
	*p = portFlag(n)
	return nil
}

func (p *portFlag) Type() string { return "port" }

// limitFlag is a number above 0.
type limitFlag int

func (l *limitFlag) String() string { return strconv.Itoa(int(*l)) }

func (l *limitFlag) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return errors.New("must be from 1 to 2147483647")
	}
	*l = limitFlag(n)
	return nil
}

func (l *limitFlag) Type() string { return "number" }

// listenFlag is host:port to listen on; the host may be empty, for all interfaces,
// and the port 0, for a free one.
type listenFlag string

func (l *listenFlag) String() string { return string(*l) }

func (l *listenFlag) Set(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("must be host:port")
	}
	*l = listenFlag(s)
	return nil
}

func (l *listenFlag) Type() string { return "host:port" }

// xdsListenFlag is as listenFlag, or unix:///path.
type xdsListenFlag string

func (x *xdsListenFlag) String() string { return string(*x) }

func (x *xdsListenFlag) Set(s string) error {
	if strings.HasPrefix(s, "unix://") {
		return (*addressFlag)(x).Set(s)
	}
	if (*listenFlag)(x).Set(s) != nil {
		return errors.New("must be host:port or unix:///path")
	}
	return nil
}

func (x *xdsListenFlag) Type() string { return "address" }

// addressFlag is where something listens: host:port or unix:///path.
type addressFlag envoy.Address

func (a *addressFlag) String() string { return string(*a) }

func (a *addressFlag) Set(s string) error {
	if _, _, err := envoy.Address(s).Split(); err != nil {
		return err
	}
	*a = addressFlag(s)
	return nil
}

func (a *addressFlag) Type() string { return "address" }

// addressesFlag are addresses of a flag that may be repeated.
type addressesFlag []envoy.Address

func (a *addressesFlag) String() string { return "" }

func (a *addressesFlag) Set(s string) error {
	var one addressFlag
	if err := one.Set(s); err != nil {
		return err
	}
	if network, address, _ := envoy.Address(one).Split(); network == "tcp" {
		one = addressFlag(address) // with or without http://, it is one Envoy
	}
	if !slices.Contains(*a, envoy.Address(one)) {
		*a = append(*a, envoy.Address(one))
	}
	return nil
}

func (a *addressesFlag) Type() string { return "address" }
