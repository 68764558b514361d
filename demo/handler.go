package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// maxBody is the largest body that is read; a demo needs no more.
const maxBody = 1 << 20

// Handler answers as the backend of that name.
//
//	GET /                    what is there
//	GET /health              200
//	    /users /users/{id}   GET, POST on the collection, PUT, PATCH and DELETE on one; so orders, products
//	    /echo /echo/...      any method: the request as JSON
//
// each also below /api. Every answer has the header X-Backend.
//
// To misbehave, /echo takes ?status=503 and ?delay=200ms, and every path the
// headers X-Demo-Status and X-Demo-Delay: statuses from 200 to 599, delays up to 30 s.
func Handler(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Backend", name)
		path := r.URL.Path
		if below, ok := strings.CutPrefix(path, "/api"); ok && (below == "" || below[0] == '/') {
			path = below
		}
		first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		status, ok := misbehave(w, r, first == "echo")
		if !ok {
			return
		}
		objects, known := shop[first]
		switch {
		case first == "echo":
			echo(w, r, name, status)
		case status != http.StatusOK:
			refuse(w, status, "asked for with X-Demo-Status")
		case first == "" && rest == "":
			only(w, r, map[string]any{"backend": name, "paths": paths()})
		case first == "health" && rest == "":
			only(w, r, map[string]any{"status": "healthy", "backend": name})
		case known && rest == "":
			objects.serveAll(w, r, first)
		case known:
			objects.serveOne(w, r, rest)
		default:
			refuse(w, http.StatusNotFound, "there is no "+r.URL.Path)
		}
	})
}

// paths are those that GET can try.
func paths() []string {
	all := []string{"/echo", "/health"}
	for _, name := range slices.Sorted(maps.Keys(shop)) {
		all = append(all, "/"+name, "/"+name+"/"+shop[name].ids[0])
	}
	return all
}

// only answers GET and HEAD.
func only(w http.ResponseWriter, r *http.Request, answer any) {
	if !allow(w, r, http.MethodGet) {
		return
	}
	write(w, http.StatusOK, answer)
}

func (c collection) serveAll(w http.ResponseWriter, r *http.Request, name string) {
	if !allow(w, r, http.MethodGet, http.MethodPost) {
		return
	}
	if r.Method != http.MethodPost {
		write(w, http.StatusOK, map[string]any{name: c.all(), "total": len(c.ids)})
		return
	}
	object, ok := body(w, r)
	if !ok {
		return
	}
	object["id"] = c.next
	w.Header().Set("Location", strings.TrimSuffix(r.URL.Path, "/")+"/"+c.next)
	write(w, http.StatusCreated, object)
}

func (c collection) serveOne(w http.ResponseWriter, r *http.Request, id string) {
	object, found := c.byID[id]
	if !found {
		refuse(w, http.StatusNotFound, fmt.Sprintf("there is no %s %q", c.one, id))
		return
	}
	if !allow(w, r, http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete) {
		return
	}
	switch r.Method {
	case http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPut, http.MethodPatch:
		changes, ok := body(w, r)
		if !ok {
			return
		}
		result := map[string]any{}
		if r.Method == http.MethodPatch {
			text, _ := json.Marshal(object)
			_ = json.Unmarshal(text, &result)
		}
		maps.Copy(result, changes)
		result["id"] = id
		write(w, http.StatusOK, result)
	default:
		write(w, http.StatusOK, object)
	}
}

// allow answers what is none of the methods; HEAD goes with GET.
func allow(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	i := slices.Index(methods, http.MethodGet)
	methods = slices.Insert(methods, i+1, http.MethodHead)
	if slices.Contains(methods, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	refuse(w, http.StatusMethodNotAllowed, r.Method+" is not possible here")
	return false
}

// body reads a JSON object; none is an empty one.
func body(w http.ResponseWriter, r *http.Request) (map[string]any, bool) {
	object := map[string]any{}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&object)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is above %d bytes", maxBody))
		return nil, false
	case err != nil && !errors.Is(err, io.EOF):
		refuse(w, http.StatusBadRequest, "the body is no JSON object")
		return nil, false
	}
	if object == nil { // null
		object = map[string]any{}
	}
	return object, true
}

func refuse(w http.ResponseWriter, status int, message string) {
	kind := strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
	write(w, status, map[string]any{"error": kind, "message": message})
}

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(answer) // the client is gone, or not
}
