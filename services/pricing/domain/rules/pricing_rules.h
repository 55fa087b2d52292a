// All rules of one activation, compiled: access sequence, waterfall, rounding points.
//
//   auto rules = PricingRules::Compile(documents, activation, faults);
//   PriceFinder finder(facts, buyer, *rules);
//
// Documents that pricing knows (README.md, "Documents"):
//
//   kind            id
//   FactSchema      pricing-line, pricing-surcharge
//   AccessSequence  pricing.prices
//   RuleSet         pricing.line-price, and those it calls
//   DecisionTable   pricing.rounding, pricing.surcharges, and those the rule sets ask
//
// Immutable once compiled and usable by any number of threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libs/rules/document/tree.h"
#include "libs/rules/table/decision_table.h"
#include "services/pricing/domain/rules/access_plan.h"
#include "services/pricing/domain/rules/charge_rules.h"
#include "services/pricing/domain/rules/line_facts.h"
#include "services/pricing/domain/rules/rounding.h"
#include "services/pricing/domain/rules/waterfall.h"

namespace weft::pricing {

// One active document.
struct RuleDocument {
  std::string kind;
  std::string id;
  int64_t version = 0;   // 0 = the platform's default, as it is in this binary.
  std::string body;      // YAML or JSON.
};

class PricingRules {
 public:
  static constexpr char kSchema[] = "pricing-line";
  static constexpr char kAccess[] = "pricing.prices";
  static constexpr char kLinePrice[] = "pricing.line-price";
  static constexpr char kRounding[] = "pricing.rounding";
  static constexpr char kChargeSchema[] = "pricing-surcharge";
  static constexpr char kCharges[] = "pricing.surcharges";

  // The platform's own documents, as they are in this binary.
  static const std::vector<RuleDocument>& PlatformDocuments();
  // The rules they make. Never destroyed.
  static const std::shared_ptr<const PricingRules>& Platform();

  // Documents that are not among `documents` are the platform's. nullptr when
  // `faults` holds errors; their paths start with the document's id.
  static std::shared_ptr<const PricingRules> Compile(const std::vector<RuleDocument>& documents,
                                                     int64_t activation,
                                                     std::vector<rules::Fault>& faults);

  const AccessPlan& access() const { return *access_; }
  const Waterfall& waterfall() const { return *waterfall_; }
  const FactBinding& binding() const { return *binding_; }
  const ChargeRules& charges() const { return *charges_; }
  // The rounding points for a buyer.
  Rounding RoundingFor(const Facts& facts, const Buyer& buyer) const;
  // Number of the activation; 0 = the platform's documents of this binary.
  int64_t activation() const { return activation_; }
  // -1 when there is no such document.
  int64_t VersionOf(const std::string& kind, const std::string& id) const;
  // The first moment after `us` at which a rule begins or ends; kForEver = none.
  int64_t NextBoundary(int64_t us) const;

 private:
  friend class RulesCompiler;
  PricingRules() = default;

  int64_t activation_ = 0;
  std::shared_ptr<const AccessPlan> access_;
  std::shared_ptr<const FactBinding> binding_;
  std::shared_ptr<const rules::DecisionTable> rounding_table_;
  std::unique_ptr<const Waterfall> waterfall_;
  std::unique_ptr<const ChargeRules> charges_;
  bool rounding_is_fixed_ = false;  // The same for all buyers at all times.
  Rounding rounding_;
  std::vector<int64_t> boundaries_;
  std::map<std::pair<std::string, std::string>, int64_t> versions_;
};

}  // namespace weft::pricing
