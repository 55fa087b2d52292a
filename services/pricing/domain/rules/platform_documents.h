// The documents of services/pricing/documents, as they are in this binary.
#pragma once

#include <vector>

namespace weft::pricing {

struct PlatformDocument {
  const char* file;  // "floors.yaml"
  const char* body;
};

extern const std::vector<PlatformDocument> kPlatformDocuments;

}  // namespace weft::pricing
