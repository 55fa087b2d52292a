// A REST request becomes the bytes of a request message; an answer becomes JSON.
//
// Precedence, weakest first: body, query, path, headers (Idempotency-Key,
// If-Match). Nothing is lost in silence: a name that is not known is an error.
//
// Thread safe.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/gateway/api.h"
#include "services/gateway/json.h"

namespace weft::gateway {

struct RestRequest {
  std::vector<std::pair<std::string, std::string>> variables;  // Of the path.
  absl::string_view query;            // Without the '?'.
  absl::string_view body;
  std::string idempotency_key;        // "" = none was sent.
  std::string if_match;               // Without quotes; "" = none was sent.
  std::string last_event_id;          // "" = none was sent.
};

class Transcoder {
 public:
  // `api` outlives it.
  explicit Transcoder(const Api& api) : api_(api), json_(api.pool()) {}

  // The serialised request message.
  // Errors: INVALID_ARGUMENT as in binding.h, json.h, percent.h; BODY_NOT_ALLOWED
  // where the path takes none; REQUEST_ID_REQUIRED for a mutation without a key
  // in the header or the body's request_id; REQUEST_ID_CONFLICT when they differ.
  absl::StatusOr<std::string> ToMessage(const Binding& binding, const RestRequest& request) const;

  // What an event of a stream is called, so that a reader can go on behind it: its
  // resume token; "" where it has none.
  static std::string EventId(const Method& method, const std::string& answer);

  // The answer as JSON, appended to `out`.
  absl::Status ToJson(const Method& method, const std::string& answer, std::string& out) const {
    return json_.ToJson(*method.output(), answer, out);
  }

 private:
  const Api& api_;
  const JsonCodec json_;
};

}  // namespace weft::gateway
