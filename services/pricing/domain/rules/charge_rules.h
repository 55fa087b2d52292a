// What the table pricing.surcharges makes of the surcharges of an order: for whom they
// are waived, or taken in part.
#pragma once

#include <memory>
#include <vector>

#include "libs/rules/table/decision_table.h"
#include "services/pricing/domain/charges.h"
#include "services/pricing/domain/rules/line_facts.h"

namespace weft::pricing {

class ChargeRules {
 public:
  // `table` is written against the binding's schema. nullptr and a fault
  // (`output_missing`) when it has no output `percent`, a decimal.
  static std::unique_ptr<const ChargeRules> Make(std::shared_ptr<const FactBinding> binding,
                                                 std::shared_ptr<const rules::DecisionTable> table,
                                                 std::vector<rules::Fault>& faults);

  // Asks the table for each surcharge that is taken: its amount becomes that many
  // percent, rounded like itself; 0 = it is lost as kWaived. One for which the table
  // cannot be computed, or says less than 0, is taken as it is.
  void Apply(const Facts& facts, const Buyer& buyer, const Rounding& rounding,
             std::vector<Charge>& charges) const;

  const std::string& id() const { return table_->id(); }
  const rules::DecisionTable& table() const { return *table_; }

 private:
  ChargeRules() = default;

  std::shared_ptr<const FactBinding> binding_;
  std::shared_ptr<const rules::DecisionTable> table_;
  bool any_rule_ = false;  // Else every surcharge is taken as the table's default says.
};

}  // namespace weft::pricing
