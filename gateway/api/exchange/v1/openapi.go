package exchangev1

import _ "embed"

// OpenAPI is the description of the REST side, generated from the services, openapi.base.yaml
// and openapi_test.go.
//
//go:embed openapi.json
var OpenAPI []byte
