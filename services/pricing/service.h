// The RPCs of the room. Reads only: from the read model in memory, or for past
// moments from the stored rows. Safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/base/clock.h"
#include "libs/base/principal.h"
#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "services/pricing/asking.h"
#include "services/pricing/config.h"
#include "services/pricing/domain/decision_id.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/domain/siphash.h"
#include "services/pricing/memory/fact_memory.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

// Lines of a request with known_at: they are read from the disk.
inline constexpr int kMaxPastLines = 200;

class Service {
 public:
  // All outlive the service. `mac_key`: secret of the installation, 32 octets.
  Service(Settings settings, FactMemory& memory, engine::Shards& shards, const Clock& clock,
          absl::string_view mac_key);

  void Bind(rpc::MethodRegistry& methods);

  // Errors: INVALID_ARGUMENT / LINES_REQUIRED, TOO_MANY_LINES, INCLUDE_UNKNOWN,
  // TIME_INVALID, CURRENCY_UNKNOWN, CURRENCY_REQUIRED; NOT_FOUND / ACCOUNT_NOT_FOUND,
  // CHANNEL_NOT_FOUND.
  // Shape: appends the bytes of a v1::CalculatePricesResponse to `out`.
  absl::Status Calculate(const Principal& principal, const v1::CalculatePricesRequest& request,
                         std::string& out);
  // Errors as above.
  absl::Status Explain(const Principal& principal, const v1::ExplainPriceRequest& request,
                       v1::PriceExplanation& response);
  // Errors: NOT_FOUND / DECISION_NOT_FOUND; FAILED_PRECONDITION / HISTORY_GONE,
  // ENGINE_GONE; UNAVAILABLE / NOT_YET_APPLIED.
  absl::Status GetDecision(const Principal& principal, const v1::GetDecisionRequest& request,
                           v1::PriceExplanation& response);

 private:
  void ExplainLine(const Facts& facts, const Principal& principal, const Ask& ask,
                   const Buyer& buyer, const LineQuestion& question, Stamp position,
                   const std::string& epoch, v1::PriceExplanation& response) const;

  const Settings settings_;
  FactMemory& memory_;
  engine::Shards& shards_;
  const Clock& clock_;
  SipKey key_;
};

}  // namespace weft::pricing
