package main

import (
	_ "embed"
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
	// ${TARGET} are ports.
	blueprint, envoy string
	request          string
	// against is the case that its costs are told against; "": none.
	against string
}

const (
	get  = "GET /api/users HTTP/1.1\r\nHost: proxy\r\nAccept: */*\r\n\r\n"
	none = "none"
	seed = "the shipped blueprint"
	hand = "the same by hand"
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
`

// cases are all that is measured; those that others are told against come first.
func cases() []oneCase {
	return []oneCase{
		{name: none, blueprint: plain, request: get},
		{name: hand, envoy: byHand, request: get},
		{name: seed, blueprint: ofSeed, request: get, against: hand},
		plugin("cors", "  cors: {config: {allow_origins: https://app.example.com}}").with("Origin: https://app.example.com"),
	}
}
