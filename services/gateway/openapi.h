// The OpenAPI 3.1 document of the API, made from descriptors and their comments.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "services/gateway/api.h"

namespace weft::gateway {

// Every path with its parameters, body and answers; schemas of every message
// and enum that they reach. Deterministic: the same descriptors, the same text.
std::string OpenApiDocument(const Api& api, absl::string_view version);

}  // namespace weft::gateway
