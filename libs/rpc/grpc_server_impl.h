// The server's insides: its state, and one call with its two halves. For
// grpc_server.cc and grpc_call.cc only.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "libs/base/sync.h"
#include "libs/rpc/grpc_server.h"
#include "libs/rpc/queue_order.h"

namespace weft::rpc {

// What a call is answered that comes, or is still open, while the server stops.
absl::Status Stopping();

class GrpcServer::Impl {
 public:
  explicit Impl(GrpcServerOptions server_options) : options(std::move(server_options)) {}

  enum class Kind { kUnary, kStream, kBidi };
  struct Entry {
    std::string method;
    Kind kind = Kind::kUnary;
    RawUnaryHandler unary;
    RawStreamHandler stream;
    BidiHandler bidi;
    const AccessRow* access = nullptr;  // Set by Start().
  };

  void Add(Entry entry);
  const Entry* Find(absl::string_view method) const {
    const auto it = entries.find(method);
    return it == entries.end() ? nullptr : it->second.get();
  }
  void Arm(const std::shared_ptr<Impl>& self, grpc::ServerCompletionQueue* queue);
  void WireGone();

  // Whether this thread polls a completion queue of a server.
  inline static thread_local bool on_queue_thread = false;

  // Constant after Start().
  const GrpcServerOptions options;
  absl::flat_hash_map<std::string, std::unique_ptr<Entry>> entries;
  grpc::AsyncGenericService service;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  std::unique_ptr<grpc::Server> server;
  std::vector<std::thread> threads;
  int port = 0;
  bool started = false;

  std::atomic<bool> stopping{false};
  std::atomic<int> in_flight{0};

  // Sends answers that come from other threads. A shard answers a whole batch in a
  // row, and each answer is a system call: on a thread of its own the shard
  // decides the next batch meanwhile.
  struct Answer {
    Call* call = nullptr;
    std::shared_ptr<void> guard;  // Of the call: dropped unanswered, it ends.
    absl::StatusOr<std::string> result;
    ReplyInfo info;
  };
  // False when the thread does not run; then nothing was moved.
  bool PushAnswer(Answer& answer);
  void SendAnswers();
  void StopAnswers();
  std::thread answer_thread;
  Mutex answer_mutex;
  CondVar answers_come;
  std::vector<Answer> answers ABSL_GUARDED_BY(answer_mutex);
  bool answers_sleep ABSL_GUARDED_BY(answer_mutex) = false;
  bool answers_stop ABSL_GUARDED_BY(answer_mutex) = true;

  Mutex mutex;
  CondVar idle;
  // Calls whose gRPC half is alive, armed ones included.
  int wires ABSL_GUARDED_BY(mutex) = 0;
  absl::flat_hash_set<Call*> streams ABSL_GUARDED_BY(mutex);
  bool shut_down ABSL_GUARDED_BY(mutex) = false;
};

// One call, from being armed until both gRPC and the handler have let go.
//
// The gRPC half (`wire_`) is destroyed as soon as no operation of it is pending
// and the call is done; a handler that replies later finds it gone and nothing
// happens. So a slow handler cannot hold up the server's shutdown.
class GrpcServer::Call final : public std::enable_shared_from_this<Call> {
 public:
  enum class Op { kRequest, kRead, kWrite, kFinish, kDone, kAlarm };
  struct Tag {
    Call* call;
    Op op;
  };

  Call(std::shared_ptr<Impl> impl, grpc::ServerCompletionQueue* queue)
      : impl_(std::move(impl)), queue_(queue), wire_(std::make_unique<Wire>()) {}

  void Arm() {
    MutexLock lock(mutex_);
    BeforeOperation(this);
    self_ = shared_from_this();
    pending_ = 2;  // The request, and the notice of the call's end.
    wire_->context.AsyncNotifyWhenDone(&done_tag_);
    impl_->service.RequestCall(&wire_->context, &wire_->io, queue_, queue_, &request_tag_);
  }

  void Proceed(Op op, bool ok);

  void ReplyUnary(absl::StatusOr<std::string> result, const ReplyInfo& info);
  bool WriteStream(const std::string& message);
  void FinishStream(absl::Status status);
  void OnStreamDone(std::function<void()> done);
  // The handler let go without an answer.
  void Dropped();
  bool StreamDone() {
    MutexLock lock(mutex_);
    return ended_ || done_;
  }

 private:
  struct Wire {
    grpc::GenericServerContext context;
    grpc::GenericServerAsyncReaderWriter io{&context};
    grpc::ByteBuffer in;
    std::unique_ptr<grpc::Alarm> alarm;
  };
  class StreamSide;
  struct ReplyGuard;

  void Begin();
  absl::Status Admit(CallContext& context);
  void Dispatch(std::string request);
  void OnRead(bool ok);
  void OnDone();
  // Drops one pending operation; at zero lets the gRPC half go.
  void Settle(int operations);
  void StartRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartFinish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc::Status Encode(const absl::Status& status) const;

  const std::shared_ptr<Impl> impl_;
  grpc::ServerCompletionQueue* const queue_;
  Tag request_tag_{this, Op::kRequest};
  Tag read_tag_{this, Op::kRead};
  Tag write_tag_{this, Op::kWrite};
  Tag finish_tag_{this, Op::kFinish};
  Tag done_tag_{this, Op::kDone};
  Tag alarm_tag_{this, Op::kAlarm};

  // Set by Begin() on the queue's thread, constant afterwards.
  const Impl::Entry* entry_ = nullptr;
  std::chrono::steady_clock::time_point started_;
  std::string request_id_;
  std::string traceparent_;
  std::string tenant_;
  std::string subject_;
  CallContext context_;  // Moved from when the handler is called.
  std::atomic<bool> gone_{false};
  std::shared_ptr<RawStream> bidi_;  // Touched by the queue's thread only.

  Mutex mutex_;
  std::unique_ptr<Wire> wire_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Call> self_ ABSL_GUARDED_BY(mutex_);
  int pending_ ABSL_GUARDED_BY(mutex_) = 0;
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  bool replied_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_) = absl::CancelledError("the caller left");
  // Streams.
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::string> queue_out_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::function<void()> on_done_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::rpc
