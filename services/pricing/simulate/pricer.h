// Prices past or sampled questions with two sets of rules and adds up what differs.
// Of one thread; the facts may be another snapshot for every case.
#pragma once

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/service/documents/service.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/domain/simulation.h"

namespace weft::pricing::simulate {

// One question: lines that were asked together. Views live as long as the call.
struct Case {
  absl::string_view id;
  absl::string_view account;
  absl::string_view channel;
  absl::string_view currency;
  absl::string_view project;
  absl::string_view ship_to;
  std::vector<std::string> coupons;
  int64_t as_of_us = 0;
  struct Line {
    int number = 0;  // From 1.
    LineQuestion question;
  };
  std::vector<Line> lines;
};

// What one line comes to with one set of rules. Views live as long as the facts.
struct Outcome {
  LineReason reason = LineReason::kNone;
  Decimal net;
  bool contract = false;
  absl::string_view maker;  // Contract, or book.
  uint64_t codes = 0;       // Of the waterfall's steps.
  int64_t cost = 0;
};

// "books/LIST, VOLUME_DISCOUNT"; of no price the reason.
void NameRule(const Outcome& outcome, const Waterfall& waterfall, std::string& out);

// The lines for one buyer, in order.
void AskLines(const Facts& facts, const Buyer& buyer, const PricingRules& rules,
              const std::vector<Case::Line>& lines, LineAnswer& scratch,
              std::vector<Outcome>& outcomes);

class Pricer {
 public:
  // Costs of decisions, how many of each.
  using Costs = absl::flat_hash_map<int64_t, int64_t>;

  Pricer(int examples, documents::CompiledFor before, documents::CompiledFor after)
      : before_(std::move(before)), after_(std::move(after)), result_(examples) {}

  // Errors: FAILED_PRECONDITION / RULES_STALE.
  absl::Status Price(const Facts& facts, const Case& asked);
  const Simulation& result() const { return result_; }
  Simulation& result() { return result_; }
  const Costs& costs_before() const { return costs_before_; }
  const Costs& costs_after() const { return costs_after_; }

 private:
  struct Sets {
    const PricingRules* before = nullptr;
    const PricingRules* after = nullptr;
  };
  absl::StatusOr<Sets> RulesFor(const Facts& facts, const Buyer& buyer, absl::string_view channel);

  const documents::CompiledFor before_;
  const documents::CompiledFor after_;
  Simulation result_;
  Costs costs_before_, costs_after_;
  absl::flat_hash_map<std::tuple<std::string, std::string, std::string>, Sets> sets_;
  // Scratch.
  Buyer buyer_;
  LineAnswer answer_;
  std::vector<Outcome> outcomes_before_, outcomes_after_;
  std::string rule_before_, rule_after_;
};

// The figures of all, as a report tells them.
void SetReport(const Simulation& result, documents::v1::SimulateResponse& out);
// The percentiles of costs, merged.
void SetCostReport(const std::vector<const Pricer::Costs*>& before,
                   const std::vector<const Pricer::Costs*>& after,
                   documents::v1::SimulateResponse& out);

}  // namespace weft::pricing::simulate
