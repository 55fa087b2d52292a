#include "libs/rpc/grpc_server.h"

#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/base/sync.h"
#include "libs/rpc/grpc_bytes.h"
#include "libs/rpc/queue_order.h"
#include "libs/rpc/reflection.h"
#include "libs/rpc/status_codec.h"
#include "libs/telemetry/trace_context.h"

namespace weft::rpc {
namespace {

using SteadyClock = std::chrono::steady_clock;

// How long a reader that was too slow may take to fetch the status that says so.
constexpr absl::Duration kSlowReaderGrace = absl::Seconds(5);
constexpr size_t kRequestIdBytesMax = 128;

// Whether this thread polls a completion queue of a server.
thread_local bool on_queue_thread = false;

absl::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

bool IsVisibleAscii(absl::string_view text) {
  for (char c : text) {
    if (c < 0x21 || c > 0x7e) return false;
  }
  return !text.empty();
}

absl::Status Stopping() {
  return Unavailable("ROOM_STOPPING",
                     "the room is stopping; repeat the call with the same request id");
}

}  // namespace

absl::Duration CallContext::Remaining() const {
  return std::max(deadline - absl::Now(), absl::ZeroDuration());
}

bool IsLoopback(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const std::string host = address.substr(0, address.rfind(':'));
  // Digits only: "127.example.org" is a name and may be anywhere.
  return host == "localhost" || host == "[::1]" ||
         (absl::StartsWith(host, "127.") &&
          host.find_first_not_of("0123456789.") == std::string::npos);
}

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
  SteadyClock::time_point started_;
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

// What a stream handler holds. Dropped without Finish: a bug of the handler.
class GrpcServer::Call::StreamSide final : public RawStream {
 public:
  explicit StreamSide(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  ~StreamSide() override { call_->Dropped(); }
  bool Write(std::string message) override { return call_->WriteStream(message); }
  void Finish(absl::Status status) override { call_->FinishStream(std::move(status)); }
  void OnDone(std::function<void()> done) override { call_->OnStreamDone(std::move(done)); }
  bool done() const override { return call_->StreamDone(); }

 private:
  const std::shared_ptr<Call> call_;
};

struct GrpcServer::Call::ReplyGuard {
  explicit ReplyGuard(std::shared_ptr<Call> for_call) : call(std::move(for_call)) {}
  ~ReplyGuard() { call->Dropped(); }
  const std::shared_ptr<Call> call;
};

void GrpcServer::Call::Proceed(Op op, bool ok) {
  switch (op) {
    case Op::kRequest:
      if (!ok) return Settle(2);  // Shutting down; the end notice never comes.
      impl_->Arm(impl_, queue_);
      impl_->in_flight.fetch_add(1, std::memory_order_relaxed);
      Begin();
      break;
    case Op::kRead:
      OnRead(ok);
      break;
    case Op::kWrite: {
      MutexLock lock(mutex_);
      writing_ = false;
      if (!ok) {
        ended_ = true;
        queue_out_.clear();
      }
      if (!queue_out_.empty()) {
        StartWrite();
      } else if (ended_) {
        StartFinish();
      }
      break;
    }
    case Op::kFinish:
      break;
    case Op::kDone:
      OnDone();
      break;
    case Op::kAlarm: {
      MutexLock lock(mutex_);
      if (ok && !finishing_ && wire_ != nullptr) wire_->context.TryCancel();
      break;
    }
  }
  Settle(1);
}

void GrpcServer::Call::Settle(int operations) {
  std::shared_ptr<Call> keep;
  bool begun = false;
  absl::Status status;
  {
    MutexLock lock(mutex_);
    pending_ -= operations;
    if (pending_ > 0) return;
    wire_.reset();
    keep = std::move(self_);
    begun = begun_;
    status = status_;
  }
  if (begun) {
    if (entry_ != nullptr && entry_->kind != Impl::Kind::kUnary) {
      MutexLock lock(impl_->mutex);
      impl_->streams.erase(this);
    }
    if (impl_->options.observer != nullptr) {
      impl_->options.observer->Handled(
          {.method = entry_ == nullptr ? "unknown" : entry_->method,
           .status = std::move(status),
           .duration = absl::FromChrono(SteadyClock::now() - started_),
           .tenant = tenant_,
           .subject = subject_,
           .request_id = request_id_,
           .traceparent = traceparent_,
           .stream = entry_ != nullptr && entry_->kind != Impl::Kind::kUnary});
    }
    bidi_.reset();
    impl_->in_flight.fetch_sub(1);
  }
  impl_->WireGone();
}

void GrpcServer::Call::Begin() {
  started_ = SteadyClock::now();
  absl::Status admitted = Admit(context_);
  if (impl_->options.observer != nullptr) {
    impl_->options.observer->Started(entry_ == nullptr ? "unknown" : entry_->method);
  }
  const bool stream = entry_ != nullptr && entry_->kind != Impl::Kind::kUnary;
  if (stream) {
    MutexLock lock(impl_->mutex);
    impl_->streams.insert(this);
  }
  MutexLock lock(mutex_);
  begun_ = true;
  wire_->context.AddInitialMetadata("x-request-id", request_id_);
  if (!admitted.ok()) {
    replied_ = true;
    ended_ = true;
    status_ = std::move(admitted);
    return StartFinish();
  }
  StartRead();
}

absl::Status GrpcServer::Call::Admit(CallContext& context) {
  grpc::GenericServerContext* wire = nullptr;
  {
    MutexLock lock(mutex_);
    wire = &wire_->context;  // Alive: the end notice comes on this thread.
  }
  absl::string_view method = wire->method();
  if (!method.empty() && method[0] == '/') method.remove_prefix(1);
  entry_ = impl_->Find(method);
  Credentials credentials;
  for (const auto& [key, value] : wire->client_metadata()) {
    const absl::string_view name = View(key);
    if (name == "authorization") {
      credentials.authorization.assign(value.data(), value.size());
    } else if (name == "weft-user") {
      credentials.user.assign(value.data(), value.size());
    } else if (name == "traceparent") {
      traceparent_.assign(value.data(), value.size());
    } else if (name == "x-request-id" && value.size() <= kRequestIdBytesMax &&
               IsVisibleAscii(View(value))) {
      request_id_.assign(value.data(), value.size());
    }
  }
  if (request_id_.empty()) request_id_ = telemetry::RandomHex(8);
  traceparent_ = telemetry::ChildTraceparent(traceparent_);
  if (entry_ == nullptr) {
    return Error(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN",
                 absl::StrCat("this room has no method ", method),
                 {{"method", std::string(method)}});
  }
  if (impl_->stopping.load()) return Stopping();
  const GrpcServerOptions& options = impl_->options;
  if (!entry_->access->is_public) {
    if (options.authenticator == nullptr) {
      return Unauthenticated("TOKEN_REQUIRED", "this port serves public methods only");
    }
    WEFT_ASSIGN_OR_RETURN(context.principal,
                          options.authenticator->Authenticate(credentials));
    tenant_ = context.principal.tenant;
    subject_ = context.principal.subject;
    WEFT_RETURN_IF_ERROR(CheckAccess(*entry_->access, entry_->method, context.principal));
  }
  const absl::Time now = absl::Now();
  const auto asked = wire->deadline();
  context.deadline = asked == std::chrono::system_clock::time_point::max()
                         ? absl::InfiniteFuture()
                         : absl::FromChrono(asked);
  if (entry_->kind == Impl::Kind::kUnary) {
    context.deadline = std::min(context.deadline, now + options.timeout_max);
  }
  if (context.deadline <= now) {
    return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                 "the deadline passed before the call was begun; nothing was done");
  }
  context.method = entry_->method;
  context.traceparent = traceparent_;
  context.request_id = request_id_;
  return absl::OkStatus();
}

void GrpcServer::Call::StartRead() {
  if (wire_ == nullptr || done_) return;
  ++pending_;
  wire_->io.Read(&wire_->in, &read_tag_);
}

void GrpcServer::Call::OnRead(bool ok) {
  if (entry_->kind == Impl::Kind::kBidi) {
    std::string message;
    {
      MutexLock lock(mutex_);
      if (ok) message = FromBuffer(wire_->in);
    }
    if (bidi_ == nullptr) bidi_ = std::make_shared<StreamSide>(shared_from_this());
    entry_->bidi.message(ok ? &message : nullptr, *bidi_);
    MutexLock lock(mutex_);
    if (ok && !ended_) StartRead();
    return;
  }
  absl::Status refused;
  std::string request;
  {
    MutexLock lock(mutex_);
    if (!ok) {
      refused = InvalidArgument("REQUEST_MISSING", "the call ended before its request message");
    } else if (wire_->in.Length() > impl_->options.request_bytes_max) {
      refused = ResourceExhausted(
          "REQUEST_TOO_LARGE",
          absl::StrCat("the request has ", wire_->in.Length(), " bytes, at most ",
                       impl_->options.request_bytes_max, " are taken; send it in parts"),
          {{"bytes_max", absl::StrCat(impl_->options.request_bytes_max)}});
    } else {
      request = FromBuffer(wire_->in);
    }
    wire_->in.Clear();
    if (!refused.ok()) {
      replied_ = true;
      ended_ = true;
      status_ = std::move(refused);
      return StartFinish();
    }
  }
  Dispatch(std::move(request));
}

void GrpcServer::Call::Dispatch(std::string request) {
  CallContext context = std::move(context_);
  context.caller_gone = std::shared_ptr<const std::atomic<bool>>(shared_from_this(), &gone_);
  if (entry_->kind == Impl::Kind::kStream) {
    entry_->stream(context, std::move(request),
                   std::make_shared<StreamSide>(shared_from_this()));
    return;
  }
  auto guard = std::make_shared<ReplyGuard>(shared_from_this());
  entry_->unary(context, std::move(request),
                [guard = std::move(guard)](absl::StatusOr<std::string> result, ReplyInfo info) {
                  Impl::Answer answer{guard->call.get(), guard, std::move(result), std::move(info)};
                  if (!on_queue_thread && guard->call->impl_->PushAnswer(answer)) return;
                  answer.call->ReplyUnary(std::move(answer.result), answer.info);
                });
}

grpc::Status GrpcServer::Call::Encode(const absl::Status& status) const {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status wire = ToWire(status, impl_->options.room, request_id_);
  return grpc::Status(static_cast<grpc::StatusCode>(wire.code()), wire.message(),
                      wire.SerializeAsString());
}

void GrpcServer::Call::ReplyUnary(absl::StatusOr<std::string> result, const ReplyInfo& info) {
  MutexLock lock(mutex_);
  if (replied_) return;
  replied_ = true;
  if (wire_ == nullptr || done_) return;  // Nobody waits any more.
  if (info.replayed) wire_->context.AddInitialMetadata("idempotent-replayed", "true");
  if (!info.token.empty()) wire_->context.AddInitialMetadata("weft-token", info.token);
  status_ = result.status();
  if (!result.ok()) return StartFinish();
  finishing_ = true;
  ++pending_;
  wire_->io.WriteAndFinish(ToBuffer(*result), grpc::WriteOptions(), grpc::Status::OK,
                           &finish_tag_);
}

void GrpcServer::Call::StartFinish() {
  if (wire_ == nullptr || finishing_ || done_) return;
  finishing_ = true;
  if (wire_->alarm != nullptr) wire_->alarm->Cancel();
  ++pending_;
  wire_->io.Finish(Encode(status_), &finish_tag_);
}

void GrpcServer::Call::StartWrite() {
  if (wire_ == nullptr) return;
  const std::string message = std::move(queue_out_.front());
  queue_out_.pop_front();
  queued_bytes_ -= message.size();
  writing_ = true;
  ++pending_;
  wire_->io.Write(ToBuffer(message), &write_tag_);
}

bool GrpcServer::Call::WriteStream(const std::string& message) {
  MutexLock lock(mutex_);
  if (ended_ || done_ || wire_ == nullptr) return false;
  const GrpcServerOptions& options = impl_->options;
  if (queue_out_.size() >= options.stream_messages_max ||
      (!queue_out_.empty() && queued_bytes_ + message.size() > options.stream_bytes_max)) {
    status_ = ResourceExhausted(
        "STREAM_TOO_SLOW",
        absl::StrCat("the reader is ", queue_out_.size(),
                     " messages behind; open the stream again and read faster"));
    ended_ = true;
    queue_out_.clear();
    queued_bytes_ = 0;
    // A write is under way, else the queue were not full. Its reader may never
    // come back for the status.
    wire_->alarm = std::make_unique<grpc::Alarm>();
    ++pending_;
    wire_->alarm->Set(queue_, absl::ToChronoTime(absl::Now() + kSlowReaderGrace),
                      &alarm_tag_);
    return false;
  }
  queued_bytes_ += message.size();
  queue_out_.push_back(message);
  if (!writing_) StartWrite();
  return true;
}

void GrpcServer::Call::FinishStream(absl::Status status) {
  MutexLock lock(mutex_);
  if (ended_ || done_) return;
  ended_ = true;
  status_ = std::move(status);
  if (!writing_ && queue_out_.empty()) StartFinish();
}

void GrpcServer::Call::Dropped() {
  MutexLock lock(mutex_);
  if (replied_ || ended_ || done_) return;
  replied_ = true;
  ended_ = true;
  status_ = Internal("the handler dropped the call unanswered");
  queue_out_.clear();
  if (!writing_) StartFinish();
}

void GrpcServer::Call::OnStreamDone(std::function<void()> done) {
  {
    MutexLock lock(mutex_);
    if (!done_) {
      on_done_ = std::move(done);
      return;
    }
  }
  done();
}

void GrpcServer::Call::OnDone() {
  std::function<void()> on_done;
  {
    MutexLock lock(mutex_);
    done_ = true;
    gone_.store(wire_->context.IsCancelled());
    queue_out_.clear();
    if (wire_->alarm != nullptr) wire_->alarm->Cancel();
    on_done = std::move(on_done_);
    on_done_ = nullptr;
  }
  if (on_done) on_done();
}

void GrpcServer::Impl::Add(Entry entry) {
  WEFT_CHECK(!started);
  const std::string method = entry.method;
  WEFT_CHECK(entries.emplace(method, std::make_unique<Entry>(std::move(entry))).second);
}

void GrpcServer::Impl::Arm(const std::shared_ptr<Impl>& self,
                           grpc::ServerCompletionQueue* queue) {
  {
    MutexLock lock(mutex);
    ++wires;
  }
  std::make_shared<Call>(self, queue)->Arm();
}

void GrpcServer::Impl::WireGone() {
  MutexLock lock(mutex);
  if (--wires == 0 || stopping.load()) idle.NotifyAll();
}

bool GrpcServer::Impl::PushAnswer(Answer& answer) {
  bool wake = false;
  {
    MutexLock lock(answer_mutex);
    if (answers_stop) return false;
    answers.push_back(std::move(answer));
    wake = std::exchange(answers_sleep, false);
  }
  if (wake) answers_come.NotifyOne();
  return true;
}

void GrpcServer::Impl::SendAnswers() {
  std::vector<Answer> taken;
  while (true) {
    {
      MutexLock lock(answer_mutex);
      while (answers.empty() && !answers_stop) {
        answers_sleep = true;
        answers_come.Wait(answer_mutex);
      }
      if (answers.empty()) return;
      taken.swap(answers);
    }
    for (Answer& answer : taken) {
      answer.call->ReplyUnary(std::move(answer.result), answer.info);
    }
    taken.clear();
  }
}

void GrpcServer::Impl::StopAnswers() {
  {
    MutexLock lock(answer_mutex);
    answers_stop = true;
  }
  answers_come.NotifyOne();
  if (answer_thread.joinable()) answer_thread.join();
}

GrpcServer::GrpcServer(GrpcServerOptions options)
    : impl_(std::make_shared<Impl>(std::move(options))) {}

GrpcServer::~GrpcServer() { Shutdown(absl::ZeroDuration()); }

void GrpcServer::RegisterUnary(const std::string& method, RawUnaryHandler handler) {
  impl_->Add({.method = method, .kind = Impl::Kind::kUnary, .unary = std::move(handler)});
}

void GrpcServer::RegisterStream(const std::string& method, RawStreamHandler handler) {
  impl_->Add({.method = method, .kind = Impl::Kind::kStream, .stream = std::move(handler)});
}

void GrpcServer::RegisterBidi(const std::string& method, BidiHandler handler) {
  impl_->Add({.method = method, .kind = Impl::Kind::kBidi, .bidi = std::move(handler)});
}

absl::Status GrpcServer::Start() {
  const GrpcServerOptions& options = impl_->options;
  if (options.authenticator != nullptr && options.authenticator->open() &&
      !IsLoopback(options.address)) {
    return FailedPrecondition(
        "OPEN_NOT_LOOPBACK",
        absl::StrCat("a server that takes callers without a token may listen on loopback "
                     "only, not on ", options.address, "; demand tokens or bind 127.0.0.1"),
        {{"address", options.address}});
  }
  if (options.reflection) RegisterReflection(*this);
  const AccessTable& access =
      options.access == nullptr ? AccessTable::Default() : *options.access;
  for (auto& [method, entry] : impl_->entries) {
    entry->access = access.Find(method);
    if (entry->access == nullptr) {
      return FailedPrecondition(
          "ACCESS_ROW_MISSING",
          absl::StrCat("the access table has no row for ", method,
                       "; say in libs/rpc/access.txt who may call it"),
          {{"method", method}});
    }
    if (options.observer != nullptr) options.observer->Declare(method);
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &impl_->port);
  builder.RegisterAsyncGenericService(&impl_->service);
  // Beyond our own limit, which answers with a reason, gRPC's as a backstop.
  builder.SetMaxReceiveMessageSize(static_cast<int>(2 * options.request_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, options.metadata_bytes_max);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.concurrent_streams_max);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  if (options.connection_age_max != absl::InfiniteDuration()) {
    builder.AddChannelArgument(
        GRPC_ARG_MAX_CONNECTION_AGE_MS,
        static_cast<int>(absl::ToInt64Milliseconds(options.connection_age_max)));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 30'000);
  }
  for (int i = 0; i < options.queues; ++i) {
    impl_->queues.push_back(builder.AddCompletionQueue());
  }
  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr || impl_->port == 0) {
    impl_->server.reset();
    for (const auto& queue : impl_->queues) queue->Shutdown();
    for (const auto& queue : impl_->queues) {
      void* tag = nullptr;
      bool ok = false;
      while (queue->Next(&tag, &ok)) {
      }
    }
    impl_->queues.clear();
    return Unavailable("ADDRESS_IN_USE",
                       absl::StrCat("cannot listen on ", options.address,
                                    "; is another process there?"),
                       {{"address", options.address}});
  }
  impl_->started = true;
  {
    MutexLock lock(impl_->answer_mutex);
    impl_->answers_stop = false;
  }
  impl_->answer_thread = std::thread([impl = impl_.get()] { impl->SendAnswers(); });
  for (const auto& queue : impl_->queues) {
    for (int i = 0; i < options.armed; ++i) impl_->Arm(impl_, queue.get());
    impl_->threads.emplace_back([cq = queue.get()] {
      on_queue_thread = true;
      void* tag = nullptr;
      bool ok = false;
      while (cq->Next(&tag, &ok)) {
        auto* ours = static_cast<Call::Tag*>(tag);
        AfterEvent(ours->call);
        ours->call->Proceed(ours->op, ok);
      }
    });
  }
  return absl::OkStatus();
}

int GrpcServer::port() const { return impl_->port; }

std::string GrpcServer::target() const {
  const std::string& address = impl_->options.address;
  std::string host = address.substr(0, address.rfind(':'));
  if (host == "0.0.0.0" || host == "[::]" || host.empty()) host = "127.0.0.1";
  return absl::StrCat(host, ":", impl_->port);
}

int GrpcServer::in_flight() const { return impl_->in_flight.load(); }

std::vector<std::string> GrpcServer::methods() const {
  std::vector<std::string> names;
  for (const auto& [method, entry] : impl_->entries) names.push_back(method);
  std::sort(names.begin(), names.end());
  return names;
}

void GrpcServer::Shutdown(absl::Duration grace) {
  impl_->stopping.store(true);
  std::vector<std::shared_ptr<Call>> streams;
  {
    MutexLock lock(impl_->mutex);
    if (impl_->shut_down) return;
    impl_->shut_down = true;
    // A stream leaves the set, under this lock, before it is destroyed.
    for (Call* call : impl_->streams) streams.push_back(call->shared_from_this());
  }
  if (!impl_->started) return;
  for (const auto& call : streams) call->FinishStream(Stopping());
  streams.clear();
  // As long as calls are in flight the server still answers new ones itself: it
  // says ROOM_STOPPING, gRPC would say CANCELLED.
  const absl::Time deadline = absl::Now() + grace;
  {
    MutexLock lock(impl_->mutex);
    for (absl::Duration left = grace;
         impl_->in_flight.load() > 0 && left > absl::ZeroDuration();
         left = deadline - absl::Now()) {
      impl_->idle.WaitFor(impl_->mutex, left);
    }
  }
  impl_->StopAnswers();  // Sends what is there; later ones are sent where they come from.
  impl_->server->Shutdown(absl::ToChronoTime(deadline));
  {
    MutexLock lock(impl_->mutex);
    while (impl_->wires > 0) impl_->idle.Wait(impl_->mutex);
  }
  for (const auto& queue : impl_->queues) queue->Shutdown();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->server.reset();
  impl_->queues.clear();
  // Handlers registered by the owner may refer to things that end before a late
  // Reply does.
  impl_->entries.clear();
}

}  // namespace weft::rpc
