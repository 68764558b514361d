package blueprints

// Text is a string with placeholders such as {{now}} or {{header.X-Tenant}}.
type Text []Part

// Part is either a Literal, or a placeholder: Var is "now", "client_ip",
// "request_id", "method", "path", "host" or "scheme"; or "header", "query" or
// "param" with its name in Arg ({{path.id}} is Var "param", Arg "id").
type Part struct {
	Literal  string
	Var, Arg string
}
