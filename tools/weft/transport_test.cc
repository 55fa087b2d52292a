#include "tools/weft/transport.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "services/gateway/http_server.h"

namespace weft::cli {
namespace {

using gateway::Exchange;
using gateway::HttpRequest;
using gateway::HttpResponse;
using gateway::HttpServer;

std::unique_ptr<HttpServer> Serve(HttpServer::Handler handler) {
  return HttpServer::Start({.port = 0}, std::move(handler),
                           [](const absl::Status&, const HttpRequest&) {
                             return HttpResponse{.status = 400, .headers = {}, .body = "refused"};
                           })
      .value();
}

std::unique_ptr<Transport> To(const HttpServer& server) {
  return HttpTransport(absl::StrCat("http://127.0.0.1:", server.port()), nullptr).value();
}

constexpr absl::Duration kLong = absl::Seconds(20);

TEST_CASE("a call carries method, target, headers and body", "[cli]") {
  const auto server = Serve([](std::shared_ptr<Exchange> e) {
    const HttpRequest& r = e->request();
    e->Respond({.status = 404,
                .headers = {{"X-Seen", std::string(r.Header("X-Mine"))}},
                .body = absl::StrCat(r.method, " ", r.target, " ", r.body)});
  });
  const auto transport = To(*server);

  for (int i = 0; i < 3; ++i) {
    const auto answer = transport->Do(
        {.method = "POST", .target = "/a?b=c", .headers = {{"X-Mine", "m"}}, .body = "body"},
        kLong);
    REQUIRE(answer.ok());
    CHECK(answer->status == 404);
    CHECK(answer->headers.at("x-seen") == "m");
    CHECK(answer->body == "POST /a?b=c body");
  }
}

TEST_CASE("a kept connection that the server closed is opened again", "[cli]") {
  const auto server = Serve([](std::shared_ptr<Exchange> e) {
    e->Respond({.status = 200, .headers = {}, .body = "ok", .close = e->request().target == "/close"});
  });
  const auto transport = To(*server);

  CHECK(transport->Do({.method = "GET", .target = "/close"}, kLong)->body == "ok");
  CHECK(transport->Do({.method = "GET", .target = "/"}, kLong)->body == "ok");
}

TEST_CASE("a stream is handed over line by line", "[cli]") {
  const auto server = Serve([](std::shared_ptr<Exchange> e) {
    e->BeginStream({.status = 200, .headers = {}, .body = "{\"a\":1}\n{\"a\""});
    e->Write(":2}\n");
    e->EndStream("{\"a\":3}\n");
  });
  const auto transport = To(*server);
  std::vector<std::string> lines;

  const auto answer = transport->Stream({.method = "GET", .target = "/"}, kLong,
                                        [&](const std::string& line) {
                                          lines.push_back(line);
                                          return true;
                                        });

  CHECK(answer.ok());
  CHECK(lines == std::vector<std::string>{"{\"a\":1}", "{\"a\":2}", "{\"a\":3}"});
}

TEST_CASE("a reader may stop a stream", "[cli]") {
  const auto server = Serve([](std::shared_ptr<Exchange> e) {
    e->BeginStream({.status = 200, .headers = {}, .body = "1\n2\n3\n"});
    e->OnGone([e] {});  // Stays open until the reader leaves.
  });
  const auto transport = To(*server);
  int lines = 0;

  const auto answer = transport->Stream({.method = "GET", .target = "/"}, kLong,
                                        [&](const std::string&) { return ++lines < 2; });

  CHECK(answer.ok());
  CHECK(lines == 2);
}

TEST_CASE("a server that is not there, or silent, is an error with a reason", "[cli]") {
  std::shared_ptr<Exchange> kept;
  int port = 0;
  {
    const auto server = Serve([&](std::shared_ptr<Exchange> e) { kept = std::move(e); });
    port = server->port();
    const auto silent = To(*server)->Do({.method = "GET", .target = "/"}, absl::Milliseconds(50));
    CHECK(ReasonOf(silent.status()) == "SERVER_SILENT");
  }
  const auto transport = HttpTransport(absl::StrCat("http://127.0.0.1:", port), nullptr).value();
  CHECK(ReasonOf(transport->Do({.method = "GET", .target = "/"}, kLong).status()) ==
        "SERVER_UNREACHABLE");
}

// Takes one connection, reads, and closes it without a word, as a server does
// that is killed.
class DyingServer {
 public:
  DyingServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(::listen(socket_, 4) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int one = ::accept(socket_, nullptr, nullptr); one >= 0;
           one = ::accept(socket_, nullptr, nullptr)) {
        char bytes[1024];
        (void)!::read(one, bytes, sizeof(bytes));
        ::close(one);
      }
    });
  }
  ~DyingServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  int port() const { return port_; }

 private:
  const int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
  std::thread thread_;
};

TEST_CASE("a server that dies before a word of its answer is an error with a reason", "[cli]") {
  const DyingServer server;
  const auto transport =
      HttpTransport(absl::StrCat("http://127.0.0.1:", server.port()), nullptr).value();
  CHECK(ReasonOf(transport->Do({.method = "GET", .target = "/"}, kLong).status()) ==
        "SERVER_UNREACHABLE");
}

TEST_CASE("an interrupt ends a wait", "[cli]") {
  std::shared_ptr<Exchange> kept;
  const auto server = Serve([&](std::shared_ptr<Exchange> e) { kept = std::move(e); });
  int looks = 0;
  const auto transport = HttpTransport(absl::StrCat("http://127.0.0.1:", server->port()),
                                       [&] { return ++looks > 2; })
                             .value();

  CHECK(ReasonOf(transport->Do({.method = "GET", .target = "/"}, kLong).status()) ==
        "INTERRUPTED");
}

TEST_CASE("a server is named by an http URL", "[cli]") {
  const auto text = GENERATE(as<std::string>(), "", "localhost:8080", "https://x:1", "http://",
                             "http://:8080", "http://host:", "http://host/path");
  CAPTURE(text);

  CHECK(ReasonOf(HttpTransport(text, nullptr).status()) == "SERVER_INVALID");
  CHECK(HttpTransport("http://localhost:8080/", nullptr).ok());
}

}  // namespace
}  // namespace weft::cli
