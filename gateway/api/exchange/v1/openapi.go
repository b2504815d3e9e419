package exchangev1

import _ "embed"

// OpenAPI is the description of the REST side, generated from the services.
//
//go:embed exchange.swagger.json
var OpenAPI []byte
