// Server and client together, over loopback.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpc/health/v1/health.pb.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/base/sync.h"
#include "libs/rpc/grpc_client.h"
#include "libs/rpc/grpc_server.h"
#include "libs/rpc/health.h"
#include "libs/rpc/method_traits.h"
#include "weft/bench/v1/bench.pb.h"

namespace weft::rpc {
namespace {

using bench::v1::EchoRequest;
using bench::v1::EchoResponse;
using bench::v1::TouchRequest;

constexpr char kEcho[] = "weft.bench.v1.BenchService/Echo";
constexpr char kTouch[] = "weft.bench.v1.BenchService/Touch";
constexpr char kStream[] = "test.v1.T/Stream";

const AccessTable& Access() {
  static const AccessTable table = AccessTable::Parse(
                                       "weft.bench.v1.BenchService/Echo rep service operator\n"
                                       "weft.bench.v1.BenchService/Touch rep service operator\n"
                                       "test.v1.T/Stream rep service operator\n"
                                       "test.v1.T/Auditors auditor\n"
                                       "grpc.health.v1.Health/Check public\n"
                                       "grpc.health.v1.Health/Watch public\n")
                                       .value();
  return table;
}

// What an observer saw.
class Seen final : public CallObserver {
 public:
  void Declare(const std::string&) override {}
  void Started(const std::string&) override {
    MutexLock lock(mutex_);
    ++started_;
  }
  void Handled(const CallRecord& record) override {
    MutexLock lock(mutex_);
    records_.push_back(record);
    changed_.NotifyAll();
  }
  std::vector<CallRecord> Wait(size_t count) {
    MutexLock lock(mutex_);
    while (records_.size() < count) changed_.Wait(mutex_);
    return records_;
  }
  int started() {
    MutexLock lock(mutex_);
    return started_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int started_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<CallRecord> records_ ABSL_GUARDED_BY(mutex_);
};

// A server with tokens and a pool that calls it as a room.
struct Mesh {
  Mesh() : Mesh(GrpcServerOptions{}) {}
  explicit Mesh(GrpcServerOptions options) : server(With(std::move(options))) {}

  GrpcServerOptions With(GrpcServerOptions options) {
    options.room = "test";
    options.authenticator = authenticator.get();
    options.access = &Access();
    options.observer = &seen;
    return options;
  }
  // After the methods are registered.
  void Start() {
    REQUIRE(server.Start().ok());
    client = pool.Room({.room = "test", .target = server.target()});
  }

  SystemClock clock;
  SigningKey key = SigningKey::Generate(Algorithm::kEdDsa);
  TokenVerifier verifier{{{.issuer = kRoomIssuer,
                           .audience = kAudience,
                           .keys = JsonWebKeySet({key.public_key()}),
                           .rooms = true}},
                         clock};
  std::unique_ptr<Authenticator> authenticator = RequireToken(verifier);
  RoomTokens tokens{"caller", key, clock};
  Seen seen;
  GrpcServer server;
  Seen calls;
  ClientPool pool{{.tokens = &tokens, .observer = &calls}};
  std::unique_ptr<Client> client;
};

absl::StatusOr<RawAnswer> Call(Client& client, const std::string& method, std::string request,
                               CallOptions options) {
  std::promise<absl::StatusOr<RawAnswer>> promise;
  client.CallRaw(method, std::move(request), options,
                 [&](absl::StatusOr<RawAnswer> answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

const CallOptions kOptions{.timeout = absl::Seconds(20), .tenant = "acme", .user = "u-1"};

RawUnaryHandler EchoHandler() {
  return [](const CallContext&, std::string request, RawReply reply) {
    reply(std::move(request), {});
  };
}

TEST_CASE("a call is answered with its caller known", "[rpc]") {
  Mesh mesh;
  std::promise<CallContext> called;
  mesh.server.Unary<EchoRequest, EchoResponse>(
      kEcho, [&](const CallContext& context, const EchoRequest& request,
                 Reply<EchoResponse> reply) {
        called.set_value(context);
        EchoResponse response;
        response.set_payload(request.payload());
        reply(response, {.replayed = true, .token = "t1"});
      });
  mesh.Start();
  EchoRequest request;
  request.set_payload("hello");
  CallOptions options = kOptions;
  options.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  options.request_id = "req-1";

  const auto answer = Call(*mesh.client, kEcho, request.SerializeAsString(), options);

  REQUIRE(answer.ok());
  EchoResponse response;
  REQUIRE(response.ParseFromString(answer->payload));
  CHECK(response.payload() == "hello");
  CHECK(answer->replayed);
  CHECK(answer->token == "t1");
  const CallContext seen = called.get_future().get();
  CHECK(seen.principal.tenant == "acme");
  CHECK(seen.principal.user == "u-1");
  CHECK(seen.principal.roles == std::set<std::string>{"service"});
  CHECK(seen.method == kEcho);
  CHECK(seen.request_id == "req-1");
  CHECK(seen.traceparent.substr(0, 36) == "00-0af7651916cd43dd8448eb211c80319c-");
  CHECK(seen.traceparent != options.traceparent);
  CHECK(seen.deadline <= absl::Now() + absl::Seconds(20));
  const std::vector<CallRecord> records = mesh.seen.Wait(1);
  CHECK(records[0].method == kEcho);
  CHECK(records[0].status.ok());
  CHECK(records[0].tenant == "acme");
  CHECK(records[0].request_id == "req-1");
  CHECK(mesh.calls.Wait(1)[0].method == kEcho);
}

TEST_CASE("an error of a room comes back as it was", "[rpc][errors]") {
  const absl::Status error =
      GENERATE(NotFound("ITEM_NOT_FOUND", "item 'x' is not known; check the SKU", {{"sku", "x"}}),
               FailedPrecondition("UNDONE", "undone"), Aborted("ETAG_MISMATCH", "moved on"),
               DataLoss("ROW_UNREADABLE", "a row does not parse"));
  Mesh mesh;
  mesh.server.RegisterUnary(kEcho, [&](const CallContext&, std::string, RawReply reply) {
    reply(error, {});
  });
  mesh.Start();

  CHECK(Call(*mesh.client, kEcho, "", kOptions).status() == error);
}

TEST_CASE("an internal error shows its request id only, and is logged whole", "[rpc][errors]") {
  Mesh mesh;
  mesh.server.RegisterUnary(kEcho, [&](const CallContext&, std::string, RawReply reply) {
    reply(Internal("secret"), {});
  });
  mesh.Start();
  CallOptions options = kOptions;
  options.request_id = "req-9";

  const absl::Status status = Call(*mesh.client, kEcho, "", options).status();

  CHECK(status.code() == absl::StatusCode::kInternal);
  CHECK(std::string(status.message()) == "internal error; report request id req-9");
  CHECK(std::string(mesh.seen.Wait(1)[0].status.message()) == "secret");
}

TEST_CASE("refusals name their reason before a handler runs", "[rpc][errors]") {
  Mesh mesh;
  bool ran = false;
  const auto handler = [&](const CallContext&, std::string, RawReply reply) {
    ran = true;
    reply(std::string(), {});
  };
  mesh.server.RegisterUnary(kEcho, handler);
  mesh.server.RegisterUnary("test.v1.T/Auditors", handler);
  mesh.Start();
  ClientPool nobody({});
  const auto anonymous = nobody.Room({.room = "test", .target = mesh.server.target()});
  CallOptions forged = kOptions;
  forged.bearer = "a.b.c";

  const auto unknown = Call(*mesh.client, "test.v1.T/Nothing", "", kOptions).status();
  const auto denied = Call(*mesh.client, "test.v1.T/Auditors", "", kOptions).status();
  const auto no_token = Call(*anonymous, kEcho, "", kOptions).status();
  const auto bad_token = Call(*mesh.client, kEcho, "", forged).status();

  CHECK(unknown.code() == absl::StatusCode::kUnimplemented);
  CHECK(ReasonOf(unknown) == "METHOD_UNKNOWN");
  CHECK(denied.code() == absl::StatusCode::kPermissionDenied);
  CHECK(ReasonOf(denied) == "ROLE_NOT_ALLOWED");
  CHECK(no_token.code() == absl::StatusCode::kUnauthenticated);
  CHECK(ReasonOf(no_token) == "TOKEN_REQUIRED");
  CHECK(ReasonOf(bad_token) == "TOKEN_INVALID");
  CHECK_FALSE(ran);
  CHECK(mesh.seen.Wait(4).size() == 4);
  CHECK(mesh.seen.started() == 4);
}

TEST_CASE("a request beyond the limit is refused with the limit", "[rpc][errors]") {
  Mesh mesh(GrpcServerOptions{.request_bytes_max = 1000});
  mesh.server.RegisterUnary(kEcho, EchoHandler());
  mesh.Start();

  CHECK(Call(*mesh.client, kEcho, std::string(1000, 'x'), kOptions).ok());
  const auto status = Call(*mesh.client, kEcho, std::string(1001, 'x'), kOptions).status();
  CHECK(ReasonOf(status) == "REQUEST_TOO_LARGE");
  // Beyond twice the limit gRPC itself refuses.
  CHECK(Call(*mesh.client, kEcho, std::string(9'000, 'x'), kOptions).status().code() ==
        absl::StatusCode::kResourceExhausted);
}

TEST_CASE("bytes that are no message are refused", "[rpc][errors]") {
  Mesh mesh;
  mesh.server.Read<EchoRequest, EchoResponse>(
      kEcho, [](const CallContext&, const EchoRequest&) { return EchoResponse(); });
  mesh.Start();

  CHECK(ReasonOf(Call(*mesh.client, kEcho, "\xff\xff\xff", kOptions).status()) ==
        "REQUEST_UNREADABLE");
}

TEST_CASE("a deadline ends the wait, and a late reply does no harm", "[rpc]") {
  Mesh mesh;
  RawReply kept;
  std::promise<std::shared_ptr<const std::atomic<bool>>> gone;
  mesh.server.RegisterUnary(kTouch,
                            [&](const CallContext& context, std::string, RawReply reply) {
                              kept = std::move(reply);
                              gone.set_value(context.caller_gone);
                            });
  mesh.Start();
  CallOptions options = kOptions;
  options.timeout = absl::Milliseconds(50);

  const absl::Status status = Call(*mesh.client, kTouch, "", options).status();

  CHECK(status.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(ReasonOf(status) == "DEADLINE_PASSED");
  mesh.seen.Wait(1);
  CHECK(gone.get_future().get()->load());
  kept(std::string("late"), {});
}

TEST_CASE("a handler that drops the call ends it as an internal error", "[rpc]") {
  Mesh mesh;
  mesh.server.RegisterUnary(kEcho, [](const CallContext&, std::string, RawReply) {});
  mesh.server.RegisterStream(
      kStream, [](const CallContext&, std::string, std::shared_ptr<RawStream>) {});
  mesh.Start();

  CHECK(Call(*mesh.client, kEcho, "", kOptions).status().code() == absl::StatusCode::kInternal);
  std::promise<absl::Status> end;
  const auto handle = mesh.client->StreamRaw(
      kStream, "", kOptions,
      {[](std::string) {}, [&](absl::Status status) { end.set_value(std::move(status)); }});
  CHECK(end.get_future().get().code() == absl::StatusCode::kInternal);
}

TEST_CASE("many callers at once are all answered, from any thread", "[rpc]") {
  Mesh mesh;
  Mutex mutex;
  CondVar changed;
  std::vector<std::pair<std::string, RawReply>> waiting;
  bool stop = false;
  mesh.server.RegisterUnary(kTouch, [&](const CallContext&, std::string request, RawReply reply) {
    MutexLock lock(mutex);
    waiting.emplace_back(std::move(request), std::move(reply));
    changed.NotifyAll();
  });
  mesh.Start();
  std::thread engine([&] {
    for (;;) {
      std::vector<std::pair<std::string, RawReply>> batch;
      {
        MutexLock lock(mutex);
        while (waiting.empty() && !stop) changed.Wait(mutex);
        if (stop) return;
        batch.swap(waiting);
      }
      for (auto& [request, reply] : batch) reply(request, {});
    }
  });
  constexpr int kCalls = 5'000;
  std::atomic<int> right{0};
  std::atomic<int> ended{0};
  std::promise<void> all;

  for (int i = 0; i < kCalls; ++i) {
    const std::string text = absl::StrCat(i);
    mesh.client->CallRaw(kTouch, text, kOptions, [&, text](absl::StatusOr<RawAnswer> answer) {
      if (answer.ok() && answer->payload == text) right.fetch_add(1);
      if (ended.fetch_add(1) + 1 == kCalls) all.set_value();
    });
  }
  all.get_future().wait();

  CHECK(right.load() == kCalls);
  {
    MutexLock lock(mutex);
    stop = true;
    changed.NotifyAll();
  }
  engine.join();
}

TEST_CASE("a stream delivers in order and ends with its status", "[rpc][stream]") {
  Mesh mesh(GrpcServerOptions{.stream_messages_max = 1000});
  mesh.server.RegisterStream(
      kStream, [](const CallContext&, std::string request, std::shared_ptr<RawStream> stream) {
        for (int i = 0; i < 500; ++i) stream->Write(absl::StrCat(request, i));
        stream->Finish(Aborted("ETAG_MISMATCH", "enough"));
      });
  mesh.Start();
  std::vector<std::string> got;
  std::promise<absl::Status> end;

  const auto handle = mesh.client->StreamRaw(
      kStream, "m", kOptions,
      {[&](std::string message) { got.push_back(std::move(message)); },
       [&](absl::Status status) { end.set_value(std::move(status)); }});

  CHECK(ReasonOf(end.get_future().get()) == "ETAG_MISMATCH");
  REQUIRE(got.size() == 500);
  for (int i = 0; i < 500; ++i) CHECK(got[static_cast<size_t>(i)] == absl::StrCat("m", i));
}

TEST_CASE("a reader that leaves is noticed", "[rpc][stream]") {
  Mesh mesh;
  std::promise<void> done;
  std::promise<std::shared_ptr<RawStream>> opened;
  mesh.server.RegisterStream(
      kStream, [&](const CallContext&, std::string, std::shared_ptr<RawStream> stream) {
        stream->OnDone([&] { done.set_value(); });
        stream->Write("first");
        opened.set_value(stream);
      });
  mesh.Start();
  std::promise<void> first;
  std::promise<absl::Status> end;
  auto handle = mesh.client->StreamRaw(
      kStream, "", kOptions,
      {[&](std::string) { first.set_value(); },
       [&](absl::Status status) { end.set_value(std::move(status)); }});
  first.get_future().wait();

  handle.reset();

  done.get_future().wait();
  const auto stream = opened.get_future().get();
  CHECK(stream->done());
  CHECK_FALSE(stream->Write("into the void"));
  CHECK(end.get_future().get().code() == absl::StatusCode::kCancelled);
}

TEST_CASE("a slow reader is cut off with a reason", "[rpc][stream]") {
  Mesh mesh(GrpcServerOptions{.stream_messages_max = 8});
  std::promise<int> written;
  mesh.server.RegisterStream(
      kStream, [&](const CallContext&, std::string, std::shared_ptr<RawStream> stream) {
        int count = 0;
        while (stream->Write(std::string(100'000, 'x'))) ++count;
        written.set_value(count);
      });
  mesh.Start();
  // The client's thread stands still in its first message.
  auto written_count = written.get_future();
  std::promise<absl::Status> end;
  int got = 0;
  const auto handle =
      mesh.client->StreamRaw(kStream, "", kOptions,
                             {[&](std::string) {
                                if (got++ == 0) written_count.wait();
                              },
                              [&](absl::Status status) { end.set_value(std::move(status)); }});

  const absl::Status status = end.get_future().get();

  CHECK(ReasonOf(status) == "STREAM_TOO_SLOW");
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  CHECK(got < written_count.get());
}

TEST_CASE("shutdown lets calls in flight finish and refuses new ones", "[rpc][shutdown]") {
  Mesh mesh;
  std::promise<RawReply> begun;
  std::atomic<bool> first{true};
  mesh.server.RegisterUnary(kTouch, [&](const CallContext&, std::string, RawReply reply) {
    if (!first.exchange(false)) return reply(std::string("early"), {});
    begun.set_value(std::move(reply));
  });
  mesh.Start();
  std::promise<absl::StatusOr<RawAnswer>> answer;
  mesh.client->CallRaw(kTouch, "", kOptions, [&](absl::StatusOr<RawAnswer> result) {
    answer.set_value(std::move(result));
  });
  RawReply reply = begun.get_future().get();

  std::thread stopper([&] { mesh.server.Shutdown(absl::Seconds(60)); });
  // The stop begins on another thread; what comes before it is still answered.
  absl::Status refused;
  while (refused.ok()) refused = Call(*mesh.client, kTouch, "", kOptions).status();
  reply(std::string("done"), {});
  stopper.join();

  CHECK(ReasonOf(refused) == "ROOM_STOPPING");
  CHECK(answer.get_future().get()->payload == "done");
  CHECK(mesh.server.in_flight() == 0);
}

TEST_CASE("shutdown does not wait for a handler beyond the grace", "[rpc][shutdown]") {
  auto mesh = std::make_unique<Mesh>();
  std::promise<RawReply> begun;
  mesh->server.RegisterUnary(kTouch, [&](const CallContext&, std::string, RawReply reply) {
    begun.set_value(std::move(reply));
  });
  mesh->server.RegisterStream(
      kStream, [](const CallContext&, std::string, std::shared_ptr<RawStream> stream) {
        auto* kept = new std::shared_ptr<RawStream>(stream);
        stream->OnDone([kept] { delete kept; });
        stream->Write("open");
      });
  mesh->Start();
  std::promise<absl::StatusOr<RawAnswer>> answer;
  mesh->client->CallRaw(kTouch, "", kOptions, [&](absl::StatusOr<RawAnswer> result) {
    answer.set_value(std::move(result));
  });
  std::promise<void> open;
  std::promise<absl::Status> end;
  const auto handle = mesh->client->StreamRaw(
      kStream, "", kOptions,
      {[&](std::string) { open.set_value(); },
       [&](absl::Status status) { end.set_value(std::move(status)); }});
  open.get_future().wait();
  RawReply reply = begun.get_future().get();

  mesh->server.Shutdown(absl::Milliseconds(100));

  CHECK_FALSE(answer.get_future().get().ok());
  CHECK(ReasonOf(end.get_future().get()) == "ROOM_STOPPING");
  mesh.reset();
  reply(std::string("long after"), {});
}

TEST_CASE("a pool that stops ends its calls", "[rpc][shutdown]") {
  Mesh mesh;
  RawReply kept;
  std::promise<void> begun;
  mesh.server.RegisterUnary(kTouch, [&](const CallContext&, std::string, RawReply reply) {
    kept = std::move(reply);
    begun.set_value();
  });
  mesh.Start();
  std::promise<absl::Status> end;
  mesh.client->CallRaw(kTouch, "", kOptions, [&](absl::StatusOr<RawAnswer> result) {
    end.set_value(result.status());
  });
  begun.get_future().wait();

  mesh.pool.Shutdown();

  CHECK(end.get_future().get().code() == absl::StatusCode::kCancelled);
  CHECK(ReasonOf(Call(*mesh.client, kTouch, "", kOptions).status()) == "CLIENT_STOPPED");
}

TEST_CASE("only what may be repeated is retried", "[rpc][retry]") {
  const auto [method, request, repeatable, attempts] =
      GENERATE(table<const char*, const char*, bool, int>({
          {kEcho, "", false, 3},            // NO_SIDE_EFFECTS.
          {kTouch, "\x0a\x01k", false, 3},  // Has a request id.
          {kTouch, "", false, 1},           // Has none.
          {kTouch, "\x12\x01k", false, 1},  // Another field.
          {kTouch, "", true, 3},            // The caller says so.
      }));
  const absl::Status away = GENERATE(Unavailable("LOG_UNAVAILABLE", "away"));
  CAPTURE(method, request);
  Mesh mesh;
  std::atomic<int> calls{0};
  mesh.server.RegisterUnary(method, [&](const CallContext&, std::string, RawReply reply) {
    calls.fetch_add(1);
    reply(away, {});
  });
  mesh.Start();
  CallOptions options = kOptions;
  options.repeatable = repeatable;

  CHECK(ReasonOf(Call(*mesh.client, method, request, options).status()) == "LOG_UNAVAILABLE");
  CHECK(calls.load() == attempts);
}

TEST_CASE("other errors are not retried", "[rpc][retry]") {
  Mesh mesh;
  std::atomic<int> calls{0};
  mesh.server.RegisterUnary(kEcho, [&](const CallContext&, std::string, RawReply reply) {
    calls.fetch_add(1);
    reply(ResourceExhausted("SHARD_BUSY", "busy"), {});
  });
  mesh.Start();

  CHECK_FALSE(Call(*mesh.client, kEcho, "", kOptions).ok());
  CHECK(calls.load() == 1);
}

TEST_CASE("a room that is away is ROOM_UNAVAILABLE", "[rpc][retry]") {
  ClientPool pool({});
  const auto client = pool.Room({.room = "pricing", .target = "127.0.0.1:1"});

  const absl::Status status = Call(*client, kTouch, "", kOptions).status();

  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(ReasonOf(status) == "ROOM_UNAVAILABLE");
  CHECK(MetadataOf(status) == ErrorMetadata{{"room", "pricing"}});
}

// Takes one connection on loopback and passes its octets on to `port` after a while:
// a room on a machine that is too busy to say hello at once.
class SlowDoor {
 public:
  SlowDoor(int port, absl::Duration pause) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = Loopback(0);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_, 1) == 0);
    socklen_t size = sizeof address;
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, port, pause] {
      const int caller = accept(listener_, nullptr, nullptr);
      if (caller < 0) return;
      absl::SleepFor(pause);
      const int room = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in there = Loopback(port);
      if (connect(room, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0) {
        std::thread back([=] { Pass(room, caller); });
        Pass(caller, room);
        back.join();
      }
      close(room);
      close(caller);
    });
  }
  // The client must be gone.
  ~SlowDoor() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  int port() const { return port_; }

 private:
  static sockaddr_in Loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static void Pass(int from, int to) {
    char octets[4096];
    for (ssize_t n = read(from, octets, sizeof octets); n > 0;
         n = read(from, octets, sizeof octets)) {
      if (send(to, octets, static_cast<size_t>(n), MSG_NOSIGNAL) != n) break;
    }
    shutdown(to, SHUT_WR);
  }
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

TEST_CASE("a room that is slow to greet is not away", "[rpc][retry]") {
  Mesh mesh;
  mesh.server.RegisterUnary(kTouch, [](const CallContext&, std::string, RawReply reply) {
    reply(std::string(), {});
  });
  mesh.Start();
  SlowDoor door(mesh.server.port(), absl::Milliseconds(300));
  ClientPool pool({.tokens = &mesh.tokens});
  const auto client =
      pool.Room({.room = "test", .target = absl::StrCat("127.0.0.1:", door.port())});
  CallOptions options = kOptions;
  options.tenant = "t1";

  CHECK(Call(*client, kTouch, "", options).status() == absl::OkStatus());
}

TEST_CASE("a client learns the number of shards", "[rpc][routing]") {
  // Two servers stand for two shards; "{shard}" picks the last octet of their
  // loopback address.
  Mesh one;
  std::vector<std::unique_ptr<GrpcServer>> shards;
  std::atomic<int> answered_by{-1};
  std::atomic<int> refused{0};
  int port = 0;
  for (int shard = 0; shard < 2; ++shard) {
    auto options = one.With({});
    options.address = absl::StrCat("127.0.0.1", shard, ":", port);
    shards.push_back(std::make_unique<GrpcServer>(options));
    shards.back()->RegisterUnary(kTouch, [&, shard](const CallContext& context, std::string,
                                                    RawReply reply) {
      if (PartitionOf(context.principal.tenant) % 2 != static_cast<uint32_t>(shard)) {
        refused.fetch_add(1);
        return reply(FailedPrecondition("WRONG_SHARD", "not here", {{"shards", "2"}}), {});
      }
      answered_by.store(shard);
      reply(std::string(), {});
    });
    REQUIRE(shards.back()->Start().ok());
    port = shards.back()->port();
  }
  std::string tenant = "t0";
  while (PartitionOf(tenant) % 2 != 1) tenant += "x";
  const auto client = one.pool.Room(
      {.room = "test", .target = absl::StrCat("127.0.0.1{shard}:", port), .shards = 1});
  CallOptions options = kOptions;
  options.tenant = tenant;

  CHECK(Call(*client, kTouch, "", options).ok());
  CHECK(answered_by.load() == 1);
  CHECK(refused.load() == 1);
  CHECK(Call(*client, kTouch, "", options).ok());
  CHECK(refused.load() == 1);
}

TEST_CASE("a stream goes on at the right shard when the first one refuses it", "[rpc][routing]") {
  Mesh one;
  std::vector<std::unique_ptr<GrpcServer>> shards;
  std::atomic<int> refused{0};
  for (int shard = 0; shard < 2; ++shard) {
    shards.push_back(std::make_unique<GrpcServer>(one.With({})));
    shards.back()->RegisterStream(
        kStream, [&, shard](const CallContext& context, std::string,
                            std::shared_ptr<RawStream> stream) {
          if (PartitionOf(context.principal.tenant) % 2 != static_cast<uint32_t>(shard)) {
            refused.fetch_add(1);
            return stream->Finish(
                FailedPrecondition("WRONG_SHARD", "not here", {{"shards", "2"}}));
          }
          stream->Write(absl::StrCat("shard ", shard));
          stream->Finish(absl::OkStatus());
        });
    REQUIRE(shards.back()->Start().ok());
  }
  // The first one in the list is asked first.
  std::string tenant = "t0";
  while (PartitionOf(tenant) % 2 != 1) tenant += "x";
  const auto client = one.pool.Room(
      {.room = "test",
       .target = absl::StrCat(shards[0]->target(), ",", shards[1]->target())});
  CallOptions options = kOptions;
  options.tenant = tenant;
  std::string heard;
  std::promise<absl::Status> end;

  const auto handle = client->StreamRaw(
      kStream, "", options,
      {.message = [&](std::string message) { heard += message; },
       .end = [&](absl::Status status) { end.set_value(std::move(status)); }});

  CHECK(end.get_future().get() == absl::OkStatus());
  CHECK(heard == "shard 1");
  CHECK(refused.load() == 1);
}

TEST_CASE("what only the owner answers goes to the owner, the rest to the replicas",
          "[rpc][routing]") {
  const auto [method, owner] = GENERATE(table<const char*, bool>({
      {"weft.bench.v1.BenchService/Touch", true},   // A command: it has a request id.
      {"weft.bench.v1.BenchService/Echo", false},
      {"weft.documents.v1.DocumentService/GetDocument", true},
      {"weft.unknown.v1.T/Method", false},
  }));
  CAPTURE(method);
  CHECK(IsForOwner(method) == owner);
}

TEST_CASE("a server does not start where it must not", "[rpc]") {
  Mesh mesh;
  mesh.server.RegisterUnary("test.v1.T/NoRow", EchoHandler());
  CHECK(ReasonOf(mesh.server.Start()) == "ACCESS_ROW_MISSING");

  const auto open = OpenLoopback(mesh.verifier, "demo");
  GrpcServer wide({.room = "test", .address = "0.0.0.0:0", .authenticator = open.get()});
  CHECK(ReasonOf(wide.Start()) == "OPEN_NOT_LOOPBACK");

  GrpcServer first({.room = "test"});
  REQUIRE(first.Start().ok());
  GrpcServer second({.room = "test", .address = first.target()});
  CHECK(ReasonOf(second.Start()) == "ADDRESS_IN_USE");
}

TEST_CASE("loopback is told from the rest", "[rpc]") {
  const auto [address, loopback] = GENERATE(table<const char*, bool>({
      {"127.0.0.1:0", true}, {"127.1.2.3:80", true}, {"localhost:80", true},
      {"[::1]:80", true}, {"unix:/tmp/x", true}, {"0.0.0.0:80", false},
      {"[::]:80", false}, {"10.0.0.1:80", false}, {"example.org:80", false}, {":80", false}, {"127.example.org:80", false}}));
  CAPTURE(address);

  CHECK(IsLoopback(address) == loopback);
}

TEST_CASE("the open mode lets a caller name its user", "[rpc]") {
  Mesh mesh;
  const auto open = OpenLoopback(mesh.verifier, "demo");
  GrpcServer server(
      {.room = "test", .authenticator = open.get(), .access = &Access()});
  std::promise<Principal> called;
  server.RegisterUnary(kEcho, [&](const CallContext& context, std::string, RawReply reply) {
    called.set_value(context.principal);
    reply(std::string(), {});
  });
  REQUIRE(server.Start().ok());
  ClientPool pool({});
  const auto client = pool.Room({.room = "test", .target = server.target()});

  REQUIRE(Call(*client, kEcho, "", {.user = "u-5"}).ok());

  const Principal seen = called.get_future().get();
  CHECK(seen.tenant == "demo");
  CHECK(seen.user == "u-5");
  CHECK(seen.Has("operator"));
}

TEST_CASE("health is asked and watched without a token", "[rpc][health]") {
  using grpc::health::v1::HealthCheckRequest;
  using grpc::health::v1::HealthCheckResponse;
  Mesh mesh;
  auto health = std::make_shared<HealthState>();
  health->Set("readiness", false);
  RegisterHealth(mesh.server, health);
  mesh.Start();
  ClientPool nobody({});
  const auto client = nobody.Room({.room = "test", .target = mesh.server.target()});
  HealthCheckRequest request;
  request.set_service("readiness");
  const auto check = [&] {
    const auto answer =
        Call(*client, "grpc.health.v1.Health/Check", request.SerializeAsString(), {});
    HealthCheckResponse response;
    REQUIRE(answer.ok());
    REQUIRE(response.ParseFromString(answer->payload));
    return response.status();
  };
  Mutex mutex;
  CondVar changed;
  std::vector<int> states;
  const auto wait_for = [&](size_t count) {
    MutexLock lock(mutex);
    while (states.size() < count) changed.Wait(mutex);
  };
  std::promise<void> end;

  auto handle = client->StreamRaw(
      "grpc.health.v1.Health/Watch", request.SerializeAsString(),
      {.timeout = absl::InfiniteDuration()},
      {[&](std::string bytes) {
         HealthCheckResponse response;
         response.ParseFromString(bytes);
         MutexLock lock(mutex);
         states.push_back(response.status());
         changed.NotifyAll();
       },
       [&](absl::Status) { end.set_value(); }});
  wait_for(1);
  CHECK(check() == HealthCheckResponse::NOT_SERVING);
  health->Set("readiness", true);
  wait_for(2);
  CHECK(check() == HealthCheckResponse::SERVING);
  health->Set("readiness", true);
  health->Set("readiness", false);
  wait_for(3);
  handle.reset();
  end.get_future().wait();

  CHECK(states == std::vector<int>{HealthCheckResponse::NOT_SERVING,
                                   HealthCheckResponse::SERVING,
                                   HealthCheckResponse::NOT_SERVING});
  request.set_service("nothing");
  CHECK(ReasonOf(Call(*client, "grpc.health.v1.Health/Check", request.SerializeAsString(), {})
                     .status()) == "HEALTH_PART_UNKNOWN");
}

TEST_CASE("a filled-in request id makes a call repeatable", "[rpc][retry]") {
  const MethodTraits touch = TraitsOf(kTouch);
  CHECK(touch.known);
  CHECK(touch.request_id_field == 1);
  CHECK_FALSE(touch.side_effect_free);
  CHECK(TraitsOf(kEcho).side_effect_free);
  CHECK_FALSE(TraitsOf("no.Such/Method").known);

  TouchRequest request;
  request.set_payload("p");
  CHECK_FALSE(MayRepeat(touch, request.SerializeAsString()));
  request.set_request_id("r");
  CHECK(MayRepeat(touch, request.SerializeAsString()));
  CHECK_FALSE(MayRepeat(touch, "\xff"));
}

}  // namespace
}  // namespace weft::rpc
