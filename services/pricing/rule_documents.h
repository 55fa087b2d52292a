// Pricing's part in documents: what it makes of a set, and what it ships.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/rules/documents/compile.h"
#include "libs/service/documents/reader.h"
#include "services/pricing/asking.h"
#include "services/pricing/domain/rules/pricing_rules.h"

namespace weft::pricing {

// Kinds of pricing; a set becomes PricingRules.
rules::Kinds PricingKinds();
// Texts of the platform's documents in this binary.
std::vector<std::string> ShippedDocuments();

// The rules that hold for a question, and where facts and documents stand together.
class RulesInForce {
 public:
  // Make it before the snapshot of the facts. `documents` may be nullptr: the
  // binary's own documents hold.
  RulesInForce(const documents::DocumentReader* documents, absl::string_view tenant);

  // The position of an answer whose facts stand at `facts`.
  Stamp At(Stamp facts) const { return std::max(facts, known_); }
  // Looks the rules up: for the buyer and moment of `ask`, of documents up to `at`.
  // Errors: FAILED_PRECONDITION / RULES_STALE.
  absl::Status Find(const Facts& facts, const Ask& ask, const Buyer& buyer, Stamp at);
  const PricingRules& operator*() const { return *rules_; }
  // Numbers of the activations that Find() came to; 0 = none.
  int64_t activation() const { return active_ == nullptr ? 0 : active_->set.activation; }
  int64_t platform_activation() const {
    return active_ == nullptr ? 0 : active_->set.platform_activation;
  }

 private:
  const documents::DocumentReader* const documents_;
  const std::string tenant_;
  Stamp known_ = 0;
  std::shared_ptr<const documents::Active> active_;
  const PricingRules* rules_;
};

}  // namespace weft::pricing
