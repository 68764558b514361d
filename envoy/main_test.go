package envoy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
)

// asSidecar makes the test binary run a Sidecar on the bootstrap in the file that
// it names, so that a test can kill it.
const asSidecar = "BACKWORKS_TEST_SIDECAR"

func TestMain(m *testing.M) {
	if file := os.Getenv(asSidecar); file != "" {
		if err := runSidecar(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func runSidecar(file string) error {
	wire, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	m := &bootstrapv3.Bootstrap{}
	if err := proto.Unmarshal(wire, m); err != nil {
		return err
	}
	path, err := Find("", "../.tools")
	if err != nil {
		return err
	}
	sidecar, err := NewSidecar(SidecarOptions{
		Path: path, Bootstrap: m, StateDir: filepath.Dir(file), Concurrency: 1, Logger: hclog.Default(),
	})
	if err != nil {
		return err
	}
	return sidecar.Run(context.Background())
}

func TestEnvoyOutlivesAKillAndIsAdopted(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	wire, err := proto.Marshal(s.bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.stateDir, "wire")
	if err := os.WriteFile(file, wire, 0o600); err != nil {
		t.Fatal(err)
	}
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), asSidecar+"="+file)
	other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Stop(context.Background(), s.stateDir, hclog.NewNullLogger()) })
	eventually(t, func() error { return s.get("/") })
	left := readRecord(s.stateDir)
	if left == nil {
		t.Fatal("envoy is not on record")
	}

	traffic, failed := s.traffic(t)
	// The whole group, as a terminal that closes does.
	if err := syscall.Kill(-other.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	other.Wait()
	r := s.run(t)
	adopted := r.waitLive(s)
	if adopted.PID != left.PID || !adopted.Adopted {
		t.Errorf("left %+v, adopted %+v", left, adopted)
	}
	traffic()
	if n := failed(); n > 0 {
		t.Errorf("%d requests failed", n)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	s.wantNothingLeft(t, left.PID)
}
