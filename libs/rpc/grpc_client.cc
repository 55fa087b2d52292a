#include "libs/rpc/grpc_client.h"

#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/base/sync.h"
#include "libs/rpc/grpc_bytes.h"
#include "libs/rpc/method_traits.h"
#include "libs/rpc/queue_order.h"
#include "libs/rpc/retry_budget.h"
#include "libs/rpc/status_codec.h"
#include "libs/rpc/targets.h"
#include "libs/telemetry/trace_context.h"

namespace weft::rpc {
namespace {

using SteadyClock = std::chrono::steady_clock;
using GenericStub = grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>;

constexpr int kRetriesMax = 2;
constexpr absl::Duration kFirstPauseMax = absl::Milliseconds(50);
constexpr absl::Duration kUnaryTimeoutMax = absl::Minutes(5);

absl::Status ClientStopped() {
  return Unavailable("CLIENT_STOPPED", "this process is stopping; the call was not made");
}

// A random pause of up to `longest`, at least a fifth of it.
absl::Duration Jitter(absl::Duration longest) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return longest * std::uniform_real_distribution<double>(0.2, 1.0)(random);
}

}  // namespace

class ClientPool::Impl {
 public:
  // What the queue gives back: `done` may destroy the event's owner.
  struct Event {
    virtual ~Event() = default;
    virtual void Done(bool ok) = 0;
  };

  explicit Impl(ClientPoolOptions pool_options) : options(std::move(pool_options)) {
    for (int i = 0; i < std::max(options.threads, 1); ++i) {
      queues.push_back(std::make_unique<grpc::CompletionQueue>());
    }
  }

  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& target) {
    MutexLock lock(mutex);
    auto& channel = channels[target];
    if (channel == nullptr || options.own_connections) channel = NewChannel(target);
    return channel;
  }

  grpc::CompletionQueue* NextQueue() {
    return queues[next_queue.fetch_add(1, std::memory_order_relaxed) % queues.size()].get();
  }

  // False when the pool is stopping. A call enters before it starts anything
  // and leaves after its last event.
  bool Enter(const void* call, std::function<void()> cancel) {
    MutexLock lock(mutex);
    if (stopping) return false;
    live.emplace(call, std::move(cancel));
    if (threads.empty()) StartThreads();
    return true;
  }
  void Leave(const void* call) {
    MutexLock lock(mutex);
    live.erase(call);
    if (live.empty()) idle.NotifyAll();
  }

  void Shutdown() {
    {
      MutexLock lock(mutex);
      if (stopping) return;
      stopping = true;
      // Under the lock: a call that has left is not there to be cancelled.
      for (const auto& [call, cancel] : live) cancel();
      while (!live.empty()) idle.Wait(mutex);
    }
    for (const auto& queue : queues) queue->Shutdown();
    std::vector<std::thread> last;
    {
      MutexLock lock(mutex);
      last.swap(threads);
      channels.clear();
    }
    for (std::thread& thread : last) thread.join();
    // Queues whose thread never started have nothing in them but must be told.
    for (const auto& queue : queues) {
      void* tag = nullptr;
      bool ok = false;
      while (last.empty() && queue->Next(&tag, &ok)) {
      }
    }
  }

  const ClientPoolOptions options;
  std::vector<std::unique_ptr<grpc::CompletionQueue>> queues;  // Constant.
  std::atomic<size_t> next_queue{0};

  Mutex mutex;
  CondVar idle;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  absl::flat_hash_map<std::string, std::shared_ptr<grpc::Channel>> channels
      ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<const void*, std::function<void()>> live ABSL_GUARDED_BY(mutex);
  std::vector<std::thread> threads ABSL_GUARDED_BY(mutex);

 private:
  void StartThreads() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    for (const auto& each : queues) {
      threads.emplace_back([queue = each.get()] {
        void* tag = nullptr;
        bool ok = false;
        while (queue->Next(&tag, &ok)) {
          AfterEvent(tag);
          static_cast<Event*>(tag)->Done(ok);
        }
      });
    }
  }

  std::shared_ptr<grpc::Channel> NewChannel(const std::string& target) const {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(static_cast<int>(options.answer_bytes_max));
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    // For gRPC this is how long one attempt to connect may take. A room on a busy
    // machine needs more than a moment for its half of the handshake, and a failed
    // attempt refuses all calls until the next one.
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2'000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // Ours know what may be repeated.
    // A name with several addresses is several replicas.
    arguments.SetServiceConfigJSON(R"({"loadBalancingConfig":[{"round_robin":{}}]})");
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  }
};

// A room as its callers see it; knows its shards.
class ClientPool::RoomClient final : public Client,
                                     public std::enable_shared_from_this<RoomClient> {
 public:
  RoomClient(std::shared_ptr<Impl> impl, RoomTarget target)
      : impl_(std::move(impl)),
        target_(std::move(target)),
        tokens_(target_.tokens != nullptr ? target_.tokens : impl_->options.tokens),
        observer_(target_.observer != nullptr ? target_.observer : impl_->options.observer),
        targets_(target_.target, target_.shards) {}

  void CallRaw(const std::string& method, std::string request, const CallOptions& options,
               RawAnswerCallback done) override;
  std::unique_ptr<StreamHandle> StreamRaw(const std::string& method, std::string request,
                                          const CallOptions& options,
                                          StreamCallbacks callbacks) override;

  Impl& impl() { return *impl_; }
  RetryBudget& budget() { return budget_; }
  const std::string& room() const { return target_.room; }
  CallObserver* observer() const { return observer_; }

  std::shared_ptr<GenericStub> StubOf(const Targets::Choice& choice) {
    MutexLock lock(mutex_);
    auto& stub = stubs_[choice.target];
    if (stub == nullptr) stub = std::make_shared<GenericStub>(impl_->ChannelTo(choice.target));
    return stub;
  }
  Targets& targets() { return targets_; }

  const MethodTraits& Traits(const std::string& method) {
    MutexLock lock(mutex_);
    const auto it = traits_.find(method);
    if (it != traits_.end()) return *it->second;
    if (observer_ != nullptr) observer_->Declare(method);
    return *traits_.emplace(method, std::make_unique<MethodTraits>(TraitsOf(method)))
                .first->second;
  }

  void Prepare(const CallOptions& options, absl::Time deadline, const std::string& traceparent,
               grpc::ClientContext& context) {
    if (deadline != absl::InfiniteFuture()) context.set_deadline(absl::ToChronoTime(deadline));
    if (!options.bearer.empty()) {
      context.AddMetadata("authorization", absl::StrCat("Bearer ", options.bearer));
    } else if (tokens_ != nullptr && !options.tenant.empty() &&
               !options.without_token) {
      context.AddMetadata("authorization",
                          absl::StrCat("Bearer ", tokens_->For(options.tenant, options.user)));
    } else if (!options.user.empty()) {
      context.AddMetadata("weft-user", options.user);
    }
    context.AddMetadata("traceparent", traceparent);
    if (!options.request_id.empty()) context.AddMetadata("x-request-id", options.request_id);
  }

  // gRPC's own failures get the reasons callers know.
  absl::Status ToStatus(const grpc::Status& status, bool cancelled_by_us) const {
    absl::Status ours =
        FromWire(status.error_code(), status.error_message(), status.error_details());
    if (ours.ok() || !ReasonOf(ours).empty()) return ours;
    if (ours.code() == absl::StatusCode::kUnavailable ||
        // A server that goes down cancels what it still has.
        (ours.code() == absl::StatusCode::kCancelled && !cancelled_by_us)) {
      return Unavailable("ROOM_UNAVAILABLE",
                         absl::StrCat("room ", target_.room,
                                      " is away; repeat with the same request id"),
                         {{"room", target_.room}});
    }
    if (ours.code() == absl::StatusCode::kDeadlineExceeded) {
      return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                   absl::StrCat("room ", target_.room,
                                " did not answer in time; the effect may be there, repeat "
                                "with the same request id"),
                   {{"room", target_.room}});
    }
    return ours;
  }

 private:
  const std::shared_ptr<Impl> impl_;
  const RoomTarget target_;
  RoomTokens* const tokens_;
  CallObserver* const observer_;
  Targets targets_;
  RetryBudget budget_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<GenericStub>> stubs_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::unique_ptr<MethodTraits>> traits_
      ABSL_GUARDED_BY(mutex_);
};

namespace {

std::string HeaderOf(const grpc::ClientContext& context, const char* name) {
  const auto& headers = context.GetServerInitialMetadata();
  const auto it = headers.find(name);
  return it == headers.end() ? "" : std::string(it->second.data(), it->second.size());
}

}  // namespace

// One call and its retries. Owns itself until `done_` has run.
class ClientPool::UnaryCall final : public Impl::Event {
 public:
  UnaryCall(std::shared_ptr<RoomClient> room, std::string method, std::string request,
            CallOptions options, RawAnswerCallback done)
      : room_(std::move(room)),
        method_(std::move(method)),
        request_(std::move(request)),
        options_(std::move(options)),
        done_(std::move(done)) {}

  void Start() {
    started_ = SteadyClock::now();
    deadline_ = absl::Now() + std::min(options_.timeout, kUnaryTimeoutMax);
    traceparent_ = telemetry::ChildTraceparent(options_.traceparent);
    CallObserver* observer = room_->observer();
    traits_ = &room_->Traits(method_);
    if (observer != nullptr) observer->Started(method_);
    room_->budget().OnCall();
    if (!room_->impl().Enter(this, [this] { Cancel(); })) return End(ClientStopped());
    entered_ = true;
    // Before the first attempt: from then on this object may be gone any time.
    if (options_.cancellation != nullptr) {
      options_.cancellation->Attach([this] { Cancel(); });
    }
    Attempt();
  }

  void Done(bool ok) override {
    if (pausing_) {
      pausing_ = false;
      if (!ok) return End(ClientStopped());
      return Attempt();
    }
    absl::Status status = room_->ToStatus(grpc_status_, Cancelled());
    if (status.ok()) {
      RawAnswer answer{.payload = FromBuffer(response_),
                       .replayed = HeaderOf(*context_, "idempotent-replayed") == "true",
                       .token = HeaderOf(*context_, "weft-token")};
      return End(std::move(answer));
    }
    if (room_->targets().Learn(choice_, status) && !relearned_) {
      relearned_ = true;
      return Attempt();
    }
    if (status.code() == absl::StatusCode::kUnavailable && retries_ < kRetriesMax &&
        (options_.repeatable || MayRepeat(*traits_, request_)) && room_->budget().TryRetry()) {
      const absl::Time again = absl::Now() + Jitter(kFirstPauseMax * (1 << retries_));
      ++retries_;
      if (again < deadline_) return Pause(again);
    }
    End(std::move(status));
  }

 private:
  void Attempt() {
    auto context = std::make_unique<grpc::ClientContext>();
    room_->Prepare(options_, deadline_, traceparent_, *context);
    response_.Clear();
    // Asked for each attempt: the number of shards may be another, or the next replica's turn.
    choice_ = room_->targets().For(options_.tenant);
    std::shared_ptr<GenericStub> stub = room_->StubOf(choice_);
    {
      MutexLock lock(mutex_);
      if (!cancelled_) {
        reader_.reset();
        context_ = std::move(context);
        stub_ = std::move(stub);
        reader_ = stub_->PrepareUnaryCall(context_.get(), absl::StrCat("/", method_),
                                          ToBuffer(request_), room_->impl().NextQueue());
        BeforeOperation(this);
        reader_->StartCall();
        reader_->Finish(&response_, &grpc_status_, this);
        return;
      }
    }
    End(ClientStopped());
  }

  bool Cancelled() {
    MutexLock lock(mutex_);
    return cancelled_;
  }

  void Pause(absl::Time until) {
    MutexLock lock(mutex_);
    pausing_ = true;
    alarm_ = std::make_unique<grpc::Alarm>();
    BeforeOperation(this);
    alarm_->Set(room_->impl().NextQueue(),
                absl::ToChronoTime(cancelled_ ? absl::InfinitePast() : until), this);
  }

  void Cancel() {
    MutexLock lock(mutex_);
    cancelled_ = true;
    if (context_ != nullptr) context_->TryCancel();
    if (alarm_ != nullptr) alarm_->Cancel();
  }

  void End(absl::StatusOr<RawAnswer> answer) {
    if (options_.cancellation != nullptr) options_.cancellation->Detach();
    CallObserver* observer = room_->observer();
    if (observer != nullptr) {
      observer->Handled({.method = method_,
                         .status = answer.status(),
                         .duration = absl::FromChrono(SteadyClock::now() - started_),
                         .tenant = options_.tenant,
                         .subject = "",
                         .request_id = options_.request_id,
                         .traceparent = traceparent_,
                         .peer = room_->room()});
    }
    done_(std::move(answer));
    const std::shared_ptr<RoomClient> room = room_;
    if (entered_) room->impl().Leave(this);
    delete this;
  }

  const std::shared_ptr<RoomClient> room_;
  const std::string method_;
  const std::string request_;
  const CallOptions options_;
  const RawAnswerCallback done_;
  SteadyClock::time_point started_;
  absl::Time deadline_;
  std::string traceparent_;
  const MethodTraits* traits_ = nullptr;
  bool entered_ = false;
  bool pausing_ = false;
  bool relearned_ = false;
  Targets::Choice choice_;
  int retries_ = 0;
  grpc::ByteBuffer response_;
  grpc::Status grpc_status_;

  Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<GenericStub> stub_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader_;
  std::unique_ptr<grpc::Alarm> alarm_;
};

// A server stream: start, send the request, read until the end, fetch the status.
class ClientPool::StreamCall final : public Impl::Event,
                                     public std::enable_shared_from_this<StreamCall> {
 public:
  StreamCall(std::shared_ptr<RoomClient> room, std::string method, std::string request,
             CallOptions options, StreamCallbacks callbacks)
      : room_(std::move(room)),
        method_(std::move(method)),
        request_(std::move(request)),
        options_(std::move(options)),
        callbacks_(std::move(callbacks)) {}

  void Start() {
    started_ = SteadyClock::now();
    traceparent_ = telemetry::ChildTraceparent(options_.traceparent);
    room_->Traits(method_);
    if (room_->observer() != nullptr) {
      room_->observer()->Started(method_);
    }
    deadline_ = absl::Now() + options_.timeout;
    self_ = shared_from_this();
    if (!room_->impl().Enter(this, [self = self_] { self->Cancel(); })) {
      return End(ClientStopped(), false);
    }
    Attempt();
  }

  void Cancel() {
    MutexLock lock(mutex_);
    cancelled_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }

  // One operation at a time, so one event serves them all.
  void Done(bool ok) override {
    switch (step_) {
      case Step::kStart:
        if (!ok) break;
        step_ = Step::kSend;
        return io_->Write(ToBuffer(request_), grpc::WriteOptions().set_last_message(), this);
      case Step::kSend:
        // Also after a failed write the answer says why.
        step_ = Step::kRead;
        return io_->Read(&message_, this);
      case Step::kRead:
        if (!ok) break;
        answered_ = true;
        callbacks_.message(FromBuffer(message_));
        message_.Clear();
        return io_->Read(&message_, this);
      case Step::kFinish:
        absl::Status status = room_->ToStatus(grpc_status_, Cancelled());
        if (room_->targets().Learn(choice_, status) && !answered_ && !relearned_) {
          relearned_ = true;
          return Attempt();
        }
        return End(std::move(status), true);
    }
    step_ = Step::kFinish;
    io_->Finish(&grpc_status_, this);
  }

 private:
  enum class Step { kStart, kSend, kRead, kFinish };

  void Attempt() {
    auto context = std::make_unique<grpc::ClientContext>();
    room_->Prepare(options_, deadline_, traceparent_, *context);
    choice_ = room_->targets().For(options_.tenant);
    step_ = Step::kStart;
    MutexLock lock(mutex_);
    io_.reset();
    context_ = std::move(context);
    if (cancelled_) context_->TryCancel();
    stub_ = room_->StubOf(choice_);
    io_ = stub_->PrepareCall(context_.get(), absl::StrCat("/", method_),
                             room_->impl().NextQueue());
    BeforeOperation(this);
    io_->StartCall(this);
  }

  bool Cancelled() {
    MutexLock lock(mutex_);
    return cancelled_;
  }

  void End(absl::Status status, bool entered) {
    CallObserver* observer = room_->observer();
    if (observer != nullptr) {
      observer->Handled({.method = method_,
                         .status = status,
                         .duration = absl::FromChrono(SteadyClock::now() - started_),
                         .tenant = options_.tenant,
                         .subject = "",
                         .request_id = options_.request_id,
                         .traceparent = traceparent_,
                         .peer = room_->room(),
                         .stream = true});
    }
    callbacks_.end(std::move(status));
    callbacks_ = {};
    const std::shared_ptr<StreamCall> keep = std::move(self_);
    if (entered) room_->impl().Leave(this);
  }

  const std::shared_ptr<RoomClient> room_;
  const std::string method_;
  const std::string request_;
  const CallOptions options_;
  StreamCallbacks callbacks_;
  SteadyClock::time_point started_;
  std::string traceparent_;
  std::shared_ptr<StreamCall> self_;
  absl::Time deadline_;
  Targets::Choice choice_;
  bool answered_ = false;
  bool relearned_ = false;
  Step step_ = Step::kStart;
  Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<GenericStub> stub_;
  std::unique_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::ClientAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> io_;
  grpc::ByteBuffer message_;
  grpc::Status grpc_status_;
};

class ClientPool::Handle final : public StreamHandle {
 public:
  explicit Handle(std::shared_ptr<StreamCall> call) : call_(std::move(call)) {}
  ~Handle() override { call_->Cancel(); }
  void Cancel() override { call_->Cancel(); }

 private:
  const std::shared_ptr<StreamCall> call_;
};

void ClientPool::RoomClient::CallRaw(const std::string& method, std::string request,
                                     const CallOptions& options, RawAnswerCallback done) {
  (new UnaryCall(shared_from_this(), method, std::move(request), options, std::move(done)))
      ->Start();
}

std::unique_ptr<StreamHandle> ClientPool::RoomClient::StreamRaw(const std::string& method,
                                                                std::string request,
                                                                const CallOptions& options,
                                                                StreamCallbacks callbacks) {
  auto call = std::make_shared<StreamCall>(shared_from_this(), method, std::move(request),
                                           options, std::move(callbacks));
  auto handle = std::make_unique<Handle>(call);
  call->Start();
  return handle;
}

namespace {

// What Room() gives: calls under way keep the clients behind it alive.
class RoutedClient final : public Client {
 public:
  RoutedClient(std::shared_ptr<Client> replicas, std::shared_ptr<Client> owner)
      : replicas_(std::move(replicas)), owner_(std::move(owner)) {}
  void CallRaw(const std::string& method, std::string request, const CallOptions& options,
               RawAnswerCallback done) override {
    For(method).CallRaw(method, std::move(request), options, std::move(done));
  }
  std::unique_ptr<StreamHandle> StreamRaw(const std::string& method, std::string request,
                                          const CallOptions& options,
                                          StreamCallbacks callbacks) override {
    return For(method).StreamRaw(method, std::move(request), options, std::move(callbacks));
  }

 private:
  Client& For(const std::string& method) {
    if (owner_ == nullptr) return *replicas_;
    MutexLock lock(mutex_);
    auto it = of_owner_.find(method);
    if (it == of_owner_.end()) it = of_owner_.emplace(method, IsForOwner(method)).first;
    return it->second ? *owner_ : *replicas_;
  }

  const std::shared_ptr<Client> replicas_;
  const std::shared_ptr<Client> owner_;  // May be null.
  Mutex mutex_;
  absl::flat_hash_map<std::string, bool> of_owner_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

ClientPool::ClientPool(ClientPoolOptions options)
    : impl_(std::make_shared<Impl>(std::move(options))) {}

ClientPool::~ClientPool() { Shutdown(); }

std::unique_ptr<Client> ClientPool::Room(RoomTarget target) {
  std::shared_ptr<Client> owner;
  if (!target.owner.empty()) {
    RoomTarget of_owner = target;
    of_owner.target = target.owner;
    owner = std::make_shared<RoomClient>(impl_, std::move(of_owner));
  }
  return std::make_unique<RoutedClient>(std::make_shared<RoomClient>(impl_, std::move(target)),
                                        std::move(owner));
}

void ClientPool::Shutdown() { impl_->Shutdown(); }

}  // namespace weft::rpc
