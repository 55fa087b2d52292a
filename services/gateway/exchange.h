// One HTTP request and the way its answer goes back. What the HTTP server hands
// to front.h; tests may have another.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::gateway {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;
  std::string target;  // Path and query as sent; starts with '/'.
  Headers headers;     // Names as sent.
  std::string body;

  // The first value of the header, or "".
  absl::string_view Header(absl::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (absl::EqualsIgnoreCase(key, name)) return value;
    }
    return {};
  }
  bool HasHeader(absl::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (absl::EqualsIgnoreCase(key, name)) return true;
    }
    return false;
  }
};

struct HttpResponse {
  int status = 200;
  Headers headers;   // Without Content-Length, Connection and Date.
  std::string body;
  bool close = false;  // Ends the connection afterwards.
};

// Answered with Respond(), or with BeginStream(), Write()* and EndStream().
// Thread safe. An exchange that is dropped without an answer ends as 500.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const HttpRequest& request() const = 0;
  virtual void Respond(HttpResponse response) = 0;

  // Sends the head; `head.body` is the first piece and may be empty.
  virtual void BeginStream(HttpResponse head) = 0;
  // False when the client is gone, or reads so slowly that more than the
  // server's limit would wait: then end the stream.
  virtual bool Write(std::string piece) = 0;
  // `last` is sent whatever waits before it.
  virtual void EndStream(std::string last) = 0;

  // `gone` runs once if the client leaves before the answer is complete; at once
  // if it has left already.
  virtual void OnGone(std::function<void()> gone) = 0;
  // Runs `then` after `delay` unless the exchange has ended; one at a time.
  virtual void After(absl::Duration delay, std::function<void()> then) = 0;
};

}  // namespace weft::gateway
