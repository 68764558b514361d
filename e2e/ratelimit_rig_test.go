package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"backworks/envoy/testport"
)

// counter is a rate limit service and the Redis in which it counts.
type counter struct {
	*fleetSite
	redis, service *exec.Cmd
	port           int // of the service
	redisPort      int
}

func (f *fleetSite) newCounter() *counter {
	f.Helper()
	c := &counter{fleetSite: f, port: testport.Free(f), redisPort: testport.Free(f)}
	c.startRedis()
	return c
}

// run starts a program that is killed with the test.
func (c *counter) run(env []string, name string, args ...string) *exec.Cmd {
	c.Helper()
	cmd, out := exec.Command(name, args...), new(buffer)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		c.Fatalf("%v: `make ratelimit` installs it", err)
	}
	c.Cleanup(func() {
		c.end(cmd)
		if c.Failed() {
			c.Logf("%s: %s", name, out.String())
		}
	})
	return cmd
}

func (c *counter) end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func (c *counter) startRedis() {
	c.redis = c.run(nil, "redis-server", "--port", fmt.Sprint(c.redisPort), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	c.listens("redis", c.redisPort)
}

// startService has it ask the management server for its rules.
func (c *counter) startService(xds string) {
	binary, err := filepath.Abs("../.tools/bin/ratelimit")
	if err != nil {
		c.Fatal(err)
	}
	c.service = c.run([]string{
		"CONFIG_TYPE=GRPC_XDS_SOTW", "CONFIG_GRPC_XDS_NODE_ID=ratelimit", "CONFIG_GRPC_XDS_SERVER_URL=" + xds,
		"XDS_CLIENT_BACKOFF_INITIAL_INTERVAL=100ms", "XDS_CLIENT_BACKOFF_MAX_INTERVAL=1s",
		"HOST=127.0.0.1", "GRPC_HOST=127.0.0.1", "DEBUG_HOST=127.0.0.1",
		fmt.Sprint("PORT=", testport.Free(c)), fmt.Sprint("DEBUG_PORT=", testport.Free(c)), fmt.Sprint("GRPC_PORT=", c.port),
		"REDIS_SOCKET_TYPE=tcp", fmt.Sprint("REDIS_URL=127.0.0.1:", c.redisPort), "REDIS_TIMEOUT=1s", "USE_STATSD=false", "DISABLE_STATS=true",
	}, binary)
	c.listens("the rate limit service", c.port)
}

func (c *counter) listens(what string, port int) {
	c.Helper()
	c.until(what+" listens", func() bool {
		conn, err := net.DialTimeout("tcp", fmt.Sprint("127.0.0.1:", port), time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}
