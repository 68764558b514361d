package e2e

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"backworks/envoy/testport"
)

// vault is a site with a secret of its own in each place that can hold one.
type vault struct {
	*tlsSite
	secrets map[string]string // by the place
	seen    map[string]string // what people see, by where
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{newTLSSite(t), map[string]string{}, map[string]string{}}
	v.renew(90 * day)
	v.ca.Sign(90*day, "client.example").Save(t, v.path("tls"), "c")
	v.write("tls/ca.pem", string(v.ca.PEM()))
	for _, stem := range []string{"a", "c"} {
		key, err := os.ReadFile(v.path("tls/" + stem + ".key"))
		if err != nil {
			t.Fatal(err)
		}
		v.secrets["tls/"+stem+".key"] = strings.Split(string(key), "\n")[1]
	}
	for _, file := range []string{"api-key", "password", "client-secret", "admin-token", "header", "check", "innocent"} {
		v.hide(file, "%s")
	}
	v.secrets["shared"] = base64.RawURLEncoding.EncodeToString([]byte("ssssshhh-shared-key-of-the-tokens-0"))
	v.write("shared", `{"keys":[{"kty":"oct","alg":"HS256","k":"`+v.secrets["shared"]+`"}]}`)
	sum := sha1.Sum([]byte("a password of the file"))
	v.secrets["hash"] = base64.StdEncoding.EncodeToString(sum[:])
	v.write("hash", "carol:{SHA}"+v.secrets["hash"]+"\n")
	for _, place := range []string{"HEADER", "INNOCENT", "API_KEY", "HOST_USER"} {
		name := "BACKWORKS_TEST_" + place
		v.secrets[place] = "ssssshhh-env-" + strings.ToLower(place)
		if err := os.Setenv(name, v.secrets[place]); err != nil { // Setenv of testing bars parallel tests
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Unsetenv(name) })
	}
	return v
}

// hide puts a secret of a file's own into it.
func (v *vault) hide(file, format string) {
	v.secrets[file] = "ssssshhh-file-" + file
	v.write(file, fmt.Sprintf(format, v.secrets[file])+"\n")
}

func (v *vault) text(target string) string {
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
nodes: {}
plugins:
  tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}}}
  access_log: {config: {file: stdout}}
  proxy:
    config:
      targets: [%q]
      transform_request: {headers: {Authorization: "Bearer ${BACKWORKS_TEST_HEADER}", X-Plain: "${BACKWORKS_TEST_INNOCENT}"}}
      upstreams:
        inner:
          targets: ["https://127.0.0.1:%d"]
          tls: {ca: tls/ca.pem, certificate: tls/c.pem, key: tls/c.key}
          health_check: {path: /up, headers: {X-Probe: file:check}}
          transform_request: {headers: {X-Token: file:header, X-Innocent: file:innocent}}
  auth:
    config:
      require: [api_key, basic]
      api_key: {query: key, clients: {partner: file:api-key, shop: "${BACKWORKS_TEST_API_KEY}"}}
      basic: {users: {alice: file:password}, htpasswd: file:hash}
      jwt: {providers: {main: {issuer: i, audience: a, jwks: file:shared}}}
      oauth2: {authorization_endpoint: "https://a/", token_endpoint: "http://127.0.0.1:1/", client_id: c, client_secret: file:client-secret}
endpoints:
  - {path: /a, handler: proxy}
  - {path: /b, handler: proxy, upstream: inner, config: {auth: {require: [oauth2, jwt]}}}
  - {path: /c, handler: static, config: {static: {body: "${BACKWORKS_TEST_INNOCENT}"}}}
`, v.port, target, testport.Free(v))
}

// TestSecretsAreToldToNobody: no secret is in what the program says, shows, keeps or sends
// to those who may not have it, however it was put in, and whatever is wrong with it.
func TestSecretsAreToldToNobody(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.write("main.yaml", v.text(newBackend(v, "one").url))
	p := v.start("-v", "--admin-token-file", "admin-token", "--xds-listen", "0.0.0.0:0", "--xds-insecure").live()
	v.until("it serves", func() bool {
		status, _, _ := ask(v.client(false), "GET", v.proxy+"/a?key="+v.secrets["api-key"], "")
		return status == 200
	})
	for _, path := range []string{"/b", "/none", "/c", "/a/../a", "/%61"} { // that refuse the key, or take it
		_, _, _ = ask(v.client(false), "GET", v.proxy+path+"?key="+v.secrets["api-key"], "")
		v.until("it is logged", func() bool { return strings.Contains(p.out.String(), path) || path == "/a/../a" || path == "/%61" })
	}
	v.pages(p)
	v.commands(p)
	_, port, err := net.SplitHostPort(xdsLine.FindStringSubmatch(p.out.String())[1])
	if err != nil {
		t.Fatal(err)
	}
	if own := ownAddress(t); own != "127.0.0.1" {
		v.far(net.JoinHostPort(own, port))
	}
	v.near("127.0.0.1:" + port)
	v.broken(p)
	p.kill(syscall.SIGTERM)
	v.seen["log"], v.seen["output"] = p.log.String(), p.out.String()
	v.kept()
	for where, text := range v.seen {
		for place, secret := range v.secrets {
			if own := strings.Contains(where, "render") || strings.Contains(where, "transform"); own && (place == "HEADER" || place == "INNOCENT") {
				text = strings.ReplaceAll(text, secret, "")
				continue
			}
			for _, s := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))[:12], hex.EncodeToString([]byte(secret))} {
				if strings.Contains(text, s) {
					t.Errorf("the secret of %s is in %s", place, where)
				}
			}
		}
		if at := strings.Index(text, "ssssshhh"); at >= 0 {
			t.Errorf("a part of a secret is in %s: %.80s", where, text[at:])
		}
	}
}

// pages are all that the admin listener answers.
func (v *vault) pages(p *process) {
	paths := []string{"/", "/health", "/ready", "/metrics", "/metrics?format=json", "/api/v1/status", "/api/v1/targets", "/api/v1/history", "/api/v1/telemetry", "/api/v1/openapi.yaml", "/api/v1/blueprint?blueprint=main.yaml", "/nowhere"}
	for _, kind := range []string{"CDS&name=default", "CDS&name=inner", "LDS&name=proxy", "RDS&name=proxy", "SDS&name=listener/certificate/0", "SDS&name=pool/inner/certificate", "SDS&name=auth/oauth2/token"} {
		paths = append(paths, "/api/v1/resource?blueprint=main.yaml&type="+kind)
	}
	for _, path := range paths {
		u, err := url.Parse(p.admin + path)
		if err != nil {
			v.Fatal(err)
		}
		status, body, _ := ask(&curl, "GET", u.String(), "")
		if status != 401 && path != "/health" && path != "/ready" {
			v.Errorf("%s without the token: %d", path, status)
		}
		v.seen[path+" without the token"] = body
		u.User = url.UserPassword("me", v.secrets["admin-token"])
		status, body, header := ask(&curl, "GET", u.String(), "")
		if status != 200 && path != "/nowhere" {
			v.Errorf("%s: %d %s", path, status, body)
		}
		v.seen[path] = body + fmt.Sprint(header)
	}
}

// commands are those of the program that show a blueprint, or what runs. What ${NAME}
// stands for in headers and bodies is in a rendering: whoever renders has it set.
func (v *vault) commands(p *process) {
	v.write("request.http", "GET /b HTTP/1.1\nHost: a.example\n\n")
	for _, args := range []string{
		"render main.yaml", "render --resources main.yaml", "transform -c main.yaml --request request.http", "validate main.yaml", "validate --format json main.yaml", "validate --envoy-path " + v.envoy + " main.yaml",
		"status", "status -o json", "history", "history -o json",
	} {
		words := strings.Fields(args)
		if strings.HasPrefix(args, "status") || strings.HasPrefix(args, "history") {
			words = append(words, "--admin-token-file", "admin-token")
			_, v.seen[args] = p.command(words...)
			continue
		}
		c := exec.Command(program, words...)
		c.Dir = v.dir
		out, err := c.CombinedOutput()
		if v.seen[args] = string(out); err != nil {
			v.Errorf("%s: %v %s", args, err, out)
		}
	}
}

// far is what a node gets that comes in plaintext from another machine.
func (v *vault) far(address string) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		v.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var got strings.Builder
	for _, kind := range []string{"cluster.v3.Cluster", "listener.v3.Listener", "route.v3.RouteConfiguration"} {
		stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
		if err != nil {
			v.Fatal(err)
		}
		_ = stream.Send(&discoveryv3.DiscoveryRequest{TypeUrl: "type.googleapis.com/envoy.config." + kind, ResourceNames: []string{"*"}, Node: &corev3.Node{Id: "far", Cluster: "far"}})
		answer, err := stream.Recv()
		fmt.Fprint(&got, answer, err)
		if err == nil {
			v.Errorf("a node in plaintext gets %s", kind)
		}
	}
	v.seen["xDS in plaintext"] = got.String()
}

// near is what CSDS tells of the Envoy that has it all.
func (v *vault) near(address string) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		v.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := statusv3.NewClientStatusDiscoveryServiceClient(conn).FetchClientStatus(ctx, &statusv3.ClientStatusRequest{})
	if err != nil || len(got.Config) == 0 {
		v.Fatal(got, err)
	}
	for _, config := range got.Config {
		for _, x := range config.GenericXdsConfigs {
			v.seen["CSDS of "+x.TypeUrl+" "+x.Name] = string(x.XdsConfig.GetValue())
		}
	}
}

// broken are blueprints with something wrong where a secret is.
func (v *vault) broken(p *process) {
	whole, err := os.ReadFile(v.path("main.yaml"))
	if err != nil {
		v.Fatal(err)
	}
	for file, content := range map[string]string{
		"bad/key": "ssssshhh of two words", "bad/header": "ssssshhh\x01", "bad/hash": "carol:ssssshhh", "bad/sha": "{SHA}ssssshhh", "bad/jwks": `{"keys": ["ssssshhh`,
		"bad/k": `{"keys":[{"kty":"oct","k":"ssssshhh!"}]}`, "bad/crypt": "$2y$05$ssssshhh", "bad/empty": "",
	} {
		v.write(file, content)
	}
	for i, c := range [][2]string{
		{"file:api-key", "file:bad/key"}, {"file:header", "file:bad/header"}, {"file:hash", "file:bad/hash"}, {"file:password", "file:bad/sha"}, {"file:password", "file:bad/crypt"},
		{"file:shared", "file:bad/jwks"}, {"file:shared", "file:bad/k"}, {"file:client-secret", "file:bad/empty"}, {"file:client-secret", "file:no-such-file"},
		{"file:api-key", `"${BACKWORKS_TEST_API_KEY}"`}, // a key of two
		{"port: ", `port: "${BACKWORKS_TEST_HEADER}" # `}, {"path: /up", `path: "${BACKWORKS_TEST_HEADER}"`}, {"path: /up", `interval: "${BACKWORKS_TEST_HEADER}"`},
		{"upstream: inner", `upstream: "${BACKWORKS_TEST_HEADER}"`}, {"/api_key", ""}, {"[oauth2, jwt]", `"${BACKWORKS_TEST_HEADER}"`},
		{"http://127.0.0.1:1/", "http://${BACKWORKS_TEST_HOST_USER}:x@127.0.0.1:1/"}, {"https://127.0.0.1", "https://${BACKWORKS_TEST_HOST_USER}:x@127.0.0.1"},
		{"https://127.0.0.1", "https://${BACKWORKS_TEST_HOST_USER} /"}, {"X-Plain: ", `"${BACKWORKS_TEST_HEADER} : ": `}, {"tls/c.key", "tls/ca.pem"}, {"handler: static", `handler: "${BACKWORKS_TEST_INNOCENT}"`},
		{"query: key", `query: "${BACKWORKS_TEST_INNOCENT} x"`}, {"alice: ", `"ali ce": `}, {"issuer: i", `issuer: i, clock_skew: "${BACKWORKS_TEST_INNOCENT}"`},
	} {
		v.write("broken.yaml", strings.Replace(string(whole), c[0], c[1], 1))
		for _, args := range [][]string{{"validate", "broken.yaml"}, {"validate", "--format", "github", "broken.yaml"}, {"render", "broken.yaml"}} {
			x := exec.Command(program, args...)
			x.Dir = v.dir
			out, _ := x.CombinedOutput()
			v.seen[fmt.Sprint(args, " with ", c[1])] = string(out)
			if c[0] != "/api_key" && x.ProcessState.ExitCode() == 0 {
				v.Errorf("%d: %s passes: %s", i, c[1], out)
			}
		}
	}
	v.write("api-key", "ssssshhh of two words")
	v.until("the broken key is told of", func() bool { return regexp.MustCompile("a key must be one line").MatchString(p.log.String()) })
	u := strings.Replace(p.admin, "http://", "http://me:"+v.secrets["admin-token"]+"@", 1)
	_, v.seen["status with a broken key"], _ = ask(&curl, "GET", u+"/api/v1/status", "")
}

// kept are the files that the program keeps.
func (v *vault) kept() {
	err := filepath.WalkDir(v.path("s"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			content, _ := os.ReadFile(path)
			v.seen[path] = string(content)
		}
		return err
	})
	if err != nil {
		v.Fatal(err)
	}
}
