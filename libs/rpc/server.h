// The gRPC server of a room, on a completion queue.
//
// Methods are registered by full name with their message types; no generated
// stubs. What every call needs (identity, role check, deadline, trace, log
// line, metrics, errors with one ErrorInfo) happens around the handler.
//
// Handlers run on the queue's thread and must not block: no sync write, no
// lock held across I/O, no synchronous call. Commands are handed to the
// engine, which answers from its own thread; Reply may be called from any
// thread, once.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "libs/base/error.h"
#include "libs/base/principal.h"

namespace weft::rpc {

// What a handler knows of the call beside the request.
struct CallContext {
  Principal principal;
  std::string method;          // "weft.pricing.v1.PricingService/CalculatePrices"
  std::string traceparent;     // W3C, this call's span.
  absl::Time deadline;         // Wall clock.
  std::string request_id;      // X-Request-Id for logs; not the idempotency key.
  // Set when the caller is gone; work nobody waits for may stop. Null in tests
  // that do not care.
  std::shared_ptr<const std::atomic<bool>> caller_gone;
  absl::Duration Remaining() const;  // Until the deadline; never negative.
  bool CallerGone() const { return caller_gone != nullptr && caller_gone->load(); }
};

// What a handler may add to its answer (sent as response metadata).
struct ReplyInfo {
  bool replayed = false;       // idempotent-replayed: true
  std::string token;           // weft-token: <engine::Token text>
};

template <typename Response>
using Reply = std::function<void(absl::StatusOr<Response>, ReplyInfo)>;
using RawReply = std::function<void(absl::StatusOr<std::string>, ReplyInfo)>;

// One side of a server stream. Thread safe. Write() keeps at most a bounded
// number of messages for a slow reader, then ends the stream with
// RESOURCE_EXHAUSTED / STREAM_TOO_SLOW and returns false.
class RawStream {
 public:
  virtual ~RawStream() = default;
  virtual bool Write(std::string message) = 0;
  virtual void Finish(absl::Status status) = 0;
  // Called once when the reader is gone or the call ended.
  virtual void OnDone(std::function<void()> done) = 0;
  virtual bool done() const = 0;
};

template <typename Response>
class Stream {
 public:
  explicit Stream(std::shared_ptr<RawStream> raw) : raw_(std::move(raw)) {}
  bool Write(const Response& message) { return raw_->Write(message.SerializeAsString()); }
  void Finish(absl::Status status) { raw_->Finish(std::move(status)); }
  void OnDone(std::function<void()> done) { raw_->OnDone(std::move(done)); }
  bool done() const { return raw_->done(); }

 private:
  std::shared_ptr<RawStream> raw_;
};

using RawUnaryHandler = std::function<void(const CallContext&, std::string request, RawReply)>;
using RawStreamHandler =
    std::function<void(const CallContext&, std::string request, std::shared_ptr<RawStream>)>;

// Where methods are registered. libs/rpc's server is one; a test may be another.
class MethodRegistry {
 public:
  virtual ~MethodRegistry() = default;
  // `method` is the full name without a leading slash.
  virtual void RegisterUnary(const std::string& method, RawUnaryHandler handler) = 0;
  virtual void RegisterStream(const std::string& method, RawStreamHandler handler) = 0;

  // A call answered later, from any thread.
  template <typename Request, typename Response>
  void Unary(const std::string& method,
             std::function<void(const CallContext&, const Request&, Reply<Response>)> handler) {
    RegisterUnary(method, [handler = std::move(handler)](const CallContext& context,
                                                         std::string bytes, RawReply reply) {
      Request request;
      if (!request.ParseFromString(bytes)) return reply(Unreadable(), {});
      handler(context, request,
              [reply = std::move(reply)](absl::StatusOr<Response> response, ReplyInfo info) {
                if (!response.ok()) return reply(response.status(), std::move(info));
                reply(response->SerializeAsString(), std::move(info));
              });
    });
  }
  // A call answered at once, from memory or a snapshot.
  template <typename Request, typename Response>
  void Read(const std::string& method,
            std::function<absl::StatusOr<Response>(const CallContext&, const Request&)> handler) {
    Unary<Request, Response>(
        method, [handler = std::move(handler)](const CallContext& context,
                                               const Request& request, Reply<Response> reply) {
          reply(handler(context, request), {});
        });
  }
  template <typename Request, typename Response>
  void ServerStream(
      const std::string& method,
      std::function<void(const CallContext&, const Request&, Stream<Response>)> handler) {
    RegisterStream(method, [handler = std::move(handler)](const CallContext& context,
                                                          std::string bytes,
                                                          std::shared_ptr<RawStream> raw) {
      Request request;
      if (!request.ParseFromString(bytes)) return raw->Finish(Unreadable());
      handler(context, request, Stream<Response>(std::move(raw)));
    });
  }

 private:
  static absl::Status Unreadable() {
    return InvalidArgument("REQUEST_UNREADABLE", "the request message does not parse");
  }
};

}  // namespace weft::rpc
