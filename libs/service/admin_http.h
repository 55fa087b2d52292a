// The admin port: a small HTTP/1.1 server for metrics, probes and operators.
// Never public; no authentication.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weft::service {

struct AdminRequest {
  std::string method;  // "GET"
  std::string path;    // "/loglevel"
  std::map<std::string, std::string> query;
  std::string authorization;  // The header, or "".
};
struct AdminResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// One thread. At most 64 connections; slow ones are dropped after 10 s.
class AdminHttp {
 public:
  // Handlers run on the server's thread; by path. GET, or POST where a handler
  // changes something. They outlive the server.
  using Handler = std::function<AdminResponse(const AdminRequest&)>;

  // Errors: UNAVAILABLE / ADDRESS_IN_USE.
  static absl::StatusOr<std::unique_ptr<AdminHttp>> Start(
      const std::string& address, std::map<std::string, Handler> handlers);
  ~AdminHttp();

  int port() const;

 private:
  class Impl;
  explicit AdminHttp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::service
