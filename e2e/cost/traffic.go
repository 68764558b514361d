package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// target answers every request with 1.1 kB of JSON, as cheaply as it can.
type target struct {
	listener net.Listener
	port     int
}

var page = func() string {
	body := `{"users":[` + strings.TrimSuffix(strings.Repeat(`{"id":1234567,"name":"Ada","secret":"s3cr3t","mail":"ada@example.com"},`, 15), ",") + `]}`
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=60\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}()

func newTarget() (*target, error) {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		return nil, err
	}
	t := &target{listener: l, port: l.Addr().(*net.TCPAddr).Port}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	return t, nil
}

func answer(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if _, err := io.WriteString(c, page); err != nil {
			return
		}
	}
}

// client asks for one thing again and again.
type client struct {
	net.Conn
	in      *bufio.Reader
	request string
}

func dial(port int, of oneCase) (*client, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	if of.tls {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // the certificate was made a moment ago
	}
	return &client{c, bufio.NewReader(c), of.request}, nil
}

// ask sends the request and reads the answer, which must be 200.
func (c *client) ask() error {
	if _, err := io.WriteString(c, c.request); err != nil {
		return err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %.200s", r.StatusCode, body)
	}
	return nil
}

// load has clients ask for a time, each as soon as it has its answer; it gives what each
// answer took.
func load(port, clients int, of oneCase, d time.Duration) ([]time.Duration, error) {
	var (
		mu   sync.Mutex
		all  []time.Duration
		errs []error
		wait sync.WaitGroup
	)
	until := time.Now().Add(d)
	for range clients {
		wait.Go(func() {
			took, err := loop(port, of, until)
			mu.Lock()
			defer mu.Unlock()
			all, errs = append(all, took...), append(errs, err)
		})
	}
	wait.Wait()
	return all, errors.Join(errs...)
}

func loop(port int, of oneCase, until time.Time) (took []time.Duration, err error) {
	c, err := dial(port, of)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for began := time.Now(); began.Before(until); {
		if err := c.ask(); err != nil {
			return nil, err
		}
		now := time.Now()
		took, began = append(took, now.Sub(began)), now
	}
	return took, nil
}

func median[T int | float64 | time.Duration](all []T) T {
	all = slices.Sorted(slices.Values(all))
	if len(all) == 0 {
		return 0
	}
	return all[len(all)/2]
}
