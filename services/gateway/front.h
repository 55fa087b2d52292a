// What happens to a request between the HTTP server and a room.
//
//   probes, CORS → route → who (token) → may they (access table) → rate limit →
//   message (transcoder) → room → answer, stream or error
//
// Everything a caller sees of it: README.md. No thread is blocked: rooms answer
// on their client's threads.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/rpc/access_table.h"
#include "libs/rpc/authenticator.h"
#include "libs/rpc/client.h"
#include "libs/telemetry/log.h"
#include "services/gateway/api.h"
#include "services/gateway/domain/rate_limit.h"
#include "services/gateway/exchange.h"
#include "services/gateway/http_metrics.h"
#include "services/gateway/transcoder.h"

namespace weft::gateway {

struct FrontOptions {
  // Behaviour.
  absl::Duration deadline_default = absl::Seconds(5);
  absl::Duration deadline_max = absl::Seconds(30);
  absl::Duration stream_max = absl::Hours(1);
  absl::Duration heartbeat = absl::Seconds(15);
  Rates rates;
  std::set<std::string> cors_origins;
  std::string version = "0.1.0";  // Of the OpenAPI document.
};

// What it works with; everything outlives it.
struct FrontParts {
  const Api* api = nullptr;
  // By the room's word in its package: "pricing".
  std::map<std::string, rpc::Client*> rooms;
  const rpc::Authenticator* authenticator = nullptr;
  const rpc::AccessTable* access = nullptr;
  const Clock* clock = nullptr;
  HttpMetrics* metrics = nullptr;    // May be null.
  telemetry::Logger* log = nullptr;  // May be null.
};

class Front {
 public:
  Front(FrontOptions options, FrontParts parts);

  // Any thread.
  void Handle(std::shared_ptr<Exchange> exchange);
  // The answer to a request that the HTTP server refused.
  HttpResponse Refuse(const absl::Status& status, const HttpRequest& request) const;

  // Whether /readyz says yes.
  void set_ready(bool ready) { ready_ = ready; }

 private:
  class Call;
  friend class Call;

  bool Builtin(Exchange& exchange, absl::string_view path) const;
  bool Preflight(Exchange& exchange, absl::string_view path) const;
  void AddCors(const HttpRequest& request, Headers& headers) const;
  Verdict TakeToken(const std::string& tenant, RouteClass route_class);

  const FrontOptions options_;
  const FrontParts parts_;
  const Transcoder transcoder_;
  const std::string openapi_;
  const std::string openapi_etag_;
  std::atomic<bool> ready_ = true;
  Mutex mutex_;
  RateLimiter limiter_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::gateway
