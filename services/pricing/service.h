// The RPCs of the room. Reads only: from the read model in memory, or for past
// moments from the stored rows. Safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/base/clock.h"
#include "libs/base/principal.h"
#include "libs/engine/shards.h"
#include "libs/rpc/jwk.h"
#include "libs/rpc/server.h"
#include "libs/service/documents/reader.h"
#include "libs/telemetry/metrics.h"
#include "services/pricing/asking.h"
#include "services/pricing/config.h"
#include "services/pricing/domain/decision_id.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/domain/siphash.h"
#include "services/pricing/memory/fact_memory.h"
#include "services/pricing/price_changes.h"
#include "services/pricing/price_lock.h"
#include "services/pricing/price_watchers.h"
#include "services/pricing/rules_in_force.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

class Sampler;

// Lines of a request with known_at: they are read from the disk.
inline constexpr int kMaxPastLines = 200;

class Service {
 public:
  // All outlive the service. `mac_key`: secret of the installation, 32 octets.
  // `documents` may be null: then the binary's own documents hold. `metrics` may be, too.
  Service(Settings settings, FactMemory& memory, PriceChanges& changes, engine::Shards& shards,
          const Clock& clock, absl::string_view mac_key,
          const documents::DocumentReader* documents = nullptr,
          telemetry::MetricsScope* metrics = nullptr);

  void Bind(rpc::MethodRegistry& methods);
  // Offers what CalculatePrices answers to `sampler`, which outlives it. Before it serves.
  void SampleWith(Sampler* sampler) { sampler_ = sampler; }
  // The whole explanation of a decision of the tenant, the same octets each time.
  // Errors: those of GetDecision.
  absl::StatusOr<std::string> ExplanationOf(const std::string& tenant,
                                            const std::string& decision_id);

  // Errors: INVALID_ARGUMENT / LINES_REQUIRED, TOO_MANY_LINES, INCLUDE_UNKNOWN,
  // TIME_INVALID, TOO_MANY_COUPONS, CURRENCY_UNKNOWN, CURRENCY_REQUIRED; NOT_FOUND /
  // ACCOUNT_NOT_FOUND, CHANNEL_NOT_FOUND; FAILED_PRECONDITION / HISTORY_GONE.
  // Shape: appends the bytes of a v1::CalculatePricesResponse to `out`.
  absl::Status Calculate(const Principal& principal, const v1::CalculatePricesRequest& request,
                         std::string& out);
  // Errors as above.
  absl::Status Explain(const Principal& principal, const v1::ExplainPriceRequest& request,
                       v1::PriceExplanation& response);
  // Errors: NOT_FOUND / DECISION_NOT_FOUND; FAILED_PRECONDITION / HISTORY_GONE,
  // ENGINE_GONE, REQUEST_NEEDED; UNAVAILABLE / NOT_YET_APPLIED.
  absl::Status GetDecision(const Principal& principal, const v1::GetDecisionRequest& request,
                           v1::PriceExplanation& response);
  // Errors: those of GetDecision; INVALID_ARGUMENT / REQUEST_DIFFERENT, FIELD_INVALID.
  absl::Status ReplayDecision(const Principal& principal, const v1::ReplayDecisionRequest& request,
                              v1::DecisionReplay& response);
  // Errors: those of Calculate; INVALID_ARGUMENT / REQUEST_ID_REQUIRED, ACCOUNT_REQUIRED,
  // FIELD_INVALID; FAILED_PRECONDITION / NOTHING_TO_LOCK.
  absl::Status LockPrices(const Principal& principal, const v1::LockPricesRequest& request,
                          v1::LockPricesResponse& response);
  // A lock that does not hold is an answer.
  absl::Status VerifyPriceLock(const Principal& principal,
                               const v1::VerifyPriceLockRequest& request,
                               v1::PriceLockVerification& response) const;
  absl::Status ListPriceLockKeys(v1::ListPriceLockKeysResponse& response) const;
  // Errors: those of Calculate; INVALID_ARGUMENT / FIELD_INVALID.
  absl::Status ComparePrices(const Principal& principal, const v1::ComparePricesRequest& request,
                             v1::PriceComparison& response);

 private:
  // The lock of a question, if it holds for it; else why not stands in `use`.
  std::optional<v1::PriceLock> UsableLock(const Principal& principal, const std::string& text,
                                          const Ask& ask, v1::PriceLockUse& use) const;
  using Lines = google::protobuf::RepeatedPtrField<v1::PriceRequestLine>;
  // `lines`: all of the request, where the price may depend on them.
  void ExplainLine(const Facts& facts, const Principal& principal, const Ask& ask,
                   const Buyer& buyer, const LineQuestion& question, const RulesInForce& rules,
                   Stamp position, const std::string& epoch, v1::PriceExplanation& response,
                   const Lines* lines = nullptr) const;
  // `request` may be null. `line_number` becomes that of its line.
  absl::Status TellDecision(const Principal& principal, const std::string& id,
                            const v1::CalculatePricesRequest* request,
                            v1::PriceExplanation& response, int* line_number) const;

  const Settings settings_;
  FactMemory& memory_;
  engine::Shards& shards_;
  const Clock& clock_;
  const documents::DocumentReader* const documents_;
  // By Waterfall::kCounted; null without metrics.
  std::array<telemetry::Counter*, std::size(Waterfall::kCounted)> notices_{};
  SipKey key_;
  const rpc::SigningKey lock_key_;
  const rpc::JsonWebKeySet lock_keys_;
  PriceWatchers watchers_;
  Sampler* sampler_ = nullptr;
};

}  // namespace weft::pricing
