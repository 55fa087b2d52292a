// Rule sets that refer to each other, parsed together in the order they need.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libs/rules/rule_set/rule_set.h"

namespace weft::rules {

struct RuleSetSource {
  const Tree* document;
  std::shared_ptr<const FactSchema> schema;
};

using TableFinder = std::function<std::shared_ptr<const DecisionTable>(const std::string& id)>;

// Shape: the rule sets without faults, by id. Paths of faults start with the id
// of their document ("pricing.line-price: steps[2].when"). Documents that call
// each other in a circle get `reference_cycle`, two of one id `duplicate_id`.
std::map<std::string, std::shared_ptr<const RuleSet>> ParseRuleSets(
    const std::vector<RuleSetSource>& sources, const TableFinder& tables,
    std::vector<Fault>& faults);

}  // namespace weft::rules
