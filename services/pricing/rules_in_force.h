// The rules that hold for a question, and where facts and documents stand together.
//
//   RulesInForce rules(documents, tenant);
//   const FactMemory::Snapshot facts(memory, tenant);       // After the rules.
//   WEFT_RETURN_IF_ERROR(rules.Find(facts, ask, buyer, rules.At(facts.position())));
//   PriceFinder finder(facts, buyer, *rules);
//
// A thread remembers what it found last for a few tenants and scopes. As long as
// nothing is published and no moment of an activation passes, a question takes no
// lock and touches nothing that other threads write.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/service/documents/reader.h"
#include "services/pricing/asking.h"
#include "services/pricing/domain/rules/pricing_rules.h"

namespace weft::pricing {

class RulesInForce {
 public:
  // Make it before the snapshot of the facts. `documents` may be nullptr: the
  // binary's own documents hold. Both outlive it.
  RulesInForce(const documents::DocumentReader* documents, absl::string_view tenant);

  // The position of an answer whose facts stand at `facts`.
  Stamp At(Stamp facts) const { return std::max(facts, known_); }
  // The position of the newest documents that had been recorded by a moment; 0 = none.
  Stamp KnownBy(int64_t us) const;
  // Looks the rules up: for the buyer and moment of `ask`, of documents up to `at`.
  // Errors: FAILED_PRECONDITION / RULES_STALE.
  absl::Status Find(const Facts& facts, const Ask& ask, const Buyer& buyer, Stamp at);
  const PricingRules& operator*() const { return *rules_; }
  // The first moment after the as-of at which other documents take over.
  int64_t until_us() const { return until_us_; }
  // Numbers of the activations that Find() came to; 0 = none.
  int64_t activation() const { return active_ == nullptr ? 0 : active_->set.activation; }
  int64_t platform_activation() const {
    return active_ == nullptr ? 0 : active_->set.platform_activation;
  }

 private:
  const documents::DocumentReader* const documents_;
  const absl::string_view tenant_;
  Stamp known_ = 0;
  int64_t until_us_ = kForEver;
  std::shared_ptr<const documents::Active> active_;
  const PricingRules* rules_;
};

}  // namespace weft::pricing
