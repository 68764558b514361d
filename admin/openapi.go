package admin

import (
	_ "embed" // the description
	"net/http"
)

//go:embed openapi.yaml
var openAPIText []byte

// openAPI answers with the description of the API.
func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPIText)
}
