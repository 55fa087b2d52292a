// HTTP to a gateway, as commands need it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::cli {

struct HttpCall {
  std::string method;
  std::string target;  // "/v1/orders?pageSize=5"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Errors: UNAVAILABLE / SERVER_UNREACHABLE; DEADLINE_EXCEEDED / SERVER_SILENT;
  // CANCELLED / INTERRUPTED. An HTTP error is an answer.
  virtual absl::StatusOr<HttpAnswer> Do(const HttpCall& call, absl::Duration timeout) = 0;
  // As Do, but hands over each line of a successful answer as it comes; the
  // answer's body is then empty. `line` returns false to stop. `timeout` is for
  // silence.
  virtual absl::StatusOr<HttpAnswer> Stream(const HttpCall& call, absl::Duration timeout,
                                            const std::function<bool(const std::string&)>& line) = 0;
};

// `server`: "http://host:port"; keeps its connection between calls.
// Errors: INVALID_ARGUMENT / SERVER_INVALID.
absl::StatusOr<std::unique_ptr<Transport>> HttpTransport(const std::string& server,
                                                         std::function<bool()> interrupted);

}  // namespace weft::cli
