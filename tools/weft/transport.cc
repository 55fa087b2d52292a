#include "tools/weft/transport.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::cli {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

// How often a wait looks whether Ctrl-C was pressed.
constexpr absl::Duration kGlance = absl::Milliseconds(200);

struct Server {
  std::string host;
  std::string port;
};

absl::StatusOr<Server> ParseServer(absl::string_view text) {
  const std::string original(text);
  if (!absl::ConsumePrefix(&text, "http://") || text.empty()) {
    return InvalidArgument("SERVER_INVALID",
                           absl::StrCat("server '", original, "' is not http://host:port"));
  }
  absl::ConsumeSuffix(&text, "/");
  const size_t colon = text.rfind(':');
  const bool bracket = absl::EndsWith(text, "]");
  Server server;
  server.host = std::string(colon == absl::string_view::npos || bracket ? text
                                                                        : text.substr(0, colon));
  server.port = colon == absl::string_view::npos || bracket ? "80"
                                                            : std::string(text.substr(colon + 1));
  if (!server.host.empty() && server.host.front() == '[') {
    server.host = server.host.substr(1, server.host.size() - 2);
  }
  if (server.host.empty() || server.port.empty() || absl::StrContains(server.host, "/")) {
    return InvalidArgument("SERVER_INVALID",
                           absl::StrCat("server '", original, "' is not http://host:port"));
  }
  return server;
}

class SocketTransport final : public Transport {
 public:
  SocketTransport(Server server, std::function<bool()> interrupted)
      : server_(std::move(server)), interrupted_(std::move(interrupted)) {}
  ~SocketTransport() override { Close(); }

  absl::StatusOr<HttpAnswer> Do(const HttpCall& call, absl::Duration timeout) override {
    return Run(call, timeout, nullptr);
  }
  absl::StatusOr<HttpAnswer> Stream(
      const HttpCall& call, absl::Duration timeout,
      const std::function<bool(const std::string&)>& line) override {
    return Run(call, timeout, &line);
  }

 private:
  absl::StatusOr<HttpAnswer> Run(const HttpCall& call, absl::Duration timeout,
                                 const std::function<bool(const std::string&)>* line) {
    const bool reused = socket_ >= 0;
    bool begun = false;
    absl::StatusOr<HttpAnswer> answer = Once(call, timeout, line, begun);
    // A server may close a kept connection at any moment: then nothing came, and
    // what carries a request id may be sent again.
    if (!answer.ok() && reused && !begun &&
        answer.status().code() == absl::StatusCode::kUnavailable) {
      answer = Once(call, timeout, line, begun);
    }
    if (!answer.ok()) Close();
    return answer;
  }

  absl::StatusOr<HttpAnswer> Once(const HttpCall& call, absl::Duration timeout,
                                  const std::function<bool(const std::string&)>* line,
                                  bool& begun) {
    absl::Time until = absl::Now() + timeout;
    if (socket_ < 0) WEFT_RETURN_IF_ERROR(Connect());
    std::string request = absl::StrCat(call.method, " ", call.target, " HTTP/1.1\r\nHost: ",
                                       server_.host, ":", server_.port, "\r\n");
    for (const auto& [name, value] : call.headers) {
      absl::StrAppend(&request, name, ": ", value, "\r\n");
    }
    if (!call.body.empty() || call.method != "GET") {
      absl::StrAppend(&request, "Content-Length: ", call.body.size(), "\r\n");
    }
    absl::StrAppend(&request, "\r\n", call.body);
    WEFT_RETURN_IF_ERROR(Send(request, until));

    Parser parser;
    parser.body_limit(boost::none);
    parser.eager(true);
    std::string rest;
    while (!parser.is_done()) {
      char chunk[64 << 10];
      WEFT_RETURN_IF_ERROR(WaitFor(POLLIN, until));
      const ssize_t n = ::recv(socket_, chunk, sizeof(chunk), 0);
      if (n < 0) {
        if (errno == EINTR || errno == EAGAIN) continue;
        return Unreachable("the connection broke");
      }
      boost::system::error_code error;
      if (n == 0) {
        // The parser takes an end only of what has begun.
        if (parser.got_some()) parser.put_eof(error);
        if (error || !parser.is_done()) return Unreachable("the connection ended");
        break;
      }
      begun = true;
      if (line != nullptr) until = absl::Now() + timeout;
      rest.append(chunk, static_cast<size_t>(n));
      while (!rest.empty() && !parser.is_done()) {
        const size_t used = parser.put(boost::asio::buffer(rest), error);
        rest.erase(0, used);
        if (error == http::error::need_more || used == 0) break;
        if (error) return Unreachable("the answer is not HTTP");
      }
      if (error == http::error::need_more) error = {};
      if (error) return Unreachable("the answer is not HTTP");
      if (line != nullptr && parser.is_header_done() && parser.get().result_int() == 200 &&
          !Lines(parser.get().body(), *line)) {
        Close();  // The rest is of no interest.
        return HttpAnswer{.status = 200};
      }
    }
    HttpAnswer answer;
    answer.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
      answer.headers[absl::AsciiStrToLower(std::string(field.name_string()))] =
          std::string(field.value());
    }
    answer.body = std::move(parser.get().body());
    if (!parser.keep_alive()) Close();
    return answer;
  }

  // Takes whole lines out of `text`; false when the reader has enough.
  static bool Lines(std::string& text, const std::function<bool(const std::string&)>& line) {
    size_t begin = 0;
    bool more = true;
    for (size_t end = text.find('\n'); end != std::string::npos && more;
         begin = end + 1, end = text.find('\n', begin)) {
      if (end > begin) more = line(text.substr(begin, end - begin));
    }
    text.erase(0, std::min(begin, text.size()));
    return more;
  }

  absl::Status Connect() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(server_.host.c_str(), server_.port.c_str(), &hints, &found) != 0) {
      return Unreachable("the host is not known");
    }
    for (addrinfo* a = found; a != nullptr && socket_ < 0; a = a->ai_next) {
      socket_ = ::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
      if (socket_ >= 0 && ::connect(socket_, a->ai_addr, a->ai_addrlen) != 0) Close();
    }
    ::freeaddrinfo(found);
    return socket_ >= 0 ? absl::OkStatus() : Unreachable("nothing listens there");
  }

  absl::Status Send(absl::string_view bytes, absl::Time until) {
    while (!bytes.empty()) {
      WEFT_RETURN_IF_ERROR(WaitFor(POLLOUT, until));
      const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) {
        if (errno == EINTR || errno == EAGAIN) continue;
        // The server may have refused already; its answer is read next.
        return errno == EPIPE || errno == ECONNRESET ? Unreachable("the connection broke")
                                                     : Unreachable("sending failed");
      }
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status WaitFor(short events, absl::Time until) {
    while (true) {
      if (interrupted_ && interrupted_()) {
        return Error(absl::StatusCode::kCancelled, "INTERRUPTED", "interrupted");
      }
      const absl::Duration left = until - absl::Now();
      if (left <= absl::ZeroDuration()) {
        return Error(absl::StatusCode::kDeadlineExceeded, "SERVER_SILENT",
                     absl::StrCat("server http://", server_.host, ":", server_.port,
                                  " did not answer in time; --timeout waits longer"));
      }
      pollfd p{.fd = socket_, .events = events, .revents = 0};
      const int wait = static_cast<int>(absl::ToInt64Milliseconds(std::min(left, kGlance))) + 1;
      if (::poll(&p, 1, wait) > 0) return absl::OkStatus();
    }
  }

  absl::Status Unreachable(absl::string_view why) {
    Close();
    return Unavailable("SERVER_UNREACHABLE",
                       absl::StrCat("cannot reach http://", server_.host, ":", server_.port, ": ",
                                    why));
  }

  void Close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  const Server server_;
  const std::function<bool()> interrupted_;
  int socket_ = -1;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> HttpTransport(const std::string& server,
                                                         std::function<bool()> interrupted) {
  WEFT_ASSIGN_OR_RETURN(Server parsed, ParseServer(server));
  return std::unique_ptr<Transport>(
      std::make_unique<SocketTransport>(std::move(parsed), std::move(interrupted)));
}

}  // namespace weft::cli
