// The HTTP server by itself: what connections may do, and every limit.
#include "services/gateway/http_server.h"

#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/sync.h"
#include "services/gateway/testing/http_client.h"

namespace weft::gateway {
namespace {

// Answers what it was asked; paths choose how.
class EchoServer {
 public:
  explicit EchoServer(HttpServerOptions options = {}) {
    options.port = 0;
    server_ = HttpServer::Start(
                  options, [this](std::shared_ptr<Exchange> e) { Handle(std::move(e)); },
                  [](const absl::Status& status, const HttpRequest&) {
                    return HttpResponse{.status = ReasonOf(status) == "URL_TOO_LONG"        ? 414
                                                  : ReasonOf(status) == "HEADERS_TOO_LARGE" ? 431
                                                  : ReasonOf(status) == "BODY_TOO_LARGE"    ? 413
                                                  : ReasonOf(status) == "REQUEST_TIMEOUT"   ? 408
                                                                                            : 400,
                                        .headers = {},
                                        .body = ReasonOf(status)};
                  })
                  .value();
  }
  ~EchoServer() {
    for (std::thread& thread : threads_) thread.join();
  }

  int port() const { return server_->port(); }
  HttpServer& server() { return *server_; }
  void WaitUntilGone() {
    MutexLock lock(mutex_);
    while (gone_ == 0) REQUIRE(changed_.WaitFor(mutex_, absl::Seconds(20)));
  }
  void WaitUntilHeld() {
    MutexLock lock(mutex_);
    while (held_ == nullptr) REQUIRE(changed_.WaitFor(mutex_, absl::Seconds(20)));
  }
  void Release() {
    std::shared_ptr<Exchange> held;
    {
      MutexLock lock(mutex_);
      held = std::move(held_);
    }
    held->Respond({.status = 200, .headers = {}, .body = "released"});
  }

 private:
  void Handle(std::shared_ptr<Exchange> exchange) {
    const HttpRequest& request = exchange->request();
    if (request.target == "/hold") {
      exchange->OnGone([this] {
        MutexLock lock(mutex_);
        ++gone_;
        changed_.NotifyAll();
      });
      MutexLock lock(mutex_);
      held_ = std::move(exchange);
      changed_.NotifyAll();
    } else if (request.target == "/thread") {
      threads_.emplace_back([exchange] {
        exchange->Respond({.status = 200, .headers = {}, .body = "thread"});
      });
    } else if (request.target == "/stream") {
      exchange->BeginStream({.status = 200, .headers = {}, .body = "a"});
      exchange->Write("bc");
      exchange->EndStream("d");
    } else if (request.target == "/flood") {
      exchange->BeginStream({.status = 200, .headers = {}, .body = ""});
      const std::string piece(64 << 10, 'x');
      size_t taken = 0;
      while (exchange->Write(piece)) ++taken;
      exchange->EndStream(absl::StrCat("taken ", taken, "."));
    } else if (request.target == "/drop") {
      return;
    } else if (request.target == "/later") {
      exchange->After(absl::Milliseconds(1), [exchange] {
        exchange->Respond({.status = 200, .headers = {}, .body = "later"});
      });
    } else {
      exchange->Respond({.status = 200,
                         .headers = {{"X-Split", "a\r\nEvil: b"}},
                         .body = absl::StrCat(request.method, " ", request.target, " ",
                                              request.body)});
    }
  }

  Mutex mutex_;
  CondVar changed_;
  int gone_ = 0;
  std::shared_ptr<Exchange> held_;
  std::vector<std::thread> threads_;
  std::unique_ptr<HttpServer> server_;
};

TEST_CASE("a connection serves one request after the other", "[http]") {
  EchoServer server;
  HttpClient client(server.port());

  CHECK(client.Do("GET", "/a").body == "GET /a ");
  CHECK(client.Do("POST", "/b", {}, "body").body == "POST /b body");
  CHECK(client.Do("GET", "/thread").body == "thread");
  CHECK(client.Do("GET", "/later").body == "later");
  const Reply head = client.Do("HEAD", "/c");
  CHECK(head.status == 200);
  CHECK(client.Do("GET", "/d").body == "GET /d ");
  CHECK(client.Do("GET", "http://host:80/e?f").body == "GET /e?f ");
}

TEST_CASE("pipelined requests are answered in order", "[http]") {
  EchoServer server;
  HttpClient client(server.port());
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&requests, "POST /", i % 3 == 0 ? "thread" : absl::StrCat(i),
                    " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  }

  std::thread sender([&] { client.Send(requests); });

  for (int i = 0; i < 200; ++i) {
    CAPTURE(i);
    REQUIRE(client.Receive().body == (i % 3 == 0 ? "thread" : absl::StrCat("POST /", i, " abc")));
  }
  sender.join();
}

TEST_CASE("a request may arrive octet by octet", "[http]") {
  EchoServer server;
  HttpClient client(server.port());
  for (const char c : std::string("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n")) {
    REQUIRE(client.Send(std::string(1, c)));
  }

  CHECK(client.Receive().body == "POST /x abcde");
}

TEST_CASE("a stream is chunked, and ends with the connection for HTTP/1.0", "[http]") {
  EchoServer server;
  HttpClient client(server.port());

  CHECK(client.Do("GET", "/stream").body == "abcd");
  CHECK(client.Do("GET", "/stream").body == "abcd");
  client.Send("GET /stream HTTP/1.0\r\n\r\n");
  CHECK(absl::StrContains(client.ReceiveUntil("\r\n\r\n"), "Connection: close"));
  CHECK(client.ReceiveUntil("abcd") == "abcd");
  CHECK(client.Ended());
}

TEST_CASE("a stream keeps a bounded part for a slow reader", "[http]") {
  EchoServer server({.stream_bytes_max = 256 << 10});
  HttpClient client(server.port());

  // The handler runs on the connection's thread, so nothing is written meanwhile.
  const Reply reply = client.Do("GET", "/flood");

  CHECK(reply.body.size() == (256 << 10) + 8);
  CHECK(absl::EndsWith(reply.body, "taken 4."));
}

TEST_CASE("a header value cannot start another header", "[http]") {
  EchoServer server;
  HttpClient client(server.port());

  const Reply reply = client.Do("GET", "/");

  CHECK(reply.Header("evil").empty());
  CHECK(reply.Header("x-split") == "aEvil: b");
}

TEST_CASE("a request that is dropped unanswered ends as 500", "[http]") {
  EchoServer server;
  HttpClient client(server.port());

  CHECK(client.Do("GET", "/drop").status == 500);
}

TEST_CASE("what is not HTTP is refused and the connection ends", "[http]") {
  const auto [bytes, status, reason] = GENERATE(table<std::string, int, std::string>({
      {"nonsense\r\n\r\n", 400, "REQUEST_MALFORMED"},
      {"GET /\r\n\r\n", 400, "REQUEST_MALFORMED"},
      {std::string("\x16\x03\x01\x02\x00\x01\r\n\r\n", 10), 400, "REQUEST_MALFORMED"},
      {"GET / HTTP/1.1\r\n\r\n", 400, "REQUEST_MALFORMED"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "REQUEST_MALFORMED"},
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "REQUEST_MALFORMED"},
      {"GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n", 400, "REQUEST_MALFORMED"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "REQUEST_MALFORMED"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400,
       "REQUEST_MALFORMED"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
       "REQUEST_MALFORMED"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
       "REQUEST_MALFORMED"},
      {"GET /" + std::string(8200, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, "URL_TOO_LONG"},
      {"GET /" + std::string(100000, 'a'), 414, "URL_TOO_LONG"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(33000, 'a') + "\r\n\r\n", 431,
       "HEADERS_TOO_LARGE"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\n\r\n", 413, "BODY_TOO_LARGE"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n", 413,
       "BODY_TOO_LARGE"},
  }));
  CAPTURE(bytes.substr(0, 100));
  EchoServer server;
  HttpClient client(server.port());

  client.Send(bytes);
  const Reply reply = client.Receive();

  CHECK(reply.status == status);
  CHECK(reply.body == reason);
  CHECK(reply.Header("connection") == "close");
}

TEST_CASE("a body that is too large still gets its answer", "[http]") {
  EchoServer server;
  HttpClient client(server.port());
  const bool chunked = GENERATE(false, true);
  CAPTURE(chunked);
  const std::string body(10 << 20, 'x');

  std::thread sender([&] {
    if (chunked) {
      client.Send(absl::StrCat("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                               absl::Hex(body.size()), "\r\n", body, "\r\n0\r\n\r\n"));
    } else {
      client.Send(absl::StrCat("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", body.size(),
                               "\r\n\r\n", body));
    }
  });
  const Reply reply = client.Receive();
  sender.join();

  CHECK(reply.status == 413);
}

TEST_CASE("limits are reached before they are passed", "[http]") {
  EchoServer server;
  HttpClient client(server.port());

  CHECK(client.Do("GET", "/" + std::string(8191, 'a')).status == 200);
  CHECK(client.Do("GET", "/", {{"X", std::string(30000, 'a')}}).status == 200);
  CHECK(client.Do("POST", "/", {}, std::string(4 << 20, 'x')).body.size() == (4 << 20) + 7);
}

TEST_CASE("a client that waits for 100 Continue gets it", "[http]") {
  EchoServer server;
  HttpClient client(server.port());

  client.Send("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.ReceiveUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ok");

  CHECK(client.Receive().body == "POST /x ok");
}

TEST_CASE("a client that is too slow gets 408", "[http]") {
  const auto sent = GENERATE(as<std::string>(), "", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n",
                             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
  CAPTURE(sent);
  EchoServer server({.header_time_max = absl::Milliseconds(60),
                     .body_time_max = absl::Milliseconds(60),
                     .idle_time_max = absl::Milliseconds(60)});
  HttpClient client(server.port());

  client.Send(sent);
  const Reply reply = client.Receive();

  CHECK(reply.status == 408);
  CHECK(client.Ended());
}

TEST_CASE("dripping headers do not prolong their time", "[http]") {
  EchoServer server({.header_bytes_max = 16 << 20, .header_time_max = absl::Milliseconds(60)});
  HttpClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
  std::thread drip([&] {
    // Ends when the server takes no more.
    while (client.Send("y")) {
    }
  });

  CHECK(client.Receive().status == 408);
  client.Ended();
  drip.join();
}

TEST_CASE("a client that leaves is noticed while its request is worked on", "[http]") {
  EchoServer server;
  {
    HttpClient client(server.port());
    client.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    server.WaitUntilHeld();
  }

  server.WaitUntilGone();
  server.Release();  // Too late, and harmless.
}

TEST_CASE("stopping lets a request finish and refuses connections", "[http]") {
  EchoServer server;
  HttpClient client(server.port());
  client.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  server.WaitUntilHeld();
  HttpClient idle(server.port());
  CHECK(idle.Do("GET", "/a").status == 200);

  std::thread stopper([&] { server.server().Stop(absl::Seconds(20)); });
  CHECK(idle.Ended());
  server.Release();
  const Reply reply = client.Receive();
  client.Close();
  stopper.join();

  CHECK(reply.body == "released");
  CHECK(reply.Header("connection") == "close");
  CHECK(HttpClient(server.port()).Do("GET", "/a").status == 0);
}

TEST_CASE("stopping does not wait longer than its grace", "[http]") {
  EchoServer server;
  HttpClient client(server.port());
  client.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  server.WaitUntilHeld();

  server.server().Stop(absl::Milliseconds(20));

  CHECK(client.Receive().status == 0);
  server.Release();
}

TEST_CASE("more connections than allowed are closed at the door", "[http]") {
  EchoServer server({.connections_max = 2});
  HttpClient a(server.port());
  HttpClient b(server.port());
  CHECK(a.Do("GET", "/").status == 200);
  CHECK(b.Do("GET", "/").status == 200);

  HttpClient c(server.port());

  CHECK(c.Do("GET", "/").status == 0);
  CHECK(a.Do("GET", "/").status == 200);
}

TEST_CASE("a port that is taken is an error", "[http]") {
  EchoServer server;

  const auto second = HttpServer::Start({.port = server.port()}, nullptr, nullptr);
  const auto bad = HttpServer::Start({.address = "nowhere", .port = 0}, nullptr, nullptr);

  CHECK(ReasonOf(second.status()) == "ADDRESS_IN_USE");
  CHECK(ReasonOf(bad.status()) == "ADDRESS_INVALID");
}

TEST_CASE("several threads share the connections", "[http]") {
  EchoServer server({.threads = 2});
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<HttpClient>(server.port()));

  for (int round = 0; round < 5; ++round) {
    for (auto& client : clients) CHECK(client->Do("GET", "/x").body == "GET /x ");
  }
}

}  // namespace
}  // namespace weft::gateway
