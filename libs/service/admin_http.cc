#include "libs/service/admin_http.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"

namespace weft::service {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr auto kTimeout = std::chrono::seconds(10);
constexpr size_t kHeaderBytesMax = 8 << 10;
constexpr size_t kBodyBytesMax = 4 << 10;
constexpr int kConnectionsMax = 64;

using Handlers = std::map<std::string, AdminHttp::Handler>;

// Reasons for people come with blanks in them. What is no escape stays as it is.
std::string Unescape(absl::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const absl::string_view digits = text.substr(std::min(i + 1, text.size()), 2);
    if (text[i] == '%' && digits.size() == 2 && absl::ascii_isxdigit(digits[0]) &&
        absl::ascii_isxdigit(digits[1])) {
      plain += absl::HexStringToBytes(digits);
      i += 2;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

AdminRequest Parse(const http::request<http::string_body>& request) {
  AdminRequest parsed{.method = std::string(request.method_string())};
  parsed.authorization = std::string(request[http::field::authorization]);
  const std::string target(request.target());
  const size_t question = target.find('?');
  parsed.path = target.substr(0, question);
  if (question != std::string::npos) {
    for (absl::string_view pair : absl::StrSplit(target.substr(question + 1), '&')) {
      const size_t equals = pair.find('=');
      if (equals == absl::string_view::npos) continue;
      parsed.query[std::string(pair.substr(0, equals))] = Unescape(pair.substr(equals + 1));
    }
  }
  return parsed;
}

AdminResponse Answer(const Handlers& handlers, const AdminRequest& request) {
  const auto handler = handlers.find(request.path);
  if (handler == handlers.end()) {
    std::string known;
    for (const auto& [path, unused] : handlers) absl::StrAppend(&known, path, "\n");
    return {.status = 404, .body = absl::StrCat("not here; there are:\n", known)};
  }
  if (request.method != "GET" && request.method != "POST") {
    return {.status = 405, .body = "only GET and POST\n"};
  }
  return handler->second(request);
}

// One connection.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const Handlers& handlers, std::shared_ptr<int> count)
      : stream_(std::move(socket)), handlers_(handlers), count_(std::move(count)) {
    ++*count_;
  }
  ~Session() { --*count_; }

  void Read() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(kBodyBytesMax);
    stream_.expires_after(kTimeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, size_t) {
                       if (!error) self->Reply();
                     });
  }

 private:
  void Reply() {
    const http::request<http::string_body> request = parser_->release();
    AdminResponse answer = Answer(handlers_, Parse(request));
    response_ = {};
    response_.version(request.version());
    response_.result(static_cast<unsigned>(answer.status));
    response_.set(http::field::content_type, answer.content_type);
    response_.set(http::field::cache_control, "no-store");
    response_.keep_alive(request.keep_alive());
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    stream_.expires_after(kTimeout);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code error, size_t) {
                        if (error) return;
                        if (self->response_.keep_alive()) return self->Read();
                        beast::error_code ignored;
                        self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
                      });
  }

  beast::tcp_stream stream_;
  const Handlers& handlers_;
  const std::shared_ptr<int> count_;  // Of the server's thread only.
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

class AdminHttp::Impl {
 public:
  explicit Impl(Handlers handlers) : handlers_(std::move(handlers)) {}
  ~Impl() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& address) {
    const size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (host == "localhost") host = "127.0.0.1";
    if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
    beast::error_code error;
    const auto ip = asio::ip::make_address(host, error);
    const tcp::endpoint endpoint(
        ip, static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return Unavailable("ADDRESS_IN_USE",
                         absl::StrCat("cannot listen on ", address, ": ", error.message()),
                         {{"address", address}});
    }
    port_ = acceptor_.local_endpoint().port();
    Accept();
    thread_ = std::thread([this] { context_.run(); });
    return absl::OkStatus();
  }
  int port() const { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error && *count_ < kConnectionsMax) {
        std::make_shared<Session>(std::move(socket), handlers_, count_)->Read();
      } else if (error) {
        // Out of file descriptors: without a pause this would spin.
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
      Accept();
    });
  }

  const Handlers handlers_;
  const std::shared_ptr<int> count_ = std::make_shared<int>(0);
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  int port_ = 0;
  std::thread thread_;
};

AdminHttp::AdminHttp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminHttp::~AdminHttp() = default;
int AdminHttp::port() const { return impl_->port(); }

absl::StatusOr<std::unique_ptr<AdminHttp>> AdminHttp::Start(const std::string& address,
                                                            Handlers handlers) {
  auto impl = std::make_unique<Impl>(std::move(handlers));
  if (const absl::Status status = impl->Listen(address); !status.ok()) return status;
  return std::unique_ptr<AdminHttp>(new AdminHttp(std::move(impl)));
}

}  // namespace weft::service
