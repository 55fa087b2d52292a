// Descriptors of weft.testing.v1, for tests of the gateway.
#pragma once

#include <memory>

#include "absl/strings/string_view.h"
#include "services/gateway/api.h"

namespace weft::gateway {

absl::string_view FixtureDescriptors();

inline const Api& FixtureApi() {
  static const Api* const api = Api::Load(FixtureDescriptors()).value().release();
  return *api;
}

inline const Method& FixtureMethod(const std::string& name) {
  for (const Method& method : FixtureApi().methods()) {
    if (method.descriptor->name() == name) return method;
  }
  std::abort();
}

}  // namespace weft::gateway
