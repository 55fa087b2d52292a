#include "services/pricing/rule_documents.h"

#include <utility>

#include "services/pricing/domain/rules/platform_documents.h"
#include "services/pricing/state.h"

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

RulesInForce::RulesInForce(const documents::DocumentReader* documents, absl::string_view tenant)
    : documents_(documents), tenant_(tenant), rules_(PricingRules::Platform().get()) {
  if (documents_ == nullptr) return;
  const engine::Position newest = documents_->newest(tenant_);
  if (newest.offset >= 0) known_ = StampOf(newest.generation, newest.offset);
}

absl::Status RulesInForce::Find(const Facts& facts, const Ask& ask, const Buyer& buyer,
                                Stamp at) {
  if (documents_ == nullptr) return absl::OkStatus();
  rules::DocumentScope scope;
  if (buyer.account != nullptr) {
    scope.organisation = std::string(facts.Text(buyer.account->organisation));
    scope.branch = std::string(facts.Text(buyer.account->branch));
  }
  scope.channel = ask.channel;
  const engine::Position position{static_cast<int64_t>(at >> 48),
                                  static_cast<int64_t>(at & ((Stamp{1} << 48) - 1))};
  active_ = documents_->Find(tenant_, scope, absl::FromUnixMicros(ask.as_of_us), position);
  if (!active_->status.ok()) return active_->status;
  if (const auto* made = active_->compiled->As<PricingRules>(); made != nullptr) rules_ = made;
  return absl::OkStatus();
}

}  // namespace weft::pricing
