// A plain HTTP/1.1 client for tests: one connection, blocking, with time-outs,
// that can send anything.
#pragma once

#include <map>
#include <memory>
#include <string>

namespace weft::gateway {

struct Reply {
  int status = 0;                              // 0 = none came.
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;                            // Chunks joined.
  std::string Header(const std::string& name) const {
    const auto it = headers.find(name);
    return it == headers.end() ? "" : it->second;
  }
};

class HttpClient {
 public:
  explicit HttpClient(int port);
  ~HttpClient();

  // Sends octets as they are; false when the server no longer takes them.
  bool Send(const std::string& bytes);
  // One whole answer. `head`: it has no body.
  Reply Receive(bool head = false);
  // Up to and including `until`; "" when the connection ended before.
  std::string ReceiveUntil(const std::string& until);
  // True when the server has ended the connection.
  bool Ended();
  void Close();

  // Sends a request with the headers, Host and Content-Length, and receives.
  Reply Do(const std::string& method, const std::string& target,
           const std::map<std::string, std::string>& headers = {}, const std::string& body = "");

 private:
  bool Fill();
  int socket_ = -1;
  std::string buffer_;
};

}  // namespace weft::gateway
