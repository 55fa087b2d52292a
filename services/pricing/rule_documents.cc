#include "services/pricing/rule_documents.h"

#include <utility>

#include "services/pricing/domain/rules/platform_documents.h"
#include "services/pricing/domain/rules/pricing_rules.h"

namespace weft::pricing {
namespace {

bool Decides(const std::string& kind) {
  return kind == "FactSchema" || kind == "AccessSequence" || kind == "RuleSet" ||
         kind == "DecisionTable";
}

std::shared_ptr<const void> MakeRules(const rules::DocumentSet& set, const rules::Rules&,
                                      std::vector<rules::Finding>& findings) {
  std::vector<RuleDocument> documents;
  for (const rules::SetDocument& document : set.documents) {
    if (!Decides(document.key.kind)) continue;
    documents.push_back({.kind = document.key.kind,
                         .id = document.key.id,
                         .version = document.version,
                         .body = *document.source});
  }
  std::vector<rules::Fault> faults;
  auto made = PricingRules::Compile(documents, set.activation, faults);
  for (rules::Fault& fault : faults) {
    // "pricing.line-price: steps[0].set", or only a path.
    std::string about;
    if (const size_t colon = fault.path.find(": "); colon != std::string::npos) {
      const std::string id = fault.path.substr(0, colon);
      for (const rules::SetDocument& document : set.documents) {
        if (document.key.id == id && Decides(document.key.kind)) about = document.key.ToText();
      }
      fault.path = fault.path.substr(colon + 2);
    }
    findings.push_back(rules::ToFinding(fault, about));
  }
  return made;
}

}  // namespace

rules::Kinds PricingKinds() {
  rules::Kinds kinds;
  // Read by MakeRules with what it refers to.
  kinds.kinds["AccessSequence"] = [](const rules::SetDocument&, std::vector<rules::Finding>&) {};
  kinds.make = &MakeRules;
  return kinds;
}

std::vector<std::string> ShippedDocuments() {
  std::vector<std::string> texts;
  for (const PlatformDocument& document : kPlatformDocuments) texts.push_back(document.body);
  return texts;
}

}  // namespace weft::pricing
