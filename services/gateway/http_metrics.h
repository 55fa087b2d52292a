// weft_http_*: what the front counts. Implemented over libs/telemetry.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::gateway {

// Thread safe.
class HttpMetrics {
 public:
  virtual ~HttpMetrics() = default;
  virtual void Started() = 0;
  // `route`: the path template, or "none"; a bounded set.
  virtual void Finished(absl::string_view route, absl::string_view method, int code,
                        absl::Duration duration) = 0;
  // Time spent on turning JSON into a message or back.
  virtual void Transcoded(absl::Duration duration) = 0;
};

}  // namespace weft::gateway
