package presubmit

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// dependencies are the modules that we may import, each with its reason.
var dependencies = map[string]string{
	"github.com/envoyproxy/go-control-plane/envoy":     "Envoy's API as Go types, its gRPC services included",
	"github.com/envoyproxy/go-control-plane/ratelimit": "the rules of the rate limit service as Go types",
	"github.com/envoyproxy/go-control-plane":           "tests only: its caches are what e2e/load compares us with",
	"google.golang.org/grpc":                           "what xDS is spoken over; its package xds, tests only: a client that is not Envoy",
	"go.opentelemetry.io/proto/otlp":                   "the attributes of access logs in the API; in tests, what a collector is sent",
	"google.golang.org/protobuf":                       "the messages of the API, and their deterministic form",
	"google.golang.org/genproto/googleapis/rpc":        "google.rpc.Status, in which an Envoy says why it refuses",
	"github.com/cncf/xds/go":                           "the tree of many routes in Envoy's API",
	"gopkg.in/yaml.v3":                                 "the only YAML parser with a node tree, lines and columns",
	"github.com/hashicorp/go-hclog":                    "levelled, structured logs, named by package",
	"github.com/spf13/cobra":                           "the command line, its help and completions",
	"github.com/spf13/pflag":                           "what the flags of cobra are",
	"github.com/fsnotify/fsnotify":                     "a save is seen at once on every system",
	"github.com/yuin/gopher-lua":                       "runs the script of transformations without an Envoy, for backworks transform",
	"github.com/oklog/run":                             "what runs together ends together",
	"github.com/prometheus/client_golang":              "our own metrics, and their linter in tests",
	"github.com/prometheus/client_model":               "the families that an exposition is made of",
	"github.com/prometheus/common":                     "reading and writing expositions",
	"go.etcd.io/bbolt":                                 "one embedded file that survives a kill -9, with a lock",
	"github.com/santhosh-tekuri/jsonschema/v6":         "tests only: judges the schema we write",
	"github.com/chromedp/chromedp":                     "tests only: drives a real Chromium through the dashboard",
	"github.com/chromedp/cdproto":                      "tests only: the protocol's messages, for what chromedp has no call for",
	"github.com/coder/websocket":                       "tests only: WebSockets of clients and targets, without further dependencies",
	"golang.org/x/net":                                 "tests only: frames of HTTP/2 that no client would send; grpc has it anyway",
	"golang.org/x/tools":                               "tests only: txtar, a golden's input and output in one file",
}

// direct reads the modules of go.mod's require lines that are not indirect.
func direct(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	inBlock := false
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasSuffix(line, "// indirect\n"):
		case fields[0] == "require" && fields[1] == "(":
			inBlock = true
		case fields[0] == ")":
			inBlock = false
		case fields[0] == "require":
			modules = append(modules, fields[1])
		case inBlock:
			modules = append(modules, fields[0])
		}
	}
	return modules
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	modules := direct(t)
	for _, module := range modules {
		if dependencies[module] == "" {
			t.Errorf("go.mod requires %s, for which there is no reason here", module)
		}
	}
	for _, module := range slices.Sorted(maps.Keys(dependencies)) {
		if !slices.Contains(modules, module) {
			t.Errorf("%s has a reason here, but go.mod does not require it", module)
		}
	}
}
