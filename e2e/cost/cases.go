package main

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
)

// byHand is what somebody who knows Envoy would write for the shipped blueprint's job.
//
//go:embed byhand.yaml
var byHand string

// oneCase is a configuration and the request that it is asked with.
type oneCase struct {
	name string
	// blueprint is rendered by the product, envoy is taken as it is; ${PROXY} and
	// ${TARGET} are ports, ${DIR} is a directory with an empty one named cache in it.
	blueprint, envoy string
	request          string
	// files stand beside the blueprint; tls says that clients speak it.
	files map[string]string
	tls   bool
	// against is the case that its costs are told against; "": none.
	against string
}

const (
	get    = "GET /api/users HTTP/1.1\r\nHost: proxy\r\nAccept: */*\r\n\r\n"
	none   = "none"
	posted = "none, POST"
	seed   = "the shipped blueprint"
	hand   = "the same by hand"
)

// plugin is a case of one plugin, as it stands under plugins.
func plugin(name, text string) oneCase {
	return oneCase{name: name, blueprint: strings.Replace(plain, "endpoints:", text+"\nendpoints:", 1), request: get, against: none}
}

// with has the request say more.
func (c oneCase) with(headers string) oneCase {
	c.request = strings.Replace(c.request, "\r\n\r\n", "\r\n"+headers+"\r\n\r\n", 1)
	return c
}

// beside puts a file beside the blueprint.
func (c oneCase) beside(name, content string) oneCase {
	c.files = map[string]string{name: content}
	return c
}

// post has the request be one with a JSON body.
func (c oneCase) post() oneCase {
	c.request, c.against = post, posted
	return c
}

// post has 300 bytes of JSON.
var post = func() string {
	body := `{"secret":"s3cret","user":{"id":9007199254740993,"name":"Ada"},"items":[` + strings.Repeat(`{"sku":"A-1","count":2},`, 9) + `{"sku":"B-2","count":1}]}`
	return fmt.Sprintf("POST /api/users HTTP/1.1\r\nHost: proxy\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}()

// plain is a proxy without any plugin.
const plain = `
server: {host: 127.0.0.1, port: ${PROXY}}
plugins:
  proxy: {config: {targets: ["http://127.0.0.1:${TARGET}"]}}
endpoints:
  - {path: /api/users}
`

// ofSeed is the job of the shipped blueprint: weighted targets, retries, a breaker,
// health checks, headers, and a path of the targets' own.
const ofSeed = `
server: {host: 127.0.0.1, port: ${PROXY}}
plugins:
  proxy:
    config:
      targets:
        - {name: one, url: "http://127.0.0.1:${TARGET}", weight: 1, retry_attempts: 3}
        - {name: two, url: "http://127.0.0.2:${TARGET}", weight: 2, retry_attempts: 3}
        - {name: three, url: "http://127.0.0.3:${TARGET}", weight: 1, retry_attempts: 3}
      load_balancing: weighted_round_robin
      circuit_breaker: {failure_threshold: 5, recovery_timeout: 60, half_open_max_calls: 3}
      health_check: {path: /health, interval: 30, timeout: 5}
      transform_request: {headers: {X-Proxy-Version: "1.0", X-Load-Balancer: backworks}}
      transform_response: {headers: {X-Proxied-By: backworks-proxy-plugin}}
endpoints:
  - {path: /api/users, method: GET, config: {proxy: {path: /users, transform_request: {headers: {X-Request-Source: user-service}}}}}
  - {path: "/api/users/{id}", method: GET, config: {proxy: {path: "/users/{id}", transform_request: {headers: {X-Request-Source: user-service}}}}}
  - {path: /api/users, method: POST, config: {proxy: {path: /users, transform_request: {headers: {X-Request-Source: user-service, Content-Type: application/json}}}}}
  - {path: /api/orders, method: GET, config: {proxy: {path: /orders, transform_request: {headers: {X-Request-Source: order-service}}}}}
  - {path: "/api/orders/{id}", method: GET, config: {proxy: {path: "/orders/{id}", transform_request: {headers: {X-Request-Source: order-service}}}}}
  - {path: /api/orders, method: POST, config: {proxy: {path: /orders, transform_request: {headers: {X-Request-Source: order-service, Content-Type: application/json}}}}}
  - {path: /api/products, method: GET, config: {proxy: {path: /products, transform_request: {headers: {X-Request-Source: product-service}}}}}
  - {path: "/api/products/{id}", method: GET, config: {proxy: {path: "/products/{id}", transform_request: {headers: {X-Request-Source: product-service}}}}}
  - {path: /health, method: GET, handler: static, config: {static: {status: 200, body: {status: healthy, timestamp: "{{now}}", version: "1.0.0"}}}}
  - {path: /metrics, method: GET, handler: metrics, config: {metrics: {format: json}}}
`

// cases are all that is measured; those that others are told against come first.
func cases() []oneCase {
	cert, key := selfSigned()
	secure := plugin("tls", "  tls: {config: {certificate: {certificate: a.pem, key: a.key}, http3: false}}")
	secure.files, secure.tls = map[string]string{"a.pem": cert, "a.key": key}, true
	keys := plugin("auth: API key", "  auth: {config: {api_key: {clients: {shop: file:shop.key}}}}").with("X-API-Key: " + apiKey)
	keys.files = map[string]string{"shop.key": apiKey}
	return []oneCase{
		{name: none, blueprint: plain, request: get},
		{name: posted, blueprint: plain, request: post},
		{name: hand, envoy: byHand, request: get},
		{name: seed, blueprint: ofSeed, request: get, against: hand},
		plugin("transformations: a header, the query", "  transformations: {config: {request: {rename_headers: {X-Old: X-New}, query: {defaults: {page: \"1\"}}}}}").with("X-Old: 1"),
		plugin("transformations: JSON of 300 bytes in", "  transformations: {config: {request: {body: {set: {added: \"1\"}, remove: [secret]}}}}").post(),
		plugin("transformations: JSON of 1.1 kB out", "  transformations: {config: {response: {body: {remove: [\"users.*.secret\"]}}}}"),
		plugin("cors", "  cors: {config: {allow_origins: https://app.example.com}}").with("Origin: https://app.example.com"),
		plugin("compression: gzip of 1.1 kB", "  compression: {config: {min_length: 100}}").with("Accept-Encoding: gzip"),
		plugin("access_log: JSON to a file", "  access_log: {config: {file: /dev/null}}"),
		plugin("tracing: a tenth, collector away", "  tracing: {config: {collector: \"http://127.0.0.1:9\", sampling: 10}}"),
		plugin("errors", "  errors: {config: {body: {code: \"{{status}}\"}}}"),
		plugin("rate_limit: by address", "  rate_limit: {config: {requests: 10000000, per: 1s, by: client_ip}}"),
		plugin("auth: token (HS256)", "  auth: {config: {jwt: {providers: {main: {issuer: me, jwks: file:keys.json}}}}}").with("Authorization: Bearer "+token()).beside("keys.json", keySet),
		keys,
		plugin("cache: a hit of 1.1 kB", "  cache: {config: {ttl: 60, directory: \"${DIR}/cache\"}}"),
		plugin("auth: password", "  auth: {config: {basic: {users: {alice: \"{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=\"}}}}").with("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+password))),
		secure,
	}
}
