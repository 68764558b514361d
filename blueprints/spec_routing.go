package blueprints

// routingSpec is what an endpoint says of the pools that its requests go to, beside
// upstream.
type routingSpec struct {
	Split  dict[number]     `yaml:"split" min:"0" max:"1000000" doc:"Pools with the weight of each: requests are spread over them in that proportion. In place of upstream; weight 0 gets nothing."`
	Canary list[canarySpec] `yaml:"canary" single:"true" doc:"Requests that match go to another pool; the first that matches counts. The others go to upstream, split or targets."`
	Mirror list[mirrorSpec] `yaml:"mirror" single:"true" doc:"Sends a copy of requests to other pools too, whose answers are thrown away: a pool's name, or a mapping."`
}

type canarySpec struct {
	at
	Upstream str       `yaml:"upstream" required:"true" doc:"The pool that gets the requests."`
	Headers  dict[str] `yaml:"headers,header" doc:"Headers that a request must have, with their whole values; \"*\" is any."`
	Cookies  dict[str] `yaml:"cookies,cookie" doc:"Cookies that a request must have, with their whole values; \"*\" is any."`
}

type mirrorSpec struct {
	at
	Upstream str    `yaml:"upstream" required:"true" doc:"The pool that gets the copies."`
	Percent  number `yaml:"percent" default:"100" min:"0" max:"100" doc:"The per cent of the requests that are copied."`
}
