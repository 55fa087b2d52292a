#include "libs/base/error.h"

#include <catch2/catch.hpp>

namespace weft {

TEST_CASE("an error carries code, reason, metadata and sentence", "[base]") {
  const absl::Status status = NotFound("PRICE_LIST_NOT_FOUND", "no list 'x'",
                                       {{"list", "x"}, {"tenant", ""}});

  CHECK(status.code() == absl::StatusCode::kNotFound);
  CHECK(std::string(status.message()) == "no list 'x'");
  CHECK(ReasonOf(status) == "PRICE_LIST_NOT_FOUND");
  CHECK(MetadataOf(status) == ErrorMetadata{{"list", "x"}, {"tenant", ""}});
}

TEST_CASE("a status without a reason has an empty one", "[base]") {
  CHECK(ReasonOf(absl::InternalError("x")).empty());
  CHECK(MetadataOf(absl::OkStatus()).empty());
}

}  // namespace weft
