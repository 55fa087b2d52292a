#include "libs/rpc/grpc_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/grpc_server_impl.h"
#include "libs/rpc/reflection.h"

namespace weft::rpc {

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
      Impl::on_queue_thread = true;
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
