package translate_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"backworks/blueprints"
	"backworks/demo"
)

// shown is a command of the comment over an example, and the lines that it says one sees.
type shown struct {
	command string
	sees    []string
}

// comment are the commands in the comment at the top of a blueprint: behind "#   $ ", with
// what one sees below.
func comment(text string) (out []shown) {
	for line := range strings.Lines(text) {
		line, is := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "#")
		if !is {
			return out
		}
		command, is := strings.CutPrefix(line, "   $ ")
		sees, more := strings.CutPrefix(line, "   ")
		switch {
		case is:
			out = append(out, shown{command: command})
		case more && len(out) > 0 && !strings.HasPrefix(sees, "backworks "):
			out[len(out)-1].sees = append(out[len(out)-1].sees, sees)
		}
	}
	return out
}

// seen says that a line of the output is as the comment has it, where ... is anything.
func seen(line, output string) bool {
	parts := strings.Split(line, "...")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?m)^` + strings.Join(parts, ".*") + `\r?$`).MatchString(output)
}

// TestExamples does what the comments of blueprints/examples say, with the demo's backends,
// and sees what they say. Those whose commands stand at the margin show all that is printed,
// with more around them: TestExamples of e2e runs them.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../blueprints/examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), "\n#   $ ") {
			continue
		}
		ran++
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			result := blueprints.NewLoader(blueprints.Options{Path: file, Check: check}).Load()
			if len(result.Problems) > 0 {
				t.Error(result.Problems)
			}
			text := string(content)
			for port, address := range backends(t) {
				text = strings.ReplaceAll(text, "localhost:"+port, address)
			}
			p := serve(t, text, nil)
			list := comment(string(content))
			if len(list) < 2 {
				t.Error("the comment shows nothing")
			}
			for _, c := range list {
				command := strings.ReplaceAll(c.command, "localhost:8080", strings.TrimPrefix(p.url, "http://"))
				var output []byte
				unseen := func(line string) bool { return !seen(line, string(output)) }
				// Checks of health may not have come to the targets yet.
				for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
					output, _ = exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
					if !slices.ContainsFunc(c.sees, unseen) {
						break
					}
				}
				if i := slices.IndexFunc(c.sees, unseen); i >= 0 {
					t.Errorf("%s\nhas not %s, but\n%s", c.command, c.sees[i], output)
				}
			}
			if filepath.Base(file) == "realtime.yaml" {
				in := &testgrpc.SimpleRequest{ResponseSize: 1}
				if _, err := testgrpc.NewTestServiceClient(grpcDial(t, p.url)).UnaryCall(t.Context(), in); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if ran < 6 {
		t.Errorf("%d examples", ran)
	}
}

// backends are what the examples have behind them, by port.
func backends(t *testing.T) map[string]string {
	t.Helper()
	var list []demo.Backend
	for i := range 3 {
		list = append(list, demo.Backend{Name: fmt.Sprint("backend-", i+1), Address: "127.0.0.1:0"})
	}
	g, err := demo.Listen(list...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(ctx, nil) }()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	_, calls := newCalls(t)
	out := map[string]string{
		"9001": strings.TrimPrefix(echo(t), "http://"), "9002": strings.TrimPrefix(calls, "http://"),
		"1\"": "127.0.0.1:1\"", "4317": "127.0.0.1:1",
	}
	for i, address := range g.Addresses() {
		out[fmt.Sprint(3001+i)] = address
	}
	return out
}
