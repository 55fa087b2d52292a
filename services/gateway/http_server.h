// An HTTP/1.1 server: connections, limits, time-outs, chunked streams.
//
// Each I/O thread has its own connections, so nothing of a connection is locked.
// A connection serves one request at a time; what a client has pipelined waits
// in its buffer and is answered in order. While a request is worked on the
// connection reads ahead, which is how a client that left is noticed.
//
// What the server refuses by itself, with the reason:
//   REQUEST_MALFORMED 400, URL_TOO_LONG 414, HEADERS_TOO_LARGE 431,
//   BODY_TOO_LARGE 413, REQUEST_TIMEOUT 408
// After any of these the connection is closed, having read what the client was
// still sending so that the answer reaches it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/gateway/exchange.h"

namespace weft::gateway {

struct HttpServerOptions {
  // Behaviour.
  std::string address = "127.0.0.1";
  int port = 8080;                     // 0 = any free one.
  size_t url_bytes_max = 8 << 10;
  size_t header_bytes_max = 32 << 10;  // Request line included.
  size_t body_bytes_max = 4 << 20;
  absl::Duration header_time_max = absl::Seconds(10);
  absl::Duration body_time_max = absl::Seconds(30);
  absl::Duration idle_time_max = absl::Seconds(75);
  absl::Duration write_time_max = absl::Seconds(60);  // Without progress.
  size_t connections_max = 2000;
  size_t stream_bytes_max = 1 << 20;   // Waiting for a slow reader.
  // Performance.
  int threads = 1;
};

class HttpServer {
 public:
  // Called on an I/O thread; must not block.
  using Handler = std::function<void(std::shared_ptr<Exchange>)>;
  // Makes the answer to a request that the server refuses. `request` holds what
  // was read of it.
  using Refusal = std::function<HttpResponse(const absl::Status&, const HttpRequest& request)>;

  // Listens when it returns.
  // Errors: UNAVAILABLE / ADDRESS_IN_USE; INVALID_ARGUMENT / ADDRESS_INVALID.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                           Handler handler, Refusal refusal);
  virtual ~HttpServer() = default;

  virtual int port() const = 0;
  virtual size_t connections() const = 0;
  // Takes no more connections, lets requests finish for at most `grace`, closes
  // the rest. Blocks; a second call does nothing.
  virtual void Stop(absl::Duration grace) = 0;
};

}  // namespace weft::gateway
