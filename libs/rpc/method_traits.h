// What a method's descriptor says about repeating it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace weft::rpc {

// Found in the descriptors linked into the process.
struct MethodTraits {
  bool known = false;
  bool side_effect_free = false;   // idempotency_level = NO_SIDE_EFFECTS
  int request_id_field = 0;        // Number of `request_id`; 0 = none.
};

// `method` is "package.Service/Method".
MethodTraits TraitsOf(const std::string& method);

// True when calling `method` again with the same bytes cannot have its effect
// twice.
bool MayRepeat(const MethodTraits& traits, absl::string_view request);

// True of what only a room's owner answers where it has replicas: commands (which have
// a request id) and the service of documents, its reads included.
bool IsForOwner(const std::string& method);

}  // namespace weft::rpc
