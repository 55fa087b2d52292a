// The server behind MethodRegistry: gRPC on completion queues.
//
//   GrpcServer server(options);
//   room.Bind(server, shards);              // registers
//   RETURN_IF_ERROR(server.Start());        // listens
//   ...
//   server.Shutdown(absl::Seconds(30));     // drains
//
// One queue with one thread each. Every call waits as one of `armed` requests
// of a queue; methods are told apart by name after the request has arrived, so
// a burst on one method finds as many as on all.
//
// Around a handler, in this order: the server is not stopping (UNAVAILABLE /
// ROOM_STOPPING), the method exists (UNIMPLEMENTED / METHOD_UNKNOWN), the
// caller is known (UNAUTHENTICATED / TOKEN_...), has a role for it
// (PERMISSION_DENIED / ROLE_NOT_ALLOWED), the deadline is ahead
// (DEADLINE_EXCEEDED / DEADLINE_PASSED), there is a request (INVALID_ARGUMENT /
// REQUEST_MISSING) of a permitted size (RESOURCE_EXHAUSTED / REQUEST_TOO_LARGE).
//
// A Reply or stream that is dropped without an answer ends as INTERNAL.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/rpc/access_table.h"
#include "libs/rpc/authenticator.h"
#include "libs/rpc/observer.h"
#include "libs/rpc/server.h"

namespace weft::rpc {

struct GrpcServerOptions {
  // Behaviour.
  std::string room;                       // ErrorInfo's domain is "<room>.weft".
  std::string address = "127.0.0.1:0";    // host:port; port 0 = any free one.
  // Null: only public methods can be called. Outlives the server.
  const Authenticator* authenticator = nullptr;
  const AccessTable* access = nullptr;    // Null: AccessTable::Default().
  CallObserver* observer = nullptr;       // Outlives the server.
  bool reflection = false;                // For debugging.
  // Ceiling for calls that bring a later deadline or none; not for streams.
  absl::Duration timeout_max = absl::Seconds(30);
  size_t request_bytes_max = 4 << 20;
  size_t stream_messages_max = 256;       // Waiting for a slow reader.
  size_t stream_bytes_max = 4 << 20;
  // Performance.
  int queues = 1;                         // One thread each.
  int armed = 128;                        // Requests waiting per queue.
  int metadata_bytes_max = 8 << 10;
  int concurrent_streams_max = 1000;      // Per connection.
  // Older connections are asked to reconnect, so new replicas get load.
  absl::Duration connection_age_max = absl::InfiniteDuration();
};

// A stream in both directions, for libs/rpc's own use (reflection). Messages
// arrive one at a time; the next is read when `message` has returned.
struct BidiHandler {
  // Null at the end of the caller's messages.
  std::function<void(const std::string* message, RawStream& stream)> message;
};

class GrpcServer final : public MethodRegistry {
 public:
  explicit GrpcServer(GrpcServerOptions options);
  // Shuts down at once if that has not happened.
  ~GrpcServer() override;

  // Before Start() only. A name registered twice stops the process.
  void RegisterUnary(const std::string& method, RawUnaryHandler handler) override;
  void RegisterStream(const std::string& method, RawStreamHandler handler) override;
  void RegisterBidi(const std::string& method, BidiHandler handler);

  // Errors: FAILED_PRECONDITION / ACCESS_ROW_MISSING for a method that the
  // access table does not know; FAILED_PRECONDITION / OPEN_NOT_LOOPBACK when an
  // open authenticator would listen on more than loopback; UNAVAILABLE /
  // ADDRESS_IN_USE when the port cannot be had.
  absl::Status Start();

  // The port listened on, after Start().
  int port() const;
  // "host:port" to call it at, after Start().
  std::string target() const;
  // Calls being worked on now.
  int in_flight() const;
  // Methods registered so far, sorted.
  std::vector<std::string> methods() const;

  // Refuses new calls, ends streams with UNAVAILABLE / ROOM_STOPPING, lets calls
  // in flight finish for at most `grace`, then cancels them. Blocks; a second
  // call does nothing. Handlers may still reply afterwards: nothing happens.
  void Shutdown(absl::Duration grace);

 private:
  class Impl;
  class Call;
  std::shared_ptr<Impl> impl_;
};

// True for "127.x.y.z:port", "[::1]:port", "localhost:port" and unix sockets.
bool IsLoopback(const std::string& address);

}  // namespace weft::rpc
