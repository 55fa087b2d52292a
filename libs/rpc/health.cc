#include "libs/rpc/health.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "libs/base/error.h"

namespace weft::rpc {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

void HealthState::Set(const std::string& part, bool serving) {
  MutexLock lock(mutex_);
  const auto [it, is_new] = parts_.emplace(part, serving);
  if (!is_new && it->second == serving) return;
  it->second = serving;
  for (const auto& [id, watch] : watches_) {
    if (watch.part == part) watch.listener(true, serving);
  }
}

bool HealthState::Has(const std::string& part) const {
  MutexLock lock(mutex_);
  return parts_.count(part) > 0;
}

bool HealthState::IsServing(const std::string& part) const {
  MutexLock lock(mutex_);
  const auto it = parts_.find(part);
  return it != parts_.end() && it->second;
}

uint64_t HealthState::Listen(const std::string& part, Listener listener) {
  MutexLock lock(mutex_);
  const auto it = parts_.find(part);
  listener(it != parts_.end(), it != parts_.end() && it->second);
  const uint64_t id = next_id_++;
  watches_[id] = {part, std::move(listener)};
  return id;
}

void HealthState::Unlisten(uint64_t id) {
  Watch last;  // Destroyed after the lock: it may hold the stream.
  MutexLock lock(mutex_);
  const auto it = watches_.find(id);
  if (it == watches_.end()) return;
  last = std::move(it->second);
  watches_.erase(it);
}

void RegisterHealth(MethodRegistry& methods, std::shared_ptr<HealthState> state) {
  methods.Read<HealthCheckRequest, HealthCheckResponse>(
      "grpc.health.v1.Health/Check",
      [state](const CallContext&,
              const HealthCheckRequest& request) -> absl::StatusOr<HealthCheckResponse> {
        if (!state->Has(request.service())) {
          return NotFound("HEALTH_PART_UNKNOWN",
                          absl::StrCat("no part '", request.service(), "' here"),
                          {{"service", request.service()}});
        }
        HealthCheckResponse response;
        response.set_status(state->IsServing(request.service())
                                ? HealthCheckResponse::SERVING
                                : HealthCheckResponse::NOT_SERVING);
        return response;
      });
  methods.ServerStream<HealthCheckRequest, HealthCheckResponse>(
      "grpc.health.v1.Health/Watch",
      [state](const CallContext&, const HealthCheckRequest& request,
              Stream<HealthCheckResponse> stream) {
        const uint64_t id =
            state->Listen(request.service(), [stream](bool known, bool serving) mutable {
              HealthCheckResponse response;
              response.set_status(!known   ? HealthCheckResponse::SERVICE_UNKNOWN
                                  : serving ? HealthCheckResponse::SERVING
                                            : HealthCheckResponse::NOT_SERVING);
              stream.Write(response);
            });
        stream.OnDone([state, id] { state->Unlisten(id); });
      });
}

}  // namespace weft::rpc
