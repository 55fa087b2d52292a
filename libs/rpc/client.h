// Calls to other rooms. Completion-queue client; one channel per target and
// process; routes by partition when a room has several shards.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/principal.h"
#include "libs/rpc/cancellation.h"

namespace weft::rpc {

struct CallOptions {
  // Never infinite for a call; a stream may have absl::InfiniteDuration().
  absl::Duration timeout = absl::Seconds(5);
  // Whose behalf: the tenant (routes the call) and the causing user. A room's
  // own token (60 s, role "service") is made from it, unless `bearer` is set.
  std::string tenant;
  std::string user;
  std::string bearer;         // Passed through as it is (gateway).
  // No token at all: the caller had none and the mesh is open (gateway). The
  // room's open mode then takes `user`.
  bool without_token = false;
  std::string traceparent;
  std::string request_id;     // X-Request-Id, for logs.
  // Says that the call may be repeated although nothing tells so by itself: its
  // descriptor (NO_SIDE_EFFECTS) or a filled-in `request_id` field.
  bool repeatable = false;
  // Ends a call early (not a stream, which has its handle); null = never.
  std::shared_ptr<Cancellation> cancellation;
};

struct RawAnswer {
  std::string payload;
  bool replayed = false;
  std::string token;
};
using RawAnswerCallback = std::function<void(absl::StatusOr<RawAnswer>)>;
// `message` for each message, then `end` once.
struct StreamCallbacks {
  std::function<void(std::string message)> message;
  std::function<void(absl::Status)> end;
};
// Cancels the call when destroyed or on Cancel(); `end` still comes, once.
class StreamHandle {
 public:
  virtual ~StreamHandle() = default;
  virtual void Cancel() = 0;
};

// A room as its callers see it. Thread safe; callbacks run on a client thread
// and must not block. Errors of the room come back as they were (reason,
// metadata); a room that is away is UNAVAILABLE / ROOM_UNAVAILABLE.
class Client {
 public:
  virtual ~Client() = default;
  virtual void CallRaw(const std::string& method, std::string request,
                       const CallOptions& options, RawAnswerCallback done) = 0;
  virtual std::unique_ptr<StreamHandle> StreamRaw(const std::string& method,
                                                  std::string request,
                                                  const CallOptions& options,
                                                  StreamCallbacks callbacks) = 0;

  template <typename Request, typename Response>
  void Call(const std::string& method, const Request& request, const CallOptions& options,
            std::function<void(absl::StatusOr<Response>)> done) {
    CallRaw(method, request.SerializeAsString(), options,
            [done = std::move(done)](absl::StatusOr<RawAnswer> answer) {
              if (!answer.ok()) return done(answer.status());
              Response response;
              if (!response.ParseFromString(answer->payload)) {
                return done(absl::InternalError("the answer does not parse"));
              }
              done(std::move(response));
            });
  }
};

}  // namespace weft::rpc
