package blueprints

import (
	"slices"
	"strconv"
	"strings"
)

// Transforms are the changes to requests and answers of targets beside those to headers
// and paths. Fields are zero where the file does not say them.
type Transforms struct {
	Query                     Query
	RequestBody, ResponseBody Body
	Status                    Status
}

// Transformations is the plugin: changes beside those of the proxy, which hold under them.
type Transformations struct {
	Policy
	RequestHeaders, ResponseHeaders Headers
	Rewrite                         *Rewrite
	Transforms                      Transforms
}

func (*Transformations) fill() {} // an endpoint's stand beside the blueprint's, not over them

// Query are changes to the query of a request, applied in the order of the fields.
type Query struct {
	Position
	Rename        []Rename
	Remove        []string
	Defaults, Set []Param
}

// Param is a parameter of a query.
type Param struct {
	Name  string
	Value Text
}

// Status are other statuses for those of a target.
type Status struct {
	Position
	Map []StatusChange
	// Force is the status of all that Map says nothing of; 0: none.
	Force int
}

// StatusChange makes To of the statuses From to Through.
type StatusChange struct{ From, Through, To int }

// transformations is the plugin, or what an endpoint, whose path it is, says of it.
func (d *decoder) transformations(s *transformationsSpec, path *Path) *Transformations {
	t := &Transformations{Policy: d.policy(&s.policySpec)}
	all := transformsSpec{TransformRequest: s.Request, TransformResponse: s.Response}
	t.RequestHeaders, t.ResponseHeaders = d.transforms(&all, path)
	t.Transforms = d.changes(&all, path)
	t.Rewrite = d.rewrite(rewritesOf(&all), path)
	return t
}

// changes unites what is said in every spelling.
func (d *decoder) changes(s *transformsSpec, path *Path) Transforms {
	requests := []*requestSpec{&s.TransformRequest, &s.Transformations.Request}
	responses := []*responseSpec{&s.TransformResponse, &s.Transformations.Response}
	t := Transforms{Query: d.query(requests, path), Status: d.status(responses)}
	for _, r := range requests {
		d.body(&t.RequestBody, &r.bodySpec, r.Body.items, path)
	}
	for _, r := range responses {
		d.body(&t.ResponseBody, &r.bodySpec, append(slices.Clone(r.Body.items), r.Filter.items...), path)
	}
	return t
}

// textOf is a value with placeholders.
func (d *decoder) textOf(s str, path *Path) Text {
	if !s.given() {
		return nil
	}
	t := d.placeholders(s.at, s.v, s.src)
	d.params(t, s.at, s.src, path)
	return t
}

func (d *decoder) query(specs []*requestSpec, path *Path) Query {
	q := Query{}
	seen := map[string]at{}
	once := func(name, src string, a at) bool {
		switch before, twice := seen[name]; {
		case twice:
			d.fail(a, "the parameter is already changed at ", before.path.String())
			return false
		case !queryName(name):
			d.fail(a, "a parameter's name must be letters, digits and -._~, got ", quote(src))
			return false
		}
		seen[name] = a
		if q.Line == 0 {
			q.Position = d.position(a)
		}
		return true
	}
	params := func(out []Param, m dict[str]) []Param {
		for _, e := range m.items {
			if once(e.key, e.key, e.at) {
				out = append(out, Param{e.key, d.textOf(e.v, path)})
			}
		}
		return out
	}
	for _, s := range specs {
		for _, e := range s.Query.Rename.items {
			if e.v.given() && once(e.key, e.key, e.at) && once(e.v.v, e.v.src, e.v.at) {
				q.Rename = append(q.Rename, Rename{e.key, e.v.v})
			}
		}
		for _, n := range append(slices.Clone(s.Query.Remove.items), s.RemoveQuery.items...) {
			if n.given() && once(n.v, n.src, n.at) {
				q.Remove = append(q.Remove, n.v)
			}
		}
		q.Defaults = params(q.Defaults, s.Query.Defaults)
		q.Set = params(params(q.Set, s.Query.Set), s.AddQuery)
	}
	return q
}

// noBody are the statuses whose answers have none: what a target sends with another one
// would be taken for the next answer (RFC 9110, section 6.4.1).
var noBody = []int{204, 205, 304}

func (d *decoder) status(specs []*responseSpec) Status {
	s := Status{}
	to := func(v integer) bool {
		if v.given() && slices.Contains(noBody, v.v) {
			d.fail(v.at, "an answer with this status has no body, and the target's may have one")
			return false
		}
		if v.given() && s.Line == 0 {
			s.Position = d.position(v.at)
		}
		return v.given()
	}
	for _, r := range specs {
		for _, e := range r.Status.items {
			low, high, ok := statuses(e.key)
			switch {
			case !ok:
				d.fail(e.at, "must be a status from 200 to 599, or all of a hundred as 5xx")
			case low == 304:
				d.fail(e.at, "304 means that the client has the answer already: it cannot be another one")
			case to(e.v):
				s.Map = append(s.Map, StatusChange{low, high, e.v.v})
			}
		}
		if to(r.ForceStatus) {
			if s.Force != 0 {
				d.fail(r.ForceStatus.at, "stands a second time")
			}
			s.Force = r.ForceStatus.v
		}
	}
	// The narrower one goes first.
	slices.SortStableFunc(s.Map, func(a, b StatusChange) int { return (a.Through - a.From) - (b.Through - b.From) })
	for i, c := range s.Map {
		if i > 0 && s.Map[i-1].From == c.From && s.Map[i-1].Through == c.Through {
			d.fail(pick(specs[0].Status.at, specs[len(specs)-1].Status.at), "changes the same status twice")
		}
	}
	return s
}

// statuses are those that "404" or "5xx" means.
func statuses(s string) (low, high int, ok bool) {
	if hundred, of := strings.CutSuffix(strings.ToLower(s), "xx"); of && len(hundred) == 1 && '2' <= hundred[0] && hundred[0] <= '5' {
		low = 100 * int(hundred[0]-'0')
		return low, low + 99, true
	}
	low, err := strconv.Atoi(s)
	return low, low, err == nil && len(s) == 3 && 200 <= low && low <= 599
}
