// One call: admitted, read, handed to its handler, answered.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/grpc_bytes.h"
#include "libs/rpc/grpc_server_impl.h"
#include "libs/rpc/status_codec.h"
#include "libs/telemetry/trace_context.h"

namespace weft::rpc {
namespace {

using SteadyClock = std::chrono::steady_clock;

// How long a reader that was too slow may take to fetch the status that says so.
constexpr absl::Duration kSlowReaderGrace = absl::Seconds(5);
constexpr size_t kRequestIdBytesMax = 128;

absl::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

bool IsVisibleAscii(absl::string_view text) {
  for (char c : text) {
    if (c < 0x21 || c > 0x7e) return false;
  }
  return !text.empty();
}

}  // namespace

absl::Status Stopping() {
  return Unavailable("ROOM_STOPPING",
                     "the room is stopping; repeat the call with the same request id");
}

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
                  if (!Impl::on_queue_thread && guard->call->impl_->PushAnswer(answer)) return;
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

}  // namespace weft::rpc
